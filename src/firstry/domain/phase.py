"""Where a milestone stands at an instant, in the words of whoever watches it.

`State` is what is stored and says what may happen; a phase also knows what time
it is. Phases are told apart in the order in which a tick tells its reasons, so an
operator reads here what the platform was answered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from firstry.domain.milestone import Milestone, State
from firstry.domain.policy import TOKEN_MARGIN, Policy
from firstry.domain.record import TenantRecord

LONG_BACKOFF = timedelta(hours=2)


class Phase(StrEnum):
    """Every way in which a milestone can stand at an instant."""

    SCHEDULED = "scheduled"
    DUE = "due"
    WAITING = "waiting"
    RUNNING = "running"
    BACKOFF = "backoff"
    DEFERRED = "deferred"
    COMPLETED = "completed"
    MISSED = "missed"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Scene:
    """What has to be known to tell phases: the time, and how long a token must live.

    `long_backoff` is the wait above which somebody is to look, `retention` how long
    a tenant is kept after its uninstallation, None for ever.
    """

    now: datetime
    token_until: datetime
    long_backoff: timedelta = LONG_BACKOFF
    retention: timedelta | None = None


def scene_at(now: datetime, policy: Policy, long_backoff: timedelta = LONG_BACKOFF) -> Scene:
    """Return the scene of `now` under `policy`: a token must outlive an attempt begun now."""
    token_until = now + policy.generation_timeout + TOKEN_MARGIN
    return Scene(now, token_until, long_backoff, policy.retention)


def phase_of(record: TenantRecord, milestone: Milestone, scene: Scene) -> Phase:
    """Return where `milestone` of `record` stands. A pause of the tenant does not change it."""
    if not milestone.is_live():
        return Phase(milestone.state.value)
    if milestone.is_leased(scene.now):
        return Phase.RUNNING
    if milestone.is_eligible(scene.now):
        end = record.token_expires_at
        return Phase.DUE if end is not None and end >= scene.token_until else Phase.WAITING
    if milestone.state is State.SCHEDULED and milestone.deferral_kind is not None:
        return Phase.DEFERRED
    if milestone.state is State.CLAIMED or milestone.next_due > milestone.due_at:
        return Phase.BACKOFF
    return Phase.SCHEDULED


def current(record: TenantRecord) -> Iterator[Milestone]:
    """Yield the latest revision of each trigger; the earlier ones are history."""
    for milestone in record.milestones:
        if record.milestone(milestone.trigger, milestone.revision + 1) is None:
            yield milestone


def wait_began_at(milestone: Milestone) -> datetime:
    """Return since when `milestone` waits, if it does: its failure, or the end of its lease."""
    if milestone.state is State.CLAIMED and milestone.lease_until is not None:
        return milestone.lease_until
    return milestone.last_error.at if milestone.last_error is not None else milestone.due_at


def wait_of(milestone: Milestone) -> timedelta:
    """Return how long the wait is that `milestone` is in, from its beginning to its end."""
    return milestone.next_due - wait_began_at(milestone)
