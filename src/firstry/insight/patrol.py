"""Walks the ledgers of all tenants, a few at a time, and remembers the broken ones.

`firstry evidence verify` checks one ledger when somebody asks. The patrol asks all the
time, so that a ledger that was changed behind the service's back is noticed without
anybody asking. It starts anew at the first tenant when it has passed the last one.
"""

import threading

from firstry.domain.ledger import SealedEntry, first_break
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import CloudId
from firstry.ports.store import PAGE_LIMIT, Store

TENANTS_A_STEP = 50
ENTRIES_AT_MOST = 100_000
"""A ledger longer than this is not walked; it would take a step too long."""


class LedgerPatrol:
    """Where the walk is, and which ledgers it found broken. Threads may share it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._after: CloudId | None = None
        self._broken: set[CloudId] = set()

    @property
    def broken(self) -> int:
        """How many tenants had a broken ledger when they were last looked at."""
        return len(self._broken)

    @property
    def broken_tenants(self) -> list[CloudId]:
        """Which they were, in order."""
        return sorted(self._broken)

    def step(self, tenants: int = TENANTS_A_STEP) -> None:
        """Look at the next few tenants. Raises StoreUnavailable as the store does."""
        with self._lock:
            page = self._store.tenants(self._after, tenants)
            for record in page:
                if self._is_broken(record):
                    self._broken.add(record.tenant.cloud_id)
                else:
                    self._broken.discard(record.tenant.cloud_id)
            self._after = page[-1].tenant.cloud_id if len(page) == tenants else None

    def _is_broken(self, record: TenantRecord) -> bool:
        """Whether a ledger breaks; what was written after `record` was read is not looked at."""
        if record.head.sequence > ENTRIES_AT_MOST:
            return False
        chain: list[SealedEntry] = []
        while len(chain) < record.head.sequence:
            page = self._store.entries(record.tenant, len(chain), PAGE_LIMIT)
            if not page:
                break
            chain += page
        return first_break(record.tenant, chain[: record.head.sequence], record.head) is not None
