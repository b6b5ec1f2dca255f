"""When a message that was not taken is tried again."""

from datetime import timedelta

import pytest

from firstry.insight.alert import RETRY_WAITS, AlertName, Firing, is_waiting, told, tried
from support.domain import MOMENT, at

FOUND = Firing("what", "why", "remedy", 1)


@pytest.mark.parametrize(
    ("before", "waits"),
    [
        (-MOMENT, False),
        (timedelta(), False),
        (MOMENT, True),
        (RETRY_WAITS[-1], True),
        (RETRY_WAITS[-1] + MOMENT, False),
    ],
)
def test_no_message_waits_longer_than_the_longest_wait(before: timedelta, waits: bool) -> None:
    """A clock that was set back would else keep it until its hour came round again."""
    record = told(None, AlertName.VAULT_DRY, FOUND, at(1), None)
    assert record is not None
    begun = tried(record, at(1))
    assert is_waiting(begun, begun.next_try_at - before) is waits
