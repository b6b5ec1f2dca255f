"""The invariants I1 to I8 and I15, judged from what a store holds and nothing else.

A `Snapshot` is everything one store holds of one tenant at one moment. A ledger
tells its whole past, so one snapshot shows most invariants for all committed
states before it (`breaches_of`); a later one shows what never changes
(`breaches_between`). A finding begins with the invariant's number; no findings,
no breach. Nothing here calls the rules that it judges: the waits, the fences and
the states are worked out anew from the ledger.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from firstry.domain.instant import parse_instant
from firstry.domain.ledger import SealedEntry, erased_entry, first_break
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.policy import Policy
from firstry.domain.record import Erasure, StoredReport, TenantRecord
from firstry.ports.store import Store
from support.domain import all_entries, all_reports
from support.replay import Replayed, replay

FINAL = frozenset({State.COMPLETED, State.MISSED, State.DISCARDED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a store holds of one tenant."""

    record: TenantRecord
    entries: tuple[SealedEntry, ...]
    reports: tuple[StoredReport, ...]


def snapshot(store: Store, record: TenantRecord) -> Snapshot:
    """Return what `store` holds of the tenant of `record`, at one moment.

    It is read in pieces; if somebody wrote in between, it is read again.
    """
    while True:
        entries, reports = all_entries(store, record.tenant), all_reports(store, record.tenant)
        following = store.read(record.tenant)
        if following is None or following.head == record.head:
            return Snapshot(record, entries, reports)
        record = following


def breaches(history: Sequence[Snapshot], policy: Policy) -> list[str]:
    """Return every breach in the committed states of one tenant, oldest first.

    The states need not follow each other without a gap.
    """
    found = [breach for each in history for breach in breaches_of(each, policy)]
    for before, after in pairwise(history):
        found += breaches_between(before, after)
    return found


def breaches_of(seen: Snapshot, policy: Policy) -> list[str]:
    """Return every breach that one snapshot shows. A broken chain tells nothing more.

    What became of a milestone before an erasure nobody can tell any more.
    """
    found = list(_ledger(seen))
    if found:
        return found
    found += _once_and_whole(seen)
    if seen.record.erasure is not None:
        found += _erased(seen, seen.record.erasure)
    for milestone in seen.record.milestones:
        if seen.record.erasure is not None and not _is_armed_in(seen.entries, milestone):
            continue
        replayed = replay(seen.entries, milestone, policy)
        name = f"{milestone.trigger} revision {milestone.revision}"
        found += [f"{breach} ({name})" for breach in _as_replayed(milestone, replayed)]
        found += [f"{breach} ({name})" for breach in _in_time(seen, milestone, replayed, policy)]
        found += [f"{breach} ({name})" for breach in _fences(milestone, replayed, policy)]
    return found


def breaches_between(before: Snapshot, after: Snapshot) -> list[str]:
    """Return what a later snapshot has lost or changed that must stay."""
    found = []
    is_erased = before.record.erasure != after.record.erasure
    entries = before.entries
    if is_erased and after.record.erasure is not None:
        until = after.record.erasure.sequence
        entries = tuple(erased_entry(e) if e.sequence < until else e for e in entries)
    if after.entries[: len(entries)] != entries:
        found.append("I15: a ledger entry changed or went")
    kept = {report.report_id: report for report in after.reports}
    for report in before.reports:
        expected = _emptied(report, after.record.erasure) if is_erased else report
        if kept.get(report.report_id) != expected:
            found.append("I3: a report changed or went")
    if before.record.installation.installed_at != after.record.installation.installed_at:
        found.append("I8: the installation evidence moved")
    for old in before.record.milestones:
        new = after.record.milestone(*old.key)
        if new is None:
            found.append("I3: a milestone went")
        elif old.state in FINAL and new != (replace(old, last_error=None) if is_erased else old):
            found.append(f"I3: {old.state} is final, yet it became {new.state} or changed")
        elif new.fence < old.fence or new.starts < old.starts:
            found.append("I4, I6: fence or starts fell")
    return found


def _once_and_whole(seen: Snapshot) -> Iterator[str]:
    """I1 and I2: one report for one completed milestone, neither without the other."""
    of_key = [(report.trigger, report.revision) for report in seen.reports]
    if len(set(of_key)) != len(of_key):
        yield "I1: two reports for one milestone"
    completed = [m for m in seen.record.milestones if m.state is State.COMPLETED]
    if set(of_key) != {m.key for m in completed if m.report_id != "imported"}:
        yield "I2: reports and completed milestones differ"
    for milestone in seen.record.milestones:
        marks = (milestone.completed_at is not None, milestone.report_id is not None)
        if set(marks) != {milestone.state is State.COMPLETED}:
            yield "I2: marker and state differ"
    for report in seen.reports:
        milestone_of_it = seen.record.milestone(report.trigger, report.revision)
        if milestone_of_it is not None and milestone_of_it.report_id != report.report_id:
            yield "I2: the marker names another report"
        if report.erased_at is not None:
            continue
        if report.digest != "sha256:" + hashlib.sha256(report.body).hexdigest():
            yield "I2: a report does not match its digest"
        yield from _cited(seen, report)


