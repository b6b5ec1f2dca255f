"""One wake-up for one tenant: look, and claim if something is due.

An idle tick is one read and no write: the change is computed on the record that
was read, and only if there is something to write is it computed again inside a
transaction, on a record that nobody else can change.
"""

from dataclasses import dataclass
from datetime import datetime

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet
from firstry.domain.policy import Policy
from firstry.domain.record import Change, SealedToken, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.domain.wake import outlives, wake, wake_unclaimed
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
    looked = look(parts, vault, tenant, token, now)
    return looked if isinstance(looked, Quiet) else looked.claim()


def look(
    parts: Parts, vault: Vault, tenant: Tenant, token: SystemToken | None, now: datetime
) -> "Quiet | Waking":
    """Do all of a tick that has nothing to claim; any other is to be claimed by the caller.

    So only a tick that will claim needs a slot for its attempt.
    """
    record = parts.store.read(tenant)
    reach(Failpoint.TICK_READ)
    is_new = token is not None and record is not None and outlives(token.expires_at, record)
    sealed = vault.seal(tenant, token) if is_new and token is not None else None
    if sealed is not None:
        reach(Failpoint.TOKEN_SEALED)
    waking = Waking(parts, tenant, sealed, now)
    looked = waking.decide(record)
    if isinstance(looked.answer, Claim):
        return waking
    if looked.after is None:
        return looked.answer
    return waking.keep() or waking


@dataclass(frozen=True, slots=True)
class Waking:
    """A tick with something to write: it claims, or keeps its token alone."""

    parts: Parts
    tenant: Tenant
    sealed: SealedToken | None
    now: datetime

    def claim(self) -> Claim | Quiet:
        """Claim what is due, in a slot that is taken already."""
        with span(Step.CLAIM, self.tenant):
            begun = self.parts.store.transact(self.tenant, self.now, self.decide)
            return report_claim(self.parts, begun)

    def keep(self) -> Quiet | None:
        """Write the tick without claiming; None if there is something to claim by now."""
        with span(Step.CLAIM, self.tenant):
            return self.parts.store.transact(self.tenant, self.now, self._decide_unclaimed)

    def decide(self, record: TenantRecord | None) -> Change[Claim | Quiet]:
        """Return what the tick changes."""
        return wake(record, self.sealed, self.now, self.parts.policy)

    def _decide_unclaimed(self, record: TenantRecord | None) -> Change[Quiet | None]:
        return wake_unclaimed(record, self.sealed, self.now, self.parts.policy)
