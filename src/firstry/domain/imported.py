"""What an import does to one tenant: take over its evidence, and never repeat a report.

Why no report is made twice (P8): a trigger that the predecessor finished gets a
milestone that is completed from its first row on, so nothing can claim it, and
its end is final like every other. It has no report here, and says so. A trigger
that is already completed here is left as it is, whatever the dump says, so a
second import changes nothing and a reset stays a reset.

Where the dump holds no installation evidence, the tenant is recorded without
any: nothing is armed (contract B), and what was done is kept until evidence comes.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from firstry.domain.canonical import Json
from firstry.domain.import_value import Told
from firstry.domain.instant import iso
from firstry.domain.ledger import IMPORT, Entry, genesis, seal
from firstry.domain.milestone import IMPORTED_REPORT, Act, LastError, Milestone, State, require
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import (
    Change,
    Installation,
    InstallationSource,
    TenantRecord,
    ledgered,
)
from firstry.domain.tenant import Tenant

IMPORTED = "IMPORTED"
AGES = {Trigger("AUTO_12H"): timedelta(hours=12), Trigger("AUTO_24H"): timedelta(hours=24)}
"""The predecessor's own triggers; they are taken over even where the settings have others."""


class Met(StrEnum):
    """How an import met a tenant."""

    RECORDED = "recorded"
    RECORDED_WITHOUT_EVIDENCE = "recorded without evidence"
    KNOWN = "known already"
    LEFT_OUT = "nothing to keep"


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import took over of one tenant: how many triggers were armed, how many were done."""

    met: Met
    armed: int = 0
    done: int = 0


def imported(
    tenant: Tenant, told: Told, now: datetime, policy: Policy, record: TenantRecord | None
) -> Change[Taken]:
    """Return the change that takes over what is `told` of `tenant`.

    An installation that is known here stays, and so do attempts and waits: of a
    tenant that firstry serves already only what was done counts.
    """
    if record is None:
        return _first(tenant, told, now, policy)
    return _later(record, told, now, policy)


def _first(tenant: Tenant, told: Told, now: datetime, policy: Policy) -> Change[Taken]:
    installation = _installation(told, now)
    if installation is None:
        return Change(Taken(Met.LEFT_OUT))
    installed_at = installation.installed_at
    done = [
        _completed(trigger, 1, installed_at, installed_at + _age(trigger, policy), at or now)
        for trigger, at in told.done.items()
    ]
    is_evidenced = installation.source is not InstallationSource.UNKNOWN
    open_ones = _open_ones(installed_at, told, told.done, now, policy) if is_evidenced else []
    entry = Entry(IMPORTED, now, IMPORT, _detail(installation, open_ones, done))
    sealed, head = seal(genesis(tenant), [entry])
    after = TenantRecord(tenant, installation, head, _in_order(done, open_ones))
    met = Met.RECORDED if is_evidenced else Met.RECORDED_WITHOUT_EVIDENCE
    return Change(Taken(met, len(open_ones), len(done)), after, sealed)


def _later(record: TenantRecord, told: Told, now: datetime, policy: Policy) -> Change[Taken]:
    found = _installation(told, now)
    takes_evidence = (
        not record.is_evidenced()
        and record.uninstalled_at is None
        and found is not None
        and found.source is InstallationSource.MIGRATED
    )
    installation = found if takes_evidence and found is not None else record.installation
    completed = {m.trigger for m in record.milestones if m.state is State.COMPLETED}
    missing = [(trigger, at) for trigger, at in told.done.items() if trigger not in completed]
    if not takes_evidence and not missing:
        return Change(Taken(Met.KNOWN))
    after, entries = _cancelled(replace(record, installation=installation), missing, now)
    done = [_next_completed(after, trigger, at or now, policy) for trigger, at in missing]
    held = {m.trigger for m in (*after.milestones, *done)}
    installed_at = installation.installed_at
    open_ones = _open_ones(installed_at, told, held, now, policy) if takes_evidence else []
    detail = _detail(installation if takes_evidence else None, open_ones, done)
    entries.append(Entry(IMPORTED, now, IMPORT, detail))
    after = replace(after, milestones=_in_order(after.milestones, done, open_ones))
    after, sealed = ledgered(after, entries)
    met = Met.RECORDED if takes_evidence else Met.KNOWN
    return Change(Taken(met, len(open_ones), len(done)), after, sealed)


def _installation(told: Told, now: datetime) -> Installation | None:
    """Return the evidence, or in its place what is known without it; None if that is nothing."""
    if told.installed_at is not None:
        return Installation(told.installed_at, InstallationSource.MIGRATED)
    if not told.done:
        return None
    ends = [at for at in told.done.values() if at is not None]
    return Installation(min(ends, default=now), InstallationSource.UNKNOWN)


def _cancelled(
    record: TenantRecord, missing: Iterable[tuple[Trigger, datetime | None]], now: datetime
) -> tuple[TenantRecord, list[Entry]]:
    """End what is open here for a trigger that was done before; its attempt is then fenced."""
    entries: list[Entry] = []
    for trigger, _ in missing:
        latest = record.latest(trigger)
        if latest is not None and latest.is_live():
            ended = replace(latest, state=require(Act.CANCEL, latest), lease_until=None)
            record = record.with_milestone(ended)
            detail: dict[str, Json] = {"trigger": trigger, "revision": latest.revision}
            entries.append(Entry(Act.CANCEL.value, now, IMPORT, detail))
    return record, entries


def _next_completed(
    record: TenantRecord, trigger: Trigger, at: datetime, policy: Policy
) -> Milestone:
    latest = record.latest(trigger)
    if latest is not None:
        revision = latest.revision + 1
        return _completed(trigger, revision, latest.installed_at, latest.due_at, at)
    installed_at = record.installation.installed_at
    return _completed(trigger, 1, installed_at, installed_at + _age(trigger, policy), at)


def _completed(
    trigger: Trigger, revision: int, installed_at: datetime, due_at: datetime, at: datetime
) -> Milestone:
    """Return the milestone that says that `trigger` is done, for ever."""
    return Milestone(
        trigger=trigger,
        revision=revision,
        state=State.COMPLETED,
        installed_at=installed_at,
        due_at=due_at,
        window_end_at=None,
        next_due=due_at,
        completed_at=at,
        report_id=IMPORTED_REPORT,
    )


def _open_ones(
    installed_at: datetime, told: Told, held: Container[Trigger], now: datetime, policy: Policy
) -> list[Milestone]:
    """Arm what was neither done before nor armed here, as far as the predecessor had come."""
    return [
        _open(trigger, installed_at, installed_at + age, told, now, policy)
        for trigger, age in policy.triggers
        if trigger not in held
    ]


def _open(
    trigger: Trigger,
    installed_at: datetime,
    due_at: datetime,
    told: Told,
    now: datetime,
    policy: Policy,
) -> Milestone:
    """Return a fresh milestone with the attempts and the wait that it had, one attempt left.

    No wait is longer than the longest of ours (contract D). The words of the
    predecessor's error are not kept: nobody knows what they hold (I16).
    """
    attempts = min(told.attempts.get(trigger, 0), policy.attempts_allowed(trigger) - 1)
    until = told.waits.get(trigger)
    if until is None and attempts:
        until = told.waits.get(None)
    failure = told.errors.get(trigger)
    error = None
    if failure is not None:
        error = LastError("IMPORTED_FAILURE", "it failed before the import", *failure)
    return Milestone(
        trigger=trigger,
        revision=1,
        state=State.SCHEDULED,
        installed_at=installed_at,
        due_at=due_at,
        window_end_at=policy.window_end(trigger, installed_at),
        next_due=due_at if until is None else max(due_at, min(until, now + max(policy.waits))),
        attempts=attempts,
        starts=attempts,
        last_error=error,
    )


def _age(trigger: Trigger, policy: Policy) -> timedelta:
    return dict(policy.triggers).get(trigger) or AGES[trigger]


def _in_order(*milestones: Iterable[Milestone]) -> tuple[Milestone, ...]:
    return tuple(sorted(chain(*milestones), key=lambda m: (m.due_at, m.key)))


def _detail(
    taken: Installation | None, open_ones: list[Milestone], done: list[Milestone]
) -> dict[str, Json]:
    """Return what the ledger keeps: evidence that was taken over, what was armed and done."""
    detail: dict[str, Json] = {}
    if open_ones:
        detail["armed"] = [_armed_json(m) for m in open_ones]
    if done:
        detail["done"] = [
            {
                "trigger": m.trigger,
                "revision": m.revision,
                "due_at": iso(m.due_at),
                "completed_at": iso(m.completed_at or m.due_at),
            }
            for m in done
        ]
    if taken is not None:
        detail["source"] = taken.source.value
        if taken.detected_at is not None:
            detail["installed_at"] = iso(taken.detected_at)
    return detail


def _armed_json(milestone: Milestone) -> dict[str, Json]:
    told: dict[str, Json] = {
        "trigger": milestone.trigger,
        "revision": milestone.revision,
        "due_at": iso(milestone.due_at),
    }
    if milestone.attempts:
        told["attempts"] = milestone.attempts
    if milestone.next_due != milestone.due_at:
        told["until"] = iso(milestone.next_due)
    return told
