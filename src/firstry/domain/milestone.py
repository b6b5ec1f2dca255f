"""One trigger of one tenant: the row that everything turns around.

`next_due` alone says when an attempt may be claimed: it holds the due time,
then the backoff, and during a claim `lease_until` plus the backoff of a crash.
A worker that dies therefore leaves behind a spent attempt with its wait already
set, and nobody has to come and rescue it (I6, I7).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firstry.domain.policy import DeferralKind, Trigger
from firstry.domain.value import value


class State(StrEnum):
    """Where a milestone stands. The last four are final."""

    SCHEDULED = "scheduled"
    CLAIMED = "claimed"
    COMPLETED = "completed"
    MISSED = "missed"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"


LIVE = frozenset({State.SCHEDULED, State.CLAIMED})
IMPORTED_REPORT = "imported"
"""The report id of a completion that the predecessor reached: there is no such report here."""


class Act(StrEnum):
    """What may happen to a milestone. Its ledger entry has the same name."""

    ARM = "ARMED"
    CLAIM = "CLAIMED"
    COMPLETE = "COMPLETED"
    FAIL = "FAILED"
    DEFER = "DEFERRED"
    MISS = "MISSED"
    DISCARD = "DISCARDED"
    CANCEL = "CANCELLED"
    RESET = "RESET"
    RETRY = "RETRY_REQUESTED"


TRANSITIONS: Mapping[Act, tuple[frozenset[State], State]] = {
    Act.ARM: (frozenset(), State.SCHEDULED),
    Act.CLAIM: (LIVE, State.CLAIMED),
    Act.COMPLETE: (frozenset({State.CLAIMED}), State.COMPLETED),
    Act.FAIL: (frozenset({State.CLAIMED}), State.SCHEDULED),
    Act.DEFER: (frozenset({State.CLAIMED}), State.SCHEDULED),
    Act.MISS: (LIVE, State.MISSED),
    Act.DISCARD: (LIVE, State.DISCARDED),
    Act.CANCEL: (LIVE, State.CANCELLED),
    Act.RESET: (LIVE, State.SCHEDULED),
    Act.RETRY: (LIVE, State.SCHEDULED),
}
"""Act -> (states it may start from, the state it leads to). docs/state-machine.md shows it."""


@dataclass(frozen=True, slots=True)
class LastError:
    """The last failure, in words that may be shown. `attempt` is the one that failed."""

    code: str
    message: str
    at: datetime
    attempt: int


@value(frozen=True, slots=True)
class Milestone:
    """One (tenant, trigger, revision), as stored.

    `installed_at` is the installation evidence that `due_at` was taken from.
    `attempts` counts charged attempts, the running or successful one included;
    `starts` counts every claim and never falls, also when a deferral gives its
    attempt back. `fence` rises with each claim and is never handed out twice
    (I4). `settled_fence` and `settled_as` say which claim was settled last and
    how, so that a lost answer to a settle can be found out by reading.
    """

    trigger: Trigger
    revision: int
    state: State
    installed_at: datetime
    due_at: datetime
    window_end_at: datetime | None
    next_due: datetime
    attempts: int = 0
    starts: int = 0
    fence: int = 0
    lease_until: datetime | None = None
    deferral_kind: DeferralKind | None = None
    deferrals: int = 0
    settled_fence: int | None = None
    settled_as: Act | None = None
    last_error: LastError | None = None
    completed_at: datetime | None = None
    report_id: str | None = None

    @property
    def key(self) -> tuple[Trigger, int]:
        """What names this milestone within its tenant."""
        return (self.trigger, self.revision)

    def is_live(self) -> bool:
        """Whether it can still lead to a report."""
        return self.state in LIVE

    def is_imported(self) -> bool:
        """Whether the predecessor completed it, so that it has neither report nor marker here."""
        return self.report_id == IMPORTED_REPORT

    def is_eligible(self, now: datetime) -> bool:
        """Whether an attempt may be claimed now, as far as time decides it."""
        return self.is_live() and self.next_due <= now

    def is_leased(self, now: datetime) -> bool:
        """Whether an attempt holds it now. `lease_until` is an exclusive end."""
        return (
            self.state is State.CLAIMED and self.lease_until is not None and now < self.lease_until
        )

    def is_window_over(self, now: datetime) -> bool:
        """Whether its window has ended. `window_end_at` is an exclusive end."""
        return self.window_end_at is not None and self.window_end_at <= now


def require(act: Act, milestone: Milestone) -> State:
    """Return the state that `act` leads to, or raise ValueError if it may not happen."""
    sources, target = TRANSITIONS[act]
    if milestone.state not in sources:
        raise ValueError(f"{act} cannot start from {milestone.state}")
    return target
