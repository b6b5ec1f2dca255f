"""Claim one attempt: counted, fenced and with its crash backoff, before any work.

Why this is safe: the change is written in one transaction, guarded by the state
and fence that were read. Whoever loses the race finds another fence and gets a
`Quiet`. Because the attempt is counted and `next_due` already lies beyond the
lease, a worker that dies at any later point has spent its attempt and the next
one waits as after a failure (I4, I6, I7).
"""

from datetime import datetime

from firstry.domain.cancel import cancelled, is_presumed_uninstalled, presumption_entry
from firstry.domain.canonical import Json
from firstry.domain.due import Due, Quiet, Reason, decide, end_of, has_ends, switched_on
from firstry.domain.instant import iso
from firstry.domain.ledger import SCHEDULER, Entry, Head
from firstry.domain.milestone import Act, LastError, Milestone, State, require
from firstry.domain.policy import Policy, Trigger, wait_after
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.domain.value import replace, value


@value(frozen=True, slots=True)
class Claim:
    """A worker's exclusive right to one attempt, until its lease runs out.

    The lease only decides when others may try; the fence alone decides whose
    result counts. `head` is the tenant's ledger head with this claim in it.
    `follows_crash` says that the lease of the attempt before it had run out.
    """

    tenant: Tenant
    trigger: Trigger
    revision: int
    attempt: int
    fence: int
    decided_at: datetime
    lease_until: datetime
    installed_at: datetime
    head: Head
    follows_crash: bool = False


def claim(record: TenantRecord | None, now: datetime, policy: Policy) -> Change[Claim | Quiet]:
    """Return the change that claims what is due, and writes the ends that are reached.

    Ends come first: a window that is over is written as missed, used-up attempts
    as discarded, each with its ledger entry, whether or not anything is claimed
    (P10). Without anything to write the change is empty.
    """
    if record is None:
        return Change(Quiet(Reason.INSTALLATION_UNKNOWN))
    entries: list[Entry] = []
    after = _close(record, now, policy, entries) if has_ends(record, now, policy) else record
    decision = decide(after, now, policy)
    if isinstance(decision, Quiet):
        if not entries:
            return Change(decision)
        after, sealed = ledgered(after, entries)
        return Change(decision, after, sealed)
    claimed = _claimed(decision, now, policy)
    entries.append(claim_entry(claimed, now))
    after, sealed = ledgered(after.with_milestone(claimed), entries)
    follows_crash = decision.milestone.state is State.CLAIMED
    return Change(_claim_of(after, claimed, now, follows_crash=follows_crash), after, sealed)


def milestone_entry(act: Act, milestone: Milestone, at: datetime, **detail: Json) -> Entry:
    """Return the scheduler's ledger entry for a transition of `milestone`."""
    named: dict[str, Json] = {"trigger": milestone.trigger, "revision": milestone.revision}
    return Entry(act.value, at, SCHEDULER, named | detail)


def claim_entry(milestone: Milestone, at: datetime) -> Entry:
    """Return the ledger entry of a claim."""
    assert milestone.lease_until is not None
    return milestone_entry(
        Act.CLAIM,
        milestone,
        at,
        attempt=milestone.attempts,
        fence=milestone.fence,
        lease_until=iso(milestone.lease_until),
    )


def _close(
    record: TenantRecord, now: datetime, policy: Policy, entries: list[Entry]
) -> TenantRecord:
    if is_presumed_uninstalled(record, now):
        return _cancel_all(record, now, entries)
    for milestone in switched_on(record):
        act = end_of(milestone, now, policy)
        if act is None:
            continue
        ended = replace(crash_noted(milestone), state=require(act, milestone), lease_until=None)
        entries.append(milestone_entry(act, ended, now, attempts=ended.attempts))
        record = record.with_milestone(ended)
    return record


def _cancel_all(record: TenantRecord, now: datetime, entries: list[Entry]) -> TenantRecord:
    entries.append(presumption_entry(record, now))
    after, cancellations = cancelled(record, now)
    entries += cancellations
    return replace(after, token_expires_at=None)


def _claimed(due: Due, now: datetime, policy: Policy) -> Milestone:
    milestone = crash_noted(due.milestone)
    attempt = milestone.attempts + 1
    lease_until = now + policy.lease
    return replace(
        milestone,
        state=require(Act.CLAIM, milestone),
        attempts=attempt,
        starts=milestone.starts + 1,
        fence=milestone.fence + 1,
        lease_until=lease_until,
        next_due=lease_until + wait_after(attempt, policy.waits),
    )


def crash_noted(milestone: Milestone) -> Milestone:
    """Name the lease that ran out, where the last attempt ended without an outcome."""
    if milestone.state is not State.CLAIMED or milestone.lease_until is None:
        return milestone
    error = LastError(
        "LEASE_EXPIRED",
        "the attempt ended without an outcome before its lease ran out",
        milestone.lease_until,
        milestone.attempts,
    )
    return replace(milestone, last_error=error)


def _claim_of(
    record: TenantRecord, milestone: Milestone, now: datetime, *, follows_crash: bool
) -> Claim:
    assert milestone.lease_until is not None
    return Claim(
        tenant=record.tenant,
        trigger=milestone.trigger,
        revision=milestone.revision,
        attempt=milestone.attempts,
        fence=milestone.fence,
        decided_at=now,
        lease_until=milestone.lease_until,
        installed_at=milestone.installed_at,
        head=record.head,
        follows_crash=follows_crash,
    )
