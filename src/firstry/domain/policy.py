"""The rules that settings may change: triggers, windows, waits, limits.

A table, not a formula: an operator reads the whole policy at one glance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NewType

Trigger = NewType("Trigger", str)
"""What causes a report: `AUTO_12H`, `AUTO_24H`, or another name from the settings."""

MANUAL = Trigger("MANUAL")
"""The trigger of a report that somebody asked for; it has no age and no window."""

WAITS = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=24))
TOKEN_MARGIN = timedelta(seconds=60)
"""A token is dropped this long before it expires (platform facts, docs/forge.md)."""
CLOCK_TOLERANCE = timedelta(seconds=5)
"""How far the clock may lie behind the store's high-water mark (I14)."""
TICK_NOTE_INTERVAL = timedelta(hours=1)
"""An idle tick writes `last_tick_at` only when the stored one is older than this."""


class CatchUp(StrEnum):
    """Whether a trigger may still be served after the next one is due."""

    LATEST = "latest"
    ALL = "all"


class DeferralKind(StrEnum):
    """Why a claimed attempt was put off without being charged."""

    TOKEN = "token"
    QUOTA = "quota"


SILENCE = timedelta(hours=72)
"""No tick for this long, and a site that refuses our token counts as uninstalled."""
MANUAL_ATTEMPTS = 3
MANUAL_RATE_PERIOD = timedelta(hours=1)


DEFERRALS_IN_A_ROW = {DeferralKind.TOKEN: 5, DeferralKind.QUOTA: 48}
"""More of one kind in a row than this, and the attempt is charged as failed."""
DEFERRALS_BY_TURNS = sum(DEFERRALS_IN_A_ROW.values())
"""So many for each charged attempt, and the next change of kind is charged as failed (I10)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything `decide`, `claim` and `settle` need to know besides the record.

    `triggers` rise strictly in age; every wait is within (0, 24 h]; the
    generation time-out is shorter than the lease. `config` refuses the rest.
    """

    triggers: tuple[tuple[Trigger, timedelta], ...] = (
        (Trigger("AUTO_12H"), timedelta(hours=12)),
        (Trigger("AUTO_24H"), timedelta(hours=24)),
    )
    waits: tuple[timedelta, ...] = WAITS
    max_attempts: int = 10
    manual_rate: int = 6
    catch_up: CatchUp = CatchUp.LATEST
    generation_timeout: timedelta = timedelta(seconds=120)
    lease: timedelta = timedelta(seconds=300)
    retention: timedelta | None = timedelta(days=90)
    """How long what a tenant told is kept after its uninstallation; None is for ever."""

    def attempts_allowed(self, trigger: Trigger) -> int:
        """Return how many attempts a milestone of `trigger` is charged at most."""
        return min(MANUAL_ATTEMPTS, self.max_attempts) if trigger == MANUAL else self.max_attempts

    def window_end(self, trigger: Trigger, installed_at: datetime) -> datetime | None:
        """Return when `trigger` may no longer be begun, or None if never.

        Under `latest` that is when the next trigger is due; the last trigger's
        window never ends.
        """
        for (name, _), (_, following_age) in pairwise(self.triggers):
            if name == trigger:
                return None if self.catch_up is CatchUp.ALL else installed_at + following_age
        if trigger != self.triggers[-1][0]:
            raise ValueError(f"{trigger} is no trigger of this policy")
        return None


def wait_after(attempt: int, waits: Sequence[timedelta] = WAITS) -> timedelta:
    """Return the wait that follows failed attempt number `attempt`.

    Attempts count from 1; past the end of the table the last wait repeats,
    so no wait is ever longer than the last entry (contract D, I7).

    >>> wait_after(1), wait_after(2)
    (datetime.timedelta(seconds=1800), datetime.timedelta(seconds=7200))
    >>> wait_after(9) == wait_after(3) == timedelta(hours=24)
    True
    """
    if attempt < 1:
        raise ValueError(f"attempts count from 1, got {attempt}")
    return waits[min(attempt, len(waits)) - 1]
