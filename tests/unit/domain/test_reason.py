"""A reason is one line that says something."""

import pytest

from firstry.domain.errors import InputInvalid
from firstry.domain.reason import parse_reason


@pytest.mark.parametrize("text", ["x", "support case 17", "x" * 500])
def test_a_reason_is_kept(text: str) -> None:
    assert parse_reason(text) == text
    assert parse_reason(f"  {text}\n") == text


@pytest.mark.parametrize("text", ["", "  \n", "x" * 501, "two\nlines", "a\u202eb"])
def test_what_is_no_reason(text: str) -> None:
    with pytest.raises(InputInvalid, match="one line of 1 to 500 characters"):
        parse_reason(text)
