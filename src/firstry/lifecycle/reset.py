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
from firstry.domain.ledger import OPERATOR, Entry
from firstry.domain.milestone import Act, Milestone, require
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store


def reset(store: Store, tenant: Tenant, trigger: Trigger, reason: str, now: datetime) -> Milestone:
    """Start `trigger` over and return the milestone that is armed now.

    Raises NotFound for an unknown tenant or trigger, InputInvalid for MANUAL,
    Conflict after an uninstallation.
    """
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
        fresh = _started_over(record, latest)
        entry = Entry(
            Act.RESET.value,
            now,
            OPERATOR,
            {"trigger": trigger, "revision": fresh.revision, "reason": reason},
        )
        after, sealed = ledgered(record.with_milestone(fresh), [entry])
        return Change(fresh, after, sealed)

    return store.transact(tenant, now, decide)


def _started_over(record: TenantRecord, latest: Milestone) -> Milestone:
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
