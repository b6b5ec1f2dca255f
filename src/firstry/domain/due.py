"""Is anything due for this tenant, and if not, why not? Pure, and total.

Order of precedence: no installation evidence, paused, then one milestone: the
first that may be claimed, else the youngest whose due time has passed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firstry.domain.cancel import REFUSALS_NEEDED, is_presumed_uninstalled
from firstry.domain.flag import GENERATION, is_trigger_off
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.plan import is_planned_anew
from firstry.domain.policy import CLOCK_TOLERANCE, MANUAL, SILENCE, TOKEN_MARGIN, Policy
from firstry.domain.record import TenantRecord
from firstry.domain.value import value


class Reason(StrEnum):
    """Why a tick ended as it did. docs/state-machine.md lists them all."""

    GENERATED = "GENERATED"
    GENERATION_FAILED = "GENERATION_FAILED"
    GENERATION_IN_PROGRESS = "GENERATION_IN_PROGRESS"
    DEFERRED = "DEFERRED"
    WAITING_FOR_TOKEN = "WAITING_FOR_TOKEN"
    CLAIMED_ELSEWHERE = "CLAIMED_ELSEWHERE"
    BACKOFF_ACTIVE = "BACKOFF_ACTIVE"
    DONE_KEY_EXISTS = "DONE_KEY_EXISTS"
    CLOSED = "CLOSED"
    NOT_DUE = "NOT_DUE"
    PAUSED = "PAUSED"
    INSTALLATION_UNKNOWN = "INSTALLATION_UNKNOWN"
    CLOCK_BEHIND = "CLOCK_BEHIND"


@value(frozen=True, slots=True)
class Due:
    """This milestone may be claimed now."""

    milestone: Milestone


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing to attempt, and why. `milestone` is the one that the reason speaks of."""

    reason: Reason
    milestone: Milestone | None = None


def decide(record: TenantRecord | None, now: datetime, policy: Policy) -> Due | Quiet:
    """Return the milestone to claim at `now`, or the reason for leaving it.

    Only a milestone whose window is open and whose attempts are not used up is
    ever Due; `ends` says what becomes of the others.
    """
    if record is None or not record.is_evidenced():
        return Quiet(Reason.INSTALLATION_UNKNOWN)
    if record.paused_at is not None or GENERATION in record.switched_off:
        return Quiet(Reason.PAUSED)
    if is_clock_behind(record, now):
        return Quiet(Reason.CLOCK_BEHIND)
    if has_live_token(record, now, policy):
        for milestone in switched_on(record):
            if milestone.is_eligible(now) and end_of(milestone, now, policy) is None:
                return Due(milestone)
    passed = [m for m in record.milestones if m.due_at <= now and not is_planned_anew(record, m)]
    if not passed:
        return Quiet(Reason.NOT_DUE)
    if passed[-1].is_live() and is_trigger_off(record.switched_off, passed[-1].trigger):
        return Quiet(Reason.PAUSED)
    return Quiet(_reason_of(passed[-1], now, policy), passed[-1])


def switched_on(record: TenantRecord) -> tuple[Milestone, ...]:
    """Return the milestones whose triggers are on: nothing is claimed or ended of the others."""
    off = record.switched_off
    if not off:
        return record.milestones
    return tuple(m for m in record.milestones if not is_trigger_off(off, m.trigger))


def end_of(milestone: Milestone, now: datetime, policy: Policy) -> Act | None:
    """Return how `milestone` ends now without a further attempt, or None.

    Judged only where nobody holds it: an attempt that was begun inside the
    window may still be settled after it. A milestone that waits beyond the end
    of its window is closed as soon as the window is over, not when its wait is:
    no attempt can come of it, and whoever watches it learns so earlier.
    """
    if not milestone.is_live():
        return None
    may_close = milestone.state is State.SCHEDULED or milestone.is_eligible(now)
    if may_close and milestone.is_window_over(now):
        return Act.MISS
    allowed = policy.attempts_allowed(milestone.trigger)
    if milestone.is_eligible(now) and milestone.attempts >= allowed:
        return Act.DISCARD
    return None


def has_ends(record: TenantRecord, now: datetime, policy: Policy) -> bool:
    """Whether a claim at `now` would close any milestone of the tenant."""
    if record.paused_at is not None or is_clock_behind(record, now):
        return False
    if GENERATION in record.switched_off:
        return False
    if is_presumed_uninstalled(record, now):
        return True
    return any(end_of(m, now, policy) is not None for m in switched_on(record))


@dataclass(frozen=True, slots=True)
class DueQuery:
    """What a store has to know to find tenants with something to claim or to close."""

    now: datetime
    token_until: datetime
    max_attempts: int
    manual_attempts: int
    silent_since: datetime
    refusals: int = REFUSALS_NEEDED


def due_query(now: datetime, policy: Policy) -> DueQuery:
    """Return the query that finds at `now` what `decide` and `end_of` act on."""
    return DueQuery(
        now=now,
        token_until=now + policy.generation_timeout + TOKEN_MARGIN,
        max_attempts=policy.max_attempts,
        manual_attempts=policy.attempts_allowed(MANUAL),
        silent_since=now - SILENCE,
    )


def has_live_token(record: TenantRecord, now: datetime, policy: Policy) -> bool:
    """Whether the tenant's token outlives an attempt that would start now."""
    if record.token_expires_at is None:
        return False
    return record.token_expires_at - TOKEN_MARGIN >= now + policy.generation_timeout


def has_become_due(before: TenantRecord | None, after: TenantRecord | None, now: datetime) -> bool:
    """Whether a milestone is due at `now` that was not, as after an operator's retry."""
    if after is None:
        return False
    return any(
        each.is_eligible(now)
        for each in after.milestones
        if each.state is State.SCHEDULED
        and (
            (old := before.milestone(*each.key) if before else None) is None
            or not old.is_eligible(now)
        )
    )


def is_clock_behind(record: TenantRecord, now: datetime) -> bool:
    """Whether `now` lies too far behind what the store has already seen (I14)."""
    return is_behind(record.store_clock_at, now)


def is_behind(store_clock_at: datetime | None, now: datetime) -> bool:
    """Whether `now` lies more than the tolerance behind the store's high-water mark."""
    return store_clock_at is not None and now < store_clock_at - CLOCK_TOLERANCE


def _reason_of(milestone: Milestone, now: datetime, policy: Policy) -> Reason:
    if milestone.state is State.COMPLETED:
        return Reason.DONE_KEY_EXISTS
    if not milestone.is_live() or end_of(milestone, now, policy) is not None:
        return Reason.CLOSED
    if milestone.is_leased(now):
        return Reason.CLAIMED_ELSEWHERE
    if milestone.is_eligible(now):
        return Reason.WAITING_FOR_TOKEN
    if milestone.state is State.SCHEDULED and milestone.deferral_kind is not None:
        return Reason.DEFERRED
    return Reason.BACKOFF_ACTIVE
