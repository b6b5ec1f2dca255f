"""How often a sign-in may fail: by address, in all, and with bounded memory."""

from datetime import UTC, datetime, timedelta

import pytest

from firstry.domain.console_session import SignInLimited
from firstry.web.console.limit import (
    MOST_ADDRESSES,
    MOST_OF_ADDRESS,
    MOST_OF_ALL,
    SPAN,
    SignInLimit,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


def test_an_address_is_let_try_again_when_its_oldest_failure_is_old() -> None:
    limit = SignInLimit()
    for number in range(MOST_OF_ADDRESS):
        limit.refuse_if_over("a", NOON)
        limit.note_failure("a", NOON + number * MOMENT)
    with pytest.raises(SignInLimited) as refused:
        limit.refuse_if_over("a", NOON + SPAN - MOMENT)
    assert "2026-03-01T12:05:00.000Z" in refused.value.remedy
    limit.refuse_if_over("b", NOON)
    limit.refuse_if_over("a", NOON + SPAN)
    limit.note_failure("a", NOON + SPAN)
    with pytest.raises(SignInLimited):
        limit.refuse_if_over("a", NOON + SPAN)


def test_many_addresses_together_are_limited_too() -> None:
    limit = SignInLimit()
    for number in range(MOST_OF_ALL):
        limit.refuse_if_over(f"a{number}", NOON)
        limit.note_failure(f"a{number}", NOON)
    with pytest.raises(SignInLimited):
        limit.refuse_if_over("somebody else", NOON)
    limit.refuse_if_over("somebody else", NOON + SPAN)


def test_the_memory_is_bounded_and_forgets_who_failed_longest_ago() -> None:
    limit = SignInLimit()
    for _ in range(MOST_OF_ADDRESS):
        limit.note_failure("first", NOON)
    later = NOON + SPAN - timedelta(seconds=1)
    for number in range(MOST_ADDRESSES):
        limit.note_failure(f"a{number}", later - SPAN)  # old enough not to count for all
    limit.refuse_if_over("first", later)
