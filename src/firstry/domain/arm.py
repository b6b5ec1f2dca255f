"""Arm a trigger: make the milestone whose due time follows from evidence.

A milestone is never edited back to life. Whatever is armed again is the next
revision of its trigger, and the one before stays readable (I1, I3).
"""

from collections.abc import Iterable
from datetime import datetime

from firstry.domain.canonical import Json
from firstry.domain.instant import iso
from firstry.domain.milestone import Milestone, State
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import TenantRecord


def armed(
    record: TenantRecord, triggers: Iterable[Trigger], installed_at: datetime, policy: Policy
) -> TenantRecord:
    """Return the record with the next revision of each trigger, due by its age."""
    ages = dict(policy.triggers)
    for trigger in triggers:
        due_at = installed_at + ages[trigger]
        window_end_at = policy.window_end(trigger, installed_at)
        record = record.with_milestone(
            next_revision(record, trigger, installed_at, due_at, window_end_at)
        )
    return record


def next_revision(
    record: TenantRecord,
    trigger: Trigger,
    installed_at: datetime,
    due_at: datetime,
    window_end_at: datetime | None,
) -> Milestone:
    """Return a fresh milestone of `trigger`: scheduled, attempt 0, fence 0."""
    latest = record.latest(trigger)
    return Milestone(
        trigger=trigger,
        revision=latest.revision + 1 if latest is not None else 1,
        state=State.SCHEDULED,
        installed_at=installed_at,
        due_at=due_at,
        window_end_at=window_end_at,
        next_due=due_at,
    )


def armed_json(milestones: Iterable[Milestone]) -> dict[str, Json]:
    """Return what a ledger entry says of the milestones that were armed with it."""
    return {
        "armed": [
            {"trigger": m.trigger, "revision": m.revision, "due_at": iso(m.due_at)}
            for m in milestones
        ]
    }
