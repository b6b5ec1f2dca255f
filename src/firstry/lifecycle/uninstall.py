"""Record that a site uninstalled the app: cancel what is open, drop the token.

The platform tells it at best once and never again, so a repeat and an unknown
tenant are answered quietly. An uninstallation of an earlier installation, which
arrives late, does nothing to the present one (I13).
"""

from dataclasses import replace
from datetime import datetime

from firstry.domain.cancel import cancelled
from firstry.domain.ledger import PLATFORM, Entry
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store

UNINSTALLED = "UNINSTALLED"


def record_uninstallation(
    store: Store, tenant: Tenant, installation_id: str | None, now: datetime
) -> bool:
    """Cancel every open milestone of `tenant`; return whether it is uninstalled now."""

    def decide(record: TenantRecord | None) -> Change[bool]:
        if record is None:
            return Change(False)
        if record.uninstalled_at is not None:
            return Change(True)
        present = record.installation.installation_id
        if None not in (installation_id, present) and installation_id != present:
            return Change(False)
        entry = Entry(UNINSTALLED, now, PLATFORM, {"installation_id": installation_id})
        after, entries = cancelled(record, now)
        after = replace(after, uninstalled_at=now, token_expires_at=None)
        after, sealed = ledgered(after, [entry, *entries])
        return Change(True, after, sealed)

    return store.transact(tenant, now, decide)
