"""Numbers and instants as people read them: relative, with the UTC instant behind them."""

import re
from datetime import datetime, timedelta

from firstry.domain.instant import iso

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z")
_UNITS = (
    (timedelta(days=1), "days"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def span(length: timedelta) -> str:
    """Return a span in its largest unit that leaves at least two of it.

    >>> span(timedelta(minutes=119)), span(timedelta(hours=30)), span(timedelta(days=9))
    ('119 min', '30 h', '9 days')
    """
    size, name = next((u for u in _UNITS if length >= 2 * u[0]), _UNITS[-1])
    return f"{length // size} {name}"


def relative(instant: datetime, now: datetime) -> str:
    """Return how far an instant lies from `now`.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> relative(noon, noon), relative(noon, noon + timedelta(hours=3))
    ('now', '3 h ago')
    >>> relative(noon, noon - timedelta(minutes=28))
    'in 28 min'
    """
    away = instant - now
    if abs(away) < timedelta(seconds=1):
        return "now"
    return f"in {span(away)}" if away > timedelta() else f"{span(-away)} ago"


def utc(instant: datetime) -> str:
    """Return the instant to the second, for example `2026-03-01 12:00:00 UTC`."""
    return f"{iso(instant)[:10]} {iso(instant)[11:19]} UTC"


def told_utc(sentence: str) -> str:
    """Return a sentence with its instants to the second, as `utc` writes them.

    >>> told_utc("backoff until 2026-03-01T12:30:00.000Z, as always")
    'backoff until 2026-03-01 12:30:00 UTC, as always'
    """
    return _INSTANT.sub(r"\1 \2 UTC", sentence)


def number(count: int) -> str:
    """Return a count with thin gaps between thousands.

    >>> number(1234567).replace(chr(0x202F), "_")
    '1_234_567'
    """
    return f"{count:,}".replace(",", "\u202f")
