"""Ask for a report now: MANUAL is a milestone like any other, claimed and settled alike.

At most one is open for a tenant; a request while it waits lets it go on at
once, a request while it runs is refused. It is never missed (contract F, P41).
"""

from dataclasses import replace
from datetime import datetime

from firstry.domain.arm import next_revision
from firstry.domain.claim import crash_noted
from firstry.domain.errors import Conflict, NotFound, RateExceeded
from firstry.domain.flag import is_trigger_off
from firstry.domain.instant import iso
from firstry.domain.ledger import Actor, Entry
from firstry.domain.milestone import Act, Milestone, require
from firstry.domain.policy import MANUAL, MANUAL_RATE_PERIOD, Policy
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store

MANUAL_REQUESTED = "MANUAL_REQUESTED"


def request_report(
    store: Store, tenant: Tenant, reason: str, actor: Actor, now: datetime, policy: Policy
) -> Milestone:
    """Arm a MANUAL milestone, or let the open one go on; return it.

    Raises NotFound for an unknown tenant, Conflict after an uninstallation,
    while paused, while the open one is being attempted, and above the rate.
    """

    def decide(record: TenantRecord | None) -> Change[Milestone]:
        if record is None:
            raise NotFound(f"there is no tenant {tenant.cloud_id}", "see `firstry tenants list`")
        _refuse_unless_served(record)
        latest = record.latest(MANUAL)
        if latest is not None and latest.is_live():
            fresh = _let_go_on(latest, now)
        else:
            fresh = _armed(record, now, policy)
        entry = Entry(
            MANUAL_REQUESTED,
            now,
            actor,
            {"trigger": MANUAL, "revision": fresh.revision, "reason": reason},
        )
        after, sealed = ledgered(record.with_milestone(fresh), [entry])
        return Change(fresh, after, sealed)

    return store.transact(tenant, now, decide)


def _refuse_unless_served(record: TenantRecord) -> None:
    name = record.tenant.cloud_id
    if not record.is_evidenced():
        raise Conflict(
            f"it is not known when tenant {name} installed the app",
            "record it first: firstry tenants add",
        )
    if record.uninstalled_at is not None:
        raise Conflict(
            f"tenant {name} has uninstalled the app", "ask again once it has installed it again"
        )
    if record.paused_at is not None:
        raise Conflict(f"tenant {name} is paused", "resume it first")
    if is_trigger_off(record.switched_off, MANUAL):
        raise Conflict(
            f"reports on request are switched off for tenant {name}",
            "see `firstry flags list`",
        )


def _let_go_on(open_one: Milestone, now: datetime) -> Milestone:
    if open_one.is_leased(now):
        raise Conflict("a report that was asked for is being made", "wait until it is done")
    return replace(
        crash_noted(open_one),
        state=require(Act.RETRY, open_one),
        lease_until=None,
        next_due=max(open_one.due_at, min(open_one.next_due, now)),
    )


def rate_free_at(record: TenantRecord, now: datetime, policy: Policy) -> datetime | None:
    """Return when the rate lets the tenant ask again, or None if it may ask now."""
    asked = [m.due_at for m in record.milestones if m.trigger == MANUAL]
    recent = sorted(at for at in asked if now - at < MANUAL_RATE_PERIOD)
    if len(recent) < policy.manual_rate:
        return None
    return recent[-policy.manual_rate] + MANUAL_RATE_PERIOD


def _armed(record: TenantRecord, now: datetime, policy: Policy) -> Milestone:
    free_at = rate_free_at(record, now, policy)
    if free_at is not None:
        raise RateExceeded(
            f"tenant {record.tenant.cloud_id} has asked for {policy.manual_rate} reports "
            "or more within an hour",
            f"ask again after {iso(free_at)}",
        )
    return next_revision(record, MANUAL, record.installation.latest_at, now, None)
