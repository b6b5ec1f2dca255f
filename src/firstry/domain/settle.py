"""Write an outcome under the fence of the claim that earned it.

Why this is safe: the milestone must still be claimed under the claim's own
fence. If a newer claim exists the outcome is dropped (`Fenced`); if this very
claim was settled already, the answer to an earlier try was lost and the stored
outcome is the answer (`Settled.is_repeat`). So a settle may be sent again with
the same bytes as often as needed, and counts once (I1, I2, I5).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from firstry.domain.claim import Claim, milestone_entry
from firstry.domain.instant import iso
from firstry.domain.ledger import Entry
from firstry.domain.milestone import Act, LastError, Milestone, State, require
from firstry.domain.outcome import Completed, Deferred, Failed, Outcome
from firstry.domain.policy import DEFERRALS_BY_TURNS, DEFERRALS_IN_A_ROW, Policy, wait_after
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.value import replace, value


@value(frozen=True, slots=True)
class Settled:
    """The outcome is in the store; `milestone` is how it stands now."""

    act: Act
    milestone: Milestone
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Fenced:
    """Refused: the claim is no longer the milestone's. Its result is dropped."""

    milestone: Milestone | None


def settle(
    record: TenantRecord | None, held: Claim, outcome: Outcome, now: datetime, policy: Policy
) -> Change[Settled | Fenced]:
    """Return the change that settles `held` with `outcome`, or Fenced."""
    milestone = record.milestone(held.trigger, held.revision) if record is not None else None
    if record is None or milestone is None:
        return Change(Fenced(None))
    if milestone.settled_fence == held.fence and milestone.settled_as is not None:
        return Change(Settled(milestone.settled_as, milestone, is_repeat=True))
    if milestone.state is not State.CLAIMED or milestone.fence != held.fence:
        return Change(Fenced(milestone))
    at = max(now, held.decided_at)
    act, settled, entries = _apply(milestone, held, _charged(milestone, outcome), at, policy)
    after, sealed = ledgered(record.with_milestone(settled), entries)
    report = outcome.report if isinstance(outcome, Completed) else None
    return Change(Settled(act, settled), after, sealed, report)


def _charged(milestone: Milestone, outcome: Outcome) -> Outcome:
    """Turn one deferral too many into a failure: one more in a row, or one more change of kind.

    A deferral of another kind begins a new row, so rows alone would never end where
    the kinds alternate. Hence a change of kind is charged once as many attempts were
    given back as the rows of both kinds allow for each charged one. Within a row this
    changes nothing: two refused tokens in a row, the sign of an uninstallation, can
    always come about. A reset takes the charge from its attempts and leaves the
    starts, so an alternation that goes on after it is charged sooner, at its changes.
    """
    if not isinstance(outcome, Deferred) or milestone.deferral_kind is None:
        return outcome
    if milestone.deferral_kind is outcome.kind:
        if milestone.deferrals < DEFERRALS_IN_A_ROW[outcome.kind]:
            return outcome
        return Failed(f"DEFERRED_TOO_OFTEN_{outcome.kind.name}", outcome.message)
    given_back = milestone.starts - milestone.attempts
    if given_back < DEFERRALS_BY_TURNS * milestone.attempts:
        return outcome
    return Failed("DEFERRED_TOO_OFTEN_BY_TURNS", outcome.message)


def _apply(
    milestone: Milestone, held: Claim, outcome: Outcome, at: datetime, policy: Policy
) -> tuple[Act, Milestone, list[Entry]]:
    if isinstance(outcome, Completed):
        return Act.COMPLETE, *_complete(milestone, held, outcome, at)
    if isinstance(outcome, Deferred):
        return Act.DEFER, *_defer(milestone, held, outcome, at)
    if isinstance(outcome, Failed):
        return Act.FAIL, *_fail(milestone, held, outcome, at, policy)
    assert_never(outcome)


def _complete(
    milestone: Milestone, held: Claim, outcome: Completed, at: datetime
) -> tuple[Milestone, list[Entry]]:
    report = outcome.report
    settled = replace(
        _released(milestone, held, Act.COMPLETE),
        next_due=milestone.next_due,
        deferral_kind=None,
        deferrals=0,
        completed_at=at,
        report_id=report.report_id,
    )
    entry = milestone_entry(
        Act.COMPLETE,
        milestone,
        at,
        attempt=held.attempt,
        fence=held.fence,
        report_id=report.report_id,
        digest=report.digest,
    )
    return settled, [*outcome.evidence, entry]


def _defer(
    milestone: Milestone, held: Claim, outcome: Deferred, at: datetime
) -> tuple[Milestone, list[Entry]]:
    in_a_row = milestone.deferrals if milestone.deferral_kind is outcome.kind else 0
    until = outcome.wait_end(at)
    settled = replace(
        _released(milestone, held, Act.DEFER),
        next_due=until,
        attempts=milestone.attempts - 1,
        deferral_kind=outcome.kind,
        deferrals=in_a_row + 1,
    )
    entry = milestone_entry(
        Act.DEFER,
        milestone,
        at,
        fence=held.fence,
        kind=outcome.kind.value,
        message=outcome.message,
        until=iso(until),
    )
    return settled, [entry]


def _fail(
    milestone: Milestone, held: Claim, outcome: Failed, at: datetime, policy: Policy
) -> tuple[Milestone, list[Entry]]:
    until = at + wait_after(milestone.attempts, policy.waits)
    settled = replace(
        _released(milestone, held, Act.FAIL),
        next_due=until,
        deferral_kind=None,
        deferrals=0,
        last_error=LastError(outcome.code, outcome.message, at, held.attempt),
    )
    entry = milestone_entry(
        Act.FAIL,
        milestone,
        at,
        attempt=held.attempt,
        fence=held.fence,
        code=outcome.code,
        message=outcome.message,
        until=iso(until),
    )
    return settled, [entry]


def _released(milestone: Milestone, held: Claim, act: Act) -> Milestone:
    return replace(
        milestone,
        state=require(act, milestone),
        lease_until=None,
        settled_fence=held.fence,
        settled_as=act,
    )
