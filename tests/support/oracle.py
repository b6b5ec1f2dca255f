"""What one committed change may do to a milestone, stated a second time and plainly.

The simulation asks this after every write. Nothing of `domain` is called: due
times, waits, leases, windows and limits are worked out here from the policy's
numbers, so a fault in the rules cannot hide behind the same fault in the check.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.policy import CatchUp, DeferralKind, Policy
from firstry.domain.record import StoredReport, TenantRecord

LIVE = (State.SCHEDULED, State.CLAIMED)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TOLERANCE = timedelta(seconds=5)
SILENCE = timedelta(hours=72)
IN_A_ROW = {DeferralKind.TOKEN: 5, DeferralKind.QUOTA: 48}


@dataclass(frozen=True, slots=True)
class Step:
    """One committed change of one tenant. `now` is the instant it was decided for."""

    before: TenantRecord | None
    after: TenantRecord
    report: StoredReport | None
    now: datetime
    policy: Policy


def breaches(step: Step) -> list[str]:
    """Return what this change broke, each with the invariant's number."""
    found = list(_tenant(step))
    for new in step.after.milestones:
        old = step.before.milestone(*new.key) if step.before is not None else None
        if new != old:
            name = f"{new.trigger} revision {new.revision}"
            found += [f"{breach} ({name})" for breach in _milestone(step, old, new)]
    return found


def _tenant(step: Step) -> Iterator[str]:
    if step.before is None:
        return
    if step.before.installation.installed_at != step.after.installation.installed_at:
        yield "I8: the first installation evidence moved"
    was, now = step.before.installation.reinstalled_at, step.after.installation.reinstalled_at
    has_gone = step.before.uninstalled_at is not None or any(
        milestone.state is State.CANCELLED for milestone in step.before.milestones
    )
    if was != now and not has_gone:
        yield "I13: reinstalled without having been uninstalled"
    if {m.key for m in step.before.milestones} - {m.key for m in step.after.milestones}:
        yield "I3: a milestone went"
    claims = [m for m in step.after.milestones if _is_claim(step.before, m)]
    if len(claims) > 1:
        yield "G: one change claims two milestones"


def _is_claim(before: TenantRecord, new: Milestone) -> bool:
    old = before.milestone(*new.key)
    return old is not None and new.state is State.CLAIMED and new.starts > old.starts


def _milestone(step: Step, old: Milestone | None, new: Milestone) -> Iterator[str]:
    if old is None:
        yield from _armed(step, new)
        return
    if old.state not in LIVE:
        yield f"I3: {old.state} is final, yet it changed"
        return
    if (old.due_at, old.installed_at) != (new.due_at, new.installed_at):
        yield "I8: the due time moved"
    yield from _kind(old, new)(step, old, new)


Check = Callable[[Step, Milestone, Milestone], Iterator[str]]


def _kind(old: Milestone, new: Milestone) -> Check:
    """Return the check for what happened, told by the rows alone."""
    if new.state is State.CLAIMED:
        return _claimed
    if new.settled_fence != old.settled_fence and new.settled_as is not None:
        return _SETTLED.get(new.settled_as, _unexplained)
    if new.state in LIVE:
        return _reset if new.fence != old.fence else _retried
    return _ENDED.get(new.state, _unexplained)


def _armed(step: Step, new: Milestone) -> Iterator[str]:
    ages = dict(step.policy.triggers)
    if (new.state, new.attempts, new.starts, new.fence) != (State.SCHEDULED, 0, 0, 0):
        yield "I4: a milestone does not start fresh"
    if new.next_due != new.due_at:
        yield "I8: a fresh milestone waits for another instant than its due time"
    if new.trigger not in ages:
        if (new.due_at, new.window_end_at) != (step.now, None):
            yield "I8: a report that was asked for is not due at once, or has a window"
        return
    if new.due_at != new.installed_at + ages[new.trigger]:
        yield "I8: the due time is not installation plus age"
    if new.window_end_at not in (None, _window_end(step.policy, new)):
        yield "I8: the window ends at another time than the next trigger begins"
    installation = step.after.installation
    if new.installed_at not in (installation.installed_at, installation.reinstalled_at):
        earlier = step.after.milestone(new.trigger, new.revision - 1)
        if earlier is None or earlier.installed_at != new.installed_at:
            yield "I8: armed from no evidence"


def _window_end(policy: Policy, new: Milestone) -> datetime | None:
    later = [age for _, age in policy.triggers if age > dict(policy.triggers)[new.trigger]]
    if policy.catch_up is CatchUp.ALL or not later:
        return None
    return new.installed_at + min(later)


