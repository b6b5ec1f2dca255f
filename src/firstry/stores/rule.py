"""What no store takes, whatever the code that asks for it believes (I1 to I8, I15).

Said here in Python for the memory store. The SQL stores hold the same by
constraints and triggers; the conformance suite sends every fault to all of them.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from firstry.domain.errors import Defect
from firstry.domain.ledger import ERASED, SealedEntry
from firstry.domain.milestone import LIVE, Milestone, State
from firstry.domain.record import InstallationSource, StoredReport, TenantRecord


def refuse_faults(
    before: TenantRecord | None,
    after: TenantRecord,
    entries: Iterable[SealedEntry],
    report: StoredReport | None,
) -> None:
    """Raise Defect if going from `before` to `after` would break an invariant."""
    if before is not None:
        _refuse_tenant(before, after)
    first = before.head.sequence + 1 if before is not None else 1
    sealed = list(entries)
    has_gap = any(entry.sequence != place for place, entry in enumerate(sealed, first))
    _demand(not has_gap, "a ledger has no gap")
    is_erasing = before is not None and after.erasure != before.erasure
    if is_erasing:
        _refuse_erasure(after, sealed)
    completed = []
    for new in after.milestones:
        old = before.milestone(*new.key) if before is not None else None
        _refuse_shape(new)
        if old is None:
            _refuse_beginning(new, after.installation.source)
        elif is_erasing and old.state not in LIVE:
            _demand(new == replace(old, last_error=None), "a finished milestone never changes")
        elif new != old:
            _refuse_step(old, new)
            completed += [new] if new.state is State.COMPLETED else []
    made = [(after.tenant, *m.key, m.report_id) for m in completed]
    expected = [] if report is None else [_names(report)]
    _demand(made == expected, "completed needs its claim, report and marker")
    _demand(report is None or bool(report.envelope), "a report is signed")


def _refuse_tenant(before: TenantRecord, after: TenantRecord) -> None:
    kept = all(after.milestone(*m.key) is not None for m in before.milestones)
    _demand(kept, "a milestone is never deleted")
    was, now = before.installation, after.installation
    is_same = (was.installed_at, was.source) == (now.installed_at, now.source)
    is_first = not before.is_evidenced() and after.is_evidenced()
    _demand(is_same or is_first, "the first installation evidence stays")
    rises = after.head.sequence > before.head.sequence or after.head == before.head
    _demand(rises, "a ledger head never falls")


def _refuse_erasure(after: TenantRecord, entries: Sequence[SealedEntry]) -> None:
    last = json.loads(entries[-1].body).get("kind") if entries else None
    told = after.erasure is not None and after.erasure.sequence == after.head.sequence
    _demand(told and last == ERASED, "an erasure is told by the last ledger entry")


def _refuse_shape(new: Milestone) -> None:
    has_lease = new.lease_until is not None
    _demand(has_lease == (new.state is State.CLAIMED), "a lease belongs to a claim")
    _demand(0 <= new.attempts <= new.starts, "every charged attempt was started")


def _refuse_beginning(new: Milestone, source: InstallationSource) -> None:
    is_fresh = new.state is State.SCHEDULED and new.starts == 0
    _demand(
        new.fence == 0 and new.revision >= 1 and (is_fresh or _is_imported(new, source)),
        "a milestone starts scheduled",
    )


def _is_imported(new: Milestone, source: InstallationSource) -> bool:
    """Whether it stands as the predecessor left it: completed, or with attempts behind it."""
    if new.state is State.COMPLETED:
        return new.is_imported() and new.completed_at is not None and new.starts == 0
    is_migrated = new.revision == 1 and source is InstallationSource.MIGRATED
    return new.state is State.SCHEDULED and is_migrated and new.starts == new.attempts


def _refuse_step(old: Milestone, new: Milestone) -> None:
    _demand(old.state in LIVE, "a finished milestone never changes")
    is_same = (old.installed_at, old.due_at) == (new.installed_at, new.due_at)
    _demand(is_same, "a due time never moves")
    _demand(old.fence <= new.fence and old.starts <= new.starts, "fence and starts never fall")
    if new.state is State.CLAIMED:
        rises = old.fence < new.fence and old.starts < new.starts
        _demand(rises, "every claim raises the fence and counts a start")
    if new.settled_fence != old.settled_fence:
        in_force = old.state is State.CLAIMED and new.settled_fence == old.fence
        _demand(in_force, "only the claim in force is settled")
    if new.state is State.COMPLETED:
        _demand(not new.is_imported(), "an import ends no milestone that is open here")
        _demand(old.state is State.CLAIMED, "completed needs its claim, report and marker")


def _names(report: StoredReport) -> tuple[object, ...]:
    return (report.tenant, report.trigger, report.revision, report.report_id)


def _demand(holds: bool, rule: str) -> None:
    if not holds:
        raise Defect(f"the store refused a write: {rule}")