def _erased(seen: Snapshot, erasure: Erasure) -> Iterator[str]:
    """I3, I17: what an erasure tells of is without content, and nothing else is."""
    for entry in seen.entries:
        if (entry.erased_hash is not None) != (entry.sequence < erasure.sequence):
            yield "I17: an entry is erased and should not be, or the other way round"
    for report in seen.reports:
        if report.erased_at is None and report.generated_at <= erasure.at:
            yield "I17: a report outlived the erasure"
        if report.erased_at is not None and (report.body or report.envelope):
            yield "I17: an erased report still has content"


def _emptied(report: StoredReport, erasure: Erasure | None) -> StoredReport:
    if report.erased_at is not None or erasure is None:
        return report
    return replace(report, body=b"", envelope=b"", erased_at=erasure.at)


def _is_armed_in(entries: Sequence[SealedEntry], milestone: Milestone) -> bool:
    """Whether a milestone was armed by an entry that can still be read."""
    told = replay([e for e in entries if e.erased_hash is None], milestone, Policy())
    return told.is_armed


def _cited(seen: Snapshot, report: StoredReport) -> Iterator[str]:
    """I15 for reports: what a report cites stands in the ledger."""
    cited = json.loads(report.body)["evidence"]
    held = {entry.entry_hash for entry in seen.entries}
    if any(each["entry_hash"] not in held for each in cited["entries"]):
        yield "I15: a report cites evidence that the ledger does not hold"
    head = (cited["ledger_head"]["sequence"], cited["ledger_head"]["hash"])
    if head not in {(entry.sequence, entry.hash) for entry in seen.entries}:
        yield "I15: a report cites a ledger head that never was"


def _ledger(seen: Snapshot) -> Iterator[str]:
    """I15: the chain verifies up to the head of the record."""
    broken = first_break(seen.record.tenant, seen.entries, seen.record.head)
    if broken is not None:
        yield f"I15: the chain breaks at {broken}"


def _as_replayed(milestone: Milestone, replayed: Replayed) -> Iterator[str]:
    """I5, I15: the row is exactly what its ledger entries lead to, so each left one."""
    yield from replayed.findings
    row = {
        "state": milestone.state,
        "attempts": milestone.attempts,
        "starts": milestone.starts,
        "fence": milestone.fence,
        "lease_until": milestone.lease_until,
        "settled_fence": milestone.settled_fence,
        "settled_as": milestone.settled_as,
    }
    if milestone.state not in FINAL:
        row["next_due"] = milestone.next_due
    for name, value in row.items():
        expected = getattr(replayed, name)
        if value != expected:
            yield f"I15: {name} is {value}, the ledger leads to {expected}"


def _in_time(
    seen: Snapshot, milestone: Milestone, replayed: Replayed, policy: Policy
) -> Iterator[str]:
    """I7, I8: nothing starts early, and no window is closed early."""
    allowed = policy.attempts_allowed(milestone.trigger)
    age = dict(policy.triggers).get(milestone.trigger)
    if age is not None and milestone.due_at != milestone.installed_at + age:
        yield "I8: the due time is not the age of its trigger after the installation"
    is_imported = milestone.report_id == "imported"
    if not is_imported and milestone.installed_at not in _evidence_of_installation(seen):
        yield "I8: the installation time is in no evidence"
    for attempt in replayed.claims:
        if attempt.at < milestone.due_at:
            yield "I8: claimed before it was due"
        if attempt.at < attempt.not_before:
            yield "I7: claimed before the wait was over"
        if milestone.window_end_at is not None and attempt.at >= milestone.window_end_at:
            yield "I8: claimed after its window"
    for end in replayed.ends:
        if end.act is Act.MISS and not _is_over(milestone.window_end_at, end.at):
            yield "I10: missed inside its window"
        if end.act is Act.DISCARD and end.attempts < allowed:
            yield "I10: discarded with attempts left"


def _evidence_of_installation(seen: Snapshot) -> set[datetime]:
    told = [json.loads(entry.body)["detail"].get("installed_at") for entry in seen.entries]
    found = {parse_instant(instant) for instant in told if instant is not None}
    if seen.record.erasure is not None:  # a reset takes it from a revision that was there before
        found |= {milestone.installed_at for milestone in seen.record.milestones}
    return found


def _fences(milestone: Milestone, replayed: Replayed, policy: Policy) -> Iterator[str]:
    """I4, I6: each claim has its own fence and its own start, and attempts are limited."""
    handed_out = [attempt.fence for attempt in replayed.claims]
    if any(after <= before for before, after in pairwise(handed_out)):
        yield "I4: a fence was handed out twice"
    if any(
        attempt.number > policy.attempts_allowed(milestone.trigger) for attempt in replayed.claims
    ):
        yield "I6: more attempts than the limit"


def _is_over(window_end_at: datetime | None, now: datetime) -> bool:
    return window_end_at is not None and window_end_at <= now