def _claimed(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    now, before, policy = step.now, step.before, step.policy
    assert before is not None
    if (new.fence, new.starts, new.attempts) != (old.fence + 1, old.starts + 1, old.attempts + 1):
        yield "I4, I6: a claim does not count fence, start and attempt once"
    if now < old.due_at:
        yield "I8: claimed before it was due"
    if now < old.next_due:
        yield "I7: claimed before its wait was over"
    if old.lease_until is not None and now < old.lease_until:
        yield "I5: claimed while an attempt held it"
    if new.lease_until != now + policy.lease:
        yield "I7: the lease ends at another time"
    elif new.next_due != new.lease_until + _wait(policy, new.attempts):
        yield "I7: a crash would wait another time than the table says"
    if old.attempts >= _allowed(policy, old):
        yield "I6: claimed with no attempt left"
    if old.window_end_at is not None and old.window_end_at <= now:
        yield "I8: claimed after its window"
    if before.paused_at is not None or before.uninstalled_at is not None:
        yield "claimed for a tenant that is paused or has uninstalled"
    if before.store_clock_at is not None and now < before.store_clock_at - TOLERANCE:
        yield "I14: claimed by a clock that lies behind the store"
    token_ends = step.after.token_expires_at
    if token_ends is None or token_ends - MINUTE < now + policy.generation_timeout:
        yield "claimed without a token that outlives the attempt"


def _settled(old: Milestone, new: Milestone) -> Iterator[str]:
    if old.state is not State.CLAIMED or new.settled_fence != old.fence or new.fence != old.fence:
        yield "I5: settled under a fence that was not in force"
    if new.starts != old.starts:
        yield "I6: settling changed the starts"


def _completed(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    yield from _settled(old, new)
    report = step.report
    if report is None or report.report_id != new.report_id or new.completed_at is None:
        yield "I2: completed without its report or marker"
    elif (report.tenant, report.trigger, report.revision) != (step.after.tenant, *new.key):
        yield "I9: completed with the report of something else"
    if new.attempts != old.attempts:
        yield "I6: completing changed the attempts"


def _failed(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    yield from _settled(old, new)
    error = new.last_error
    if new.attempts != old.attempts or error is None:
        yield "I6: a failure is not charged, or not told"
    elif new.next_due != error.at + _wait(step.policy, new.attempts):
        yield "I7: a failure waits another time than the table says"
    elif error.at < step.now:
        yield "I7: a failure waits from before it happened"


def _deferred(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    yield from _settled(old, new)
    if new.attempts != old.attempts - 1:
        yield "I6: a deferral does not give back its attempt"
    if new.deferral_kind is None:
        yield "a deferral has no kind"
        return
    is_change = old.deferral_kind not in (None, new.deferral_kind)
    if is_change and old.starts - old.attempts >= sum(IN_A_ROW.values()) * old.attempts:
        yield "I10: deferrals of both kinds by turns are not charged"
    in_a_row = old.deferrals + 1 if old.deferral_kind is new.deferral_kind else 1
    if new.deferrals != in_a_row or in_a_row > IN_A_ROW[new.deferral_kind]:
        yield "I6: deferrals in a row are miscounted, or too many"
    if not step.now + MINUTE <= new.next_due:
        yield "I7: a deferral waits less than a minute"


def _missed(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    if old.window_end_at is None or step.now < old.window_end_at:
        yield "I10: missed inside its window"
    yield from _not_held(step, old)


def _discarded(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    if old.attempts < _allowed(step.policy, old):
        yield "I10: discarded with attempts left"
    if step.now < old.next_due:
        yield "I10: discarded before its wait was over"
    yield from _not_held(step, old)


def _cancelled(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    before, after = step.before, step.after
    assert before is not None
    last_tick_at = before.last_tick_at
    is_silent = last_tick_at is not None and step.now - last_tick_at >= SILENCE
    if after.uninstalled_at is None and not is_silent:
        yield "I10: cancelled for a tenant that neither uninstalled nor fell silent"
    if after.token_expires_at is not None:
        yield "I16: the token of a tenant that has gone is kept"


def _reset(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    if (new.attempts, new.fence, new.next_due) != (0, old.fence + 1, old.due_at):
        yield "I4: a reset does not start over under the next fence"
    if new.starts != old.starts:
        yield "I6: a reset changed the starts"


def _retried(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    yield from _not_held(step, old)
    if new.state is not State.SCHEDULED or new.next_due > max(step.now, old.due_at):
        yield "a retry does not let it go on at once"
    if (new.attempts, new.starts) != (old.attempts, old.starts):
        yield "I6: a retry changed what is counted"


def _unexplained(step: Step, old: Milestone, new: Milestone) -> Iterator[str]:
    yield f"I5: no act leads from {old.state} to {new.state} like this"


def _not_held(step: Step, old: Milestone) -> Iterator[str]:
    if old.lease_until is not None and step.now < old.lease_until:
        yield "I5: changed while an attempt held it"


def _wait(policy: Policy, attempt: int) -> timedelta:
    return policy.waits[-1] if attempt > len(policy.waits) else policy.waits[attempt - 1]


def _allowed(policy: Policy, milestone: Milestone) -> int:
    return min(3, policy.max_attempts) if milestone.trigger == "MANUAL" else policy.max_attempts


_SETTLED: dict[Act, Check] = {Act.COMPLETE: _completed, Act.FAIL: _failed, Act.DEFER: _deferred}
_ENDED: dict[State, Check] = {
    State.MISSED: _missed,
    State.DISCARDED: _discarded,
    State.CANCELLED: _cancelled,
}
