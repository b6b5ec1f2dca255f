"""One wake-up for one tenant: look, and claim if something is due.

An idle tick is one read and no write: the change is computed on the record that
was read, and only if there is something to write is it computed again inside a
transaction, on a record that nobody else can change.
"""

from datetime import datetime

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet
from firstry.domain.policy import Policy
from firstry.domain.record import Change, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.domain.wake import outlives, wake
from firstry.ports.failpoint import Failpoint, reach
from firstry.ports.trace import Step, span
from firstry.ports.vault import SystemToken, Vault
from firstry.scheduler.attempt import Parts, report_claim


def idle(
    record: TenantRecord | None, token: SystemToken | None, now: datetime, policy: Policy
) -> Quiet | None:
    """Return how a tick ends that has nothing to write, None for every other one."""
    if token is not None and record is not None and outlives(token.expires_at, record):
        return None
    looked = wake(record, None, now, policy)
    return looked.answer if isinstance(looked.answer, Quiet) and looked.after is None else None


def tick(
    parts: Parts, vault: Vault, tenant: Tenant, token: SystemToken | None, now: datetime
) -> Claim | Quiet:
    """Return the claim that this tick won, or why there is nothing to attempt.

    `token` is the one that came with the tick, if any. A claim is to be handed
    to `attempt.perform`.
    """
    record = parts.store.read(tenant)
    reach(Failpoint.TICK_READ)
    is_new = token is not None and record is not None and outlives(token.expires_at, record)
    sealed = vault.seal(tenant, token) if is_new and token is not None else None
    if sealed is not None:
        reach(Failpoint.TOKEN_SEALED)

    def woken(current: TenantRecord | None) -> Change[Claim | Quiet]:
        return wake(current, sealed, now, parts.policy)

    looked = woken(record)
    if looked.after is None:
        return looked.answer
    with span(Step.CLAIM, tenant):
        return report_claim(parts, parts.store.transact(tenant, now, woken))
