"""How text from outside is shown: one line, nothing invisible, cut where it is too long."""

import pytest

from firstry.domain.display import LONGEST, counted, displayed


@pytest.mark.parametrize("text", ["", "plain", "J\u00fcrgen \u9234\u6728", "a\u3000b", "x" * 500])
def test_what_is_visible_is_shown_as_it_is(text: str) -> None:
    assert displayed(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\u000ab"),
        ("a\u00a0b c", r"a\u00a0b c"),
        ("\u202eabc\u3000", "\\u202eabc\u3000"),
        ("\uffff", r"\uffff"),
        ("\U000e0041", r"\U000e0041"),
        ("\U00010000\x00", "\U00010000\\u0000"),
        ("\ud800", r"\ud800"),
        ("\U0010ffff", r"\U0010ffff"),
    ],
)
def test_what_is_invisible_is_written_by_its_number(text: str, shown: str) -> None:
    assert displayed(text) == shown


def test_the_first_number_beyond_four_digits_has_eight() -> None:
    assert displayed("\U0001fffe") == r"\U0001fffe"


def test_long_text_is_cut_and_says_how_much_is_missing() -> None:
    assert LONGEST == 500
    assert displayed("x" * 501) == "x" * 500 + "... (1 more characters)"
    assert displayed("abcdef", 4) == "abcd... (2 more characters)"
    assert displayed("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 reports"), (1, "1 report"), (2, "2 reports"), (-1, "-1 reports")]
)
def test_one_thing_is_told_in_the_singular(count: int, told: str) -> None:
    assert counted(count, "report", "reports") == told
