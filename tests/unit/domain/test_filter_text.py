"""The filter language: what each field takes, and where a text stops to parse."""

from datetime import timedelta

import pytest

from firstry.domain.errors import InputInvalid
from firstry.domain.filter import Condition, Field, Filter, Operator
from firstry.domain.filter_text import (
    RULES,
    FilterInvalid,
    parse_filter,
    parse_span,
    print_filter,
    print_span,
)

TAKEN = {
    Field.SITE: "= ~",
    Field.PAUSED: "=",
    Field.UNINSTALLED: "=",
    Field.INSTALLED: "< >",
    Field.TICK: "< >",
    Field.STATE: "= !=",
    Field.TRIGGER: "= !=",
    Field.ERROR: "=",
    Field.ATTEMPTS: "= < >",
    Field.BACKOFF: "< >",
    Field.LATE: "< >",
    Field.DUE: "< >",
}


@pytest.mark.parametrize("field", Field)
@pytest.mark.parametrize("operator", Operator)
def test_a_field_takes_its_own_operators_and_no_other(field: Field, operator: Operator) -> None:
    value = RULES[field].example.removeprefix(field).lstrip("=~<>!")
    text = f"{field}{operator}{value}"
    if operator in TAKEN[field].split():
        (condition,) = parse_filter(text).conditions
        assert (condition.field, condition.operator) == (field, operator)
        return
    with pytest.raises(FilterInvalid, match=f"{field} does not take") as refused:
        parse_filter(text)
    assert refused.value.position == 1 + len(field)
    assert f"it takes {TAKEN[field]}" in refused.value.message


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("site~acme", Condition(Field.SITE, Operator.HAS, ("acme",))),
        ("site=a,b,a", Condition(Field.SITE, Operator.IS, ("a", "b"))),
        ("paused=yes", Condition(Field.PAUSED, Operator.IS, True)),
        ("uninstalled=no", Condition(Field.UNINSTALLED, Operator.IS, False)),
        ("attempts=0", Condition(Field.ATTEMPTS, Operator.IS, 0)),
        ("attempts>999999", Condition(Field.ATTEMPTS, Operator.ABOVE, 999_999)),
        ("late<90m", Condition(Field.LATE, Operator.BELOW, timedelta(minutes=90))),
        ("state!=due", Condition(Field.STATE, Operator.NOT, ("due",))),
    ],
)
def test_a_condition_is_read(text: str, condition: Condition) -> None:
    assert parse_filter(text) == Filter((condition,))
    assert parse_filter(print_filter(Filter((condition,)))) == Filter((condition,))


def test_blanks_stand_between_conditions_and_none_means_everybody() -> None:
    assert parse_filter("") == parse_filter("  \n") == Filter()
    assert len(parse_filter("  late>1h\tlate<2h ").conditions) == 2
    assert print_filter(parse_filter("late>60m  late<2h")) == "late>1h late<2h"
    assert print_filter(parse_filter("paused=yes uninstalled=no attempts>7")) == (
        "paused=yes uninstalled=no attempts>7"
    )


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("late>1h acme", 9, "'acme' has no field and operator"),
        (" Late>1h", 2, "'Late>1h' has no field and operator"),
        ("late>1h  size>3", 10, "'size' is no field"),
        ("paused=yes late>soon", 17, "'soon' is not a span"),
        ("state!=late", 8, "'late' is not one of"),
        ("paused=yes late>1h late>2h", 20, "late> stands there twice"),
        ("site~a,b", 6, "'a,b' is not"),
        ("attempts=1000000", 10, "is not a whole number"),
        ("attempts=\u0667", 10, "is not a whole number"),
    ],
)
def test_what_does_not_parse_names_its_place(text: str, position: int, said: str) -> None:
    with pytest.raises(FilterInvalid, match=said) as refused:
        parse_filter(text)
    assert refused.value.position == position
    assert f"at character {position}:" in refused.value.message
    parse_filter(refused.value.example)


def test_a_field_may_stand_once_with_each_operator() -> None:
    assert len(parse_filter("attempts=1 attempts<2 attempts>0").conditions) == 3
    assert len(parse_filter("late>1h due>1h").conditions) == 2


def test_a_filter_has_a_longest_text() -> None:
    blank = " " * 993
    assert len(parse_filter(f"late>1h{blank}").conditions) == 1
    with pytest.raises(FilterInvalid, match="longer than 1000 characters") as refused:
        parse_filter(f"late>1h {blank}")
    assert refused.value.position == 1000


def test_a_filter_has_at_most_twenty_conditions() -> None:
    """No text of twenty different ones is needed: one that stands twice is told later."""
    with pytest.raises(FilterInvalid, match="stands there twice"):
        parse_filter(" ".join(["late>1h"] * 20))
    with pytest.raises(FilterInvalid, match="more than 20 conditions") as refused:
        parse_filter(" ".join(["late>1h"] * 21))
    assert refused.value.position == 161


def test_a_condition_has_at_most_nine_alternatives() -> None:
    (condition,) = parse_filter("site=a,b,c,d,e,f,g,h,i,a").conditions
    assert condition.value == tuple("abcdefghi")
    with pytest.raises(FilterInvalid, match="'a,b,c,d,e,f,g,h,i,j' is not"):
        parse_filter("site=a,b,c,d,e,f,g,h,i,j")


def test_long_words_are_shown_in_part() -> None:
    with pytest.raises(FilterInvalid) as refused:
        parse_filter("x" * 61)
    assert repr("x" * 60) in refused.value.message


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("36525d", timedelta(days=36525)),
        ("876600h", timedelta(days=36525)),
    ],
)
def test_a_span_is_read(text: str, span: timedelta) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "7", "d", "1w", "1.5h", "-1h", "36526d", "1000000s", "1 h"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(InputInvalid, match="is no span of time"):
        parse_span(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0d"),
        (timedelta(seconds=61), "61s"),
        (timedelta(seconds=120), "2m"),
        (timedelta(minutes=60), "1h"),
        (timedelta(minutes=61), "61m"),
        (timedelta(hours=24), "1d"),
        (timedelta(hours=25), "25h"),
        (timedelta(days=7), "7d"),
    ],
)
def test_a_span_is_told_in_the_largest_unit_that_says_it_exactly(
    span: timedelta, text: str
) -> None:
    assert print_span(span) == text


def test_where_no_place_is_told_it_is_the_first_character() -> None:
    assert FilterInvalid("it is empty").position == 1
    assert "at character 1: it is empty" in FilterInvalid("it is empty").message
