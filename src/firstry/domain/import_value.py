"""What the values of the predecessor's storage say, one small fact at a time.

A fact is a tuple of plain values, so that millions of them can be put aside in a
file. What cannot be read is refused with its reason and never guessed, but a
completion counts whatever its value looks like: the key alone says that the
trigger was done (contract C, P2).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from firstry.domain.errors import InputInvalid
from firstry.domain.import_key import Key, KeyKind, Refused
from firstry.domain.instant import from_milliseconds, parse_instant, to_milliseconds
from firstry.domain.policy import Trigger

Fact = tuple[Any, ...]
"""Its kind, a letter; the trigger that it is about, or None; and numbers."""

INSTALLED, DONE, ATTEMPTS, WAIT, ERROR = "i", "d", "a", "w", "e"
_TRIGGERS = (("auto_12h", Trigger("AUTO_12H")), ("auto_24h", Trigger("AUTO_24H")))
_MOST_ATTEMPTS = 1_000_000


@dataclass(slots=True)
class Told:
    """All that a dump tells of one tenant.

    `done` holds when a trigger was done, None where that cannot be read. `waits`
    are ends of a wait, under None where it is not said for which trigger.
    """

    installed_at: datetime | None = None
    done: dict[Trigger, datetime | None] = field(default_factory=dict)
    attempts: dict[Trigger, int] = field(default_factory=dict)
    waits: dict[Trigger | None, datetime] = field(default_factory=dict)
    errors: dict[Trigger, tuple[datetime, int]] = field(default_factory=dict)

    def add(self, fact: Fact) -> None:
        """Take a fact in; of two that differ, the earlier installation, the longer wait."""
        kind, trigger, number = fact[:3]
        if kind == INSTALLED:
            at = from_milliseconds(number)
            self.installed_at = min(at, self.installed_at or at)
        elif kind == DONE:
            known = self.done.get(trigger)
            self.done[trigger] = known or (None if number is None else from_milliseconds(number))
        elif kind == ATTEMPTS:
            self.attempts[trigger] = max(number, self.attempts.get(trigger, 0))
        elif kind == WAIT:
            until = from_milliseconds(number)
            self.waits[trigger] = max(until, self.waits.get(trigger, until))
        else:
            self.errors[trigger] = (from_milliseconds(number), fact[3])


def facts_of(key: Key, value: object, now: datetime) -> list[Fact] | Refused:
    """Return what `value` says under `key`, or why it cannot be used.

    An attempt's own key and the latest report say nothing that is taken over:
    attempts are counted in the state, and a report is made from evidence or not
    at all.
    """
    if key.kind is KeyKind.DONE:
        at = value.get("completed_at") if isinstance(value, dict) else None
        return [(DONE, key.trigger, _past(at, now))]
    if key.kind in (KeyKind.ATTEMPT, KeyKind.REPORT):
        return []
    if not isinstance(value, dict):
        return Refused("its value is no object")
    if key.kind is KeyKind.INSTALLATION:
        at = _instant(value.get("installed_at"))
        if at is None or from_milliseconds(at) > now:
            return Refused("installed_at is no full instant with its zone, or lies in the future")
        return [(INSTALLED, None, at)]
    return list(_state(value, now))


def _state(value: Mapping[str, object], now: datetime) -> Iterator[Fact]:
    for name, trigger in _TRIGGERS:
        generated_at = value.get(f"{name}_generated_at")
        if generated_at not in (None, "", 0, False):
            yield DONE, trigger, _past(generated_at, now)
        attempts = value.get(f"{name}_attempt_count")
        if isinstance(attempts, int | float) and attempts >= 1:
            yield ATTEMPTS, trigger, int(min(attempts, _MOST_ATTEMPTS))
    error = value.get("last_error")
    failed = _failed(error) if isinstance(error, dict) else None
    until = _instant(value.get("last_backoff_until"))
    if until is not None and from_milliseconds(until) > now:
        yield WAIT, failed, until
    if failed is not None and isinstance(error, dict):
        at = _past(error.get("timestamp"), now)
        number = _attempt(error.get("attempt_count"))
        yield ERROR, failed, to_milliseconds(now) if at is None else at, number


def _failed(error: Mapping[str, object]) -> Trigger | None:
    named = error.get("trigger")
    return next((trigger for _, trigger in _TRIGGERS if trigger == named), None)


def _attempt(number: object) -> int:
    """Return the number of an attempt; what cannot be one is taken for the first."""
    return max(number, 1) if isinstance(number, int) and number <= _MOST_ATTEMPTS else 1


def _past(value: object, now: datetime) -> int | None:
    """Return an instant in milliseconds, None if it is none or has not come yet."""
    at = _instant(value)
    return None if at is None or from_milliseconds(at) > now else at


def _instant(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        return to_milliseconds(parse_instant(value))
    except InputInvalid:
        return None
