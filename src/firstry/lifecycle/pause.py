"""Pause a tenant and let it go on: while paused nothing is claimed and nothing ends."""

from dataclasses import replace
from datetime import datetime

from firstry.domain.errors import Conflict, NotFound
from firstry.domain.ledger import OPERATOR, Actor
from firstry.domain.record import Change, Decide, Order, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store

PAUSED = "PAUSED"
RESUMED = "RESUMED"


def pause(
    store: Store, tenant: Tenant, reason: str, now: datetime, actor: Actor = OPERATOR
) -> TenantRecord:
    """Pause `tenant` and return its record; an attempt that is running may still settle.

    Raises NotFound for an unknown tenant and Conflict if it is paused already.
    """
    order = Order(reason, actor, now)
    return store.transact(tenant, now, switching(tenant, order, to_pause=True))


def resume(
    store: Store, tenant: Tenant, reason: str, now: datetime, actor: Actor = OPERATOR
) -> TenantRecord:
    """Let `tenant` go on and return its record; what is due may be claimed at once.

    A window that ended while paused is then written as missed. Raises NotFound
    for an unknown tenant and Conflict if it is not paused.
    """
    order = Order(reason, actor, now)
    return store.transact(tenant, now, switching(tenant, order, to_pause=False))


def switching(tenant: Tenant, order: Order, *, to_pause: bool) -> Decide[TenantRecord]:
    """Return the decision that `pause` and `resume` run."""

    def decide(record: TenantRecord | None) -> Change[TenantRecord]:
        if record is None:
            raise NotFound(f"there is no tenant {tenant.cloud_id}", "see `firstry tenants list`")
        if to_pause == (record.paused_at is not None):
            state = "paused already" if to_pause else "not paused"
            raise Conflict(f"tenant {tenant.cloud_id} is {state}", "there is nothing to do")
        switched = replace(record, paused_at=order.at if to_pause else None)
        entry = order.entry(PAUSED if to_pause else RESUMED)
        after, sealed = ledgered(switched, [entry])
        return Change(after, after, sealed)

    return decide
