"""Reset a trigger: have its report made again, without touching the one that exists.

A finished milestone is never edited. Its reset arms the next revision, with the
same due time, no attempts and no window end; the earlier report stays readable
and verifiable. An unfinished one starts over under a higher fence, so whatever
an attempt still does for it is dropped (I3, I4).
"""

from dataclasses import replace
from datetime import datetime

from firstry.domain.arm import next_revision
from firstry.domain.errors import Conflict, InputInvalid, NotFound
from firstry.domain.ledger import OPERATOR, Actor
from firstry.domain.milestone import Act, Milestone, require
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.record import Change, Decide, Order, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store


def reset(
    store: Store,
    tenant: Tenant,
    trigger: Trigger,
    reason: str,
    now: datetime,
    actor: Actor = OPERATOR,
) -> Milestone:
    """Start `trigger` over and return the milestone that is armed now.

    Raises NotFound for an unknown tenant or trigger, InputInvalid for MANUAL,
    Conflict after an uninstallation and where the installation time is not known.
    """
    return store.transact(tenant, now, resetting(tenant, trigger, Order(reason, actor, now)))


def resetting(tenant: Tenant, trigger: Trigger, order: Order) -> Decide[Milestone]:
    """Return the decision that `reset` runs."""
    if trigger == MANUAL:
        raise InputInvalid("MANUAL is not reset", "ask for another report: `reports generate`")

    def decide(record: TenantRecord | None) -> Change[Milestone]:
        latest = record.latest(trigger) if record is not None else None
        if record is None or latest is None:
            raise NotFound(
                f"there is no {trigger} milestone of tenant {tenant.cloud_id}",
                "see `firstry tenants list`",
            )
        if record.uninstalled_at is not None:
            raise Conflict(
                f"tenant {tenant.cloud_id} has uninstalled the app",
                "its triggers are armed again when it installs again",
            )
        _refuse_without_evidence(record)
        fresh = _started_over(record, latest)
        entry = order.entry(Act.RESET.value, trigger=trigger, revision=fresh.revision)
        after, sealed = ledgered(record.with_milestone(fresh), [entry])
        return Change(fresh, after, sealed)

    return decide


def _refuse_without_evidence(record: TenantRecord) -> None:
    if not record.is_evidenced():
        raise Conflict(
            f"it is not known when tenant {record.tenant.cloud_id} installed the app",
            "record it first: firstry tenants add",
        )


def _started_over(record: TenantRecord, latest: Milestone) -> Milestone:
    if latest.is_imported():  # it may have come before the evidence of the installation did
        installed_at = record.installation.installed_at
        due_at = installed_at + (latest.due_at - latest.installed_at)
        return next_revision(record, latest.trigger, installed_at, due_at, None)
    if not latest.is_live():
        return next_revision(record, latest.trigger, latest.installed_at, latest.due_at, None)
    return replace(
        latest,
        state=require(Act.RESET, latest),
        next_due=latest.due_at,
        attempts=0,
        fence=latest.fence + 1,
        lease_until=None,
        deferral_kind=None,
        deferrals=0,
    )
