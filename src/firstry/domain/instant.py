"""Instants: aware, UTC, whole milliseconds; one text form everywhere.

Milliseconds are what the store keeps, so an instant that was written compares
equal to the same instant read back.
"""

from datetime import UTC, datetime, timedelta

from firstry.domain.errors import InputInvalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_EXAMPLE = "2026-01-31T09:30:00Z"


def iso(instant: datetime) -> str:
    """Return the text form, for example `2026-01-31T09:30:00.000Z`.

    >>> iso(datetime(2026, 1, 31, 9, 30, tzinfo=UTC))
    '2026-01-31T09:30:00.000Z'
    """
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def to_milliseconds(instant: datetime) -> int:
    """Return whole milliseconds since 1970-01-01 UTC."""
    return (instant - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the instant that `to_milliseconds` was given."""
    return _EPOCH + milliseconds * _MILLISECOND


def from_seconds(seconds: float) -> datetime:
    """Return the instant `seconds` after 1970-01-01 UTC, cut to milliseconds."""
    return from_milliseconds(int(seconds * 1000))


def parse_instant(text: str) -> datetime:
    """Read a full ISO 8601 instant with its zone; anything less raises InputInvalid.

    A date without a time, a time without a zone or a bare year is refused: a
    guess of one hour would move a due time by one hour (contract B).
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        if instant.tzinfo is None or "T" not in text.upper():
            raise ValueError
        return from_milliseconds(to_milliseconds(instant))
    except (ValueError, OverflowError):
        raise InputInvalid(
            f"{text!r} is not a full ISO 8601 instant with a zone",
            f"write date, time and zone, for example {_EXAMPLE}",
        ) from None
