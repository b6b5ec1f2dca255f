"""Retry now: let a waiting milestone be attempted without waiting for its backoff."""

from dataclasses import replace
from datetime import datetime

from firstry.domain.claim import crash_noted
from firstry.domain.errors import Conflict, NotFound
from firstry.domain.ledger import OPERATOR, Actor
from firstry.domain.milestone import Act, Milestone, require
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.record import Change, Decide, Order, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store


def retry_now(
    store: Store,
    tenant: Tenant,
    trigger: Trigger,
    reason: str,
    now: datetime,
    actor: Actor = OPERATOR,
) -> Milestone:
    """Move the wait of `trigger`'s milestone to `now` and return it.

    Attempts stay counted. Raises NotFound for an unknown tenant or a trigger it
    does not have, Conflict if the milestone is not waiting: not yet due, held
    by an attempt, or in a final state.
    """
    return store.transact(tenant, now, retrying(tenant, trigger, Order(reason, actor, now)))


def retrying(tenant: Tenant, trigger: Trigger, order: Order) -> Decide[Milestone]:
    """Return the decision that `retry_now` runs."""
    now = order.at

    def decide(record: TenantRecord | None) -> Change[Milestone]:
        milestone = record.latest(trigger) if record is not None else None
        if record is None or milestone is None:
            raise NotFound(
                f"there is no {trigger} milestone of tenant {tenant.cloud_id}",
                "see `firstry tenants list`",
            )
        _refuse_unless_waiting(milestone, now)
        freed = replace(
            crash_noted(milestone),
            state=require(Act.RETRY, milestone),
            lease_until=None,
            next_due=min(milestone.next_due, now),
        )
        entry = order.entry(Act.RETRY.value, trigger=trigger, revision=milestone.revision)
        after, sealed = ledgered(record.with_milestone(freed), [entry])
        return Change(freed, after, sealed)

    return decide


def _refuse_unless_waiting(milestone: Milestone, now: datetime) -> None:
    name = f"{milestone.trigger} revision {milestone.revision}"
    if not milestone.is_live():
        command = "reports generate" if milestone.trigger == MANUAL else "tenants reset"
        raise Conflict(
            f"{name} is {milestone.state}: there is nothing to retry",
            f"to have another one made: firstry {command}",
        )
    if milestone.is_leased(now):
        raise Conflict(f"{name} is claimed by an attempt", "wait until its lease has run out")
    if now < milestone.due_at:
        raise Conflict(f"{name} is not due yet", "it is attempted when it is due")
