"""Walks the ledgers of all tenants and the service's own, and remembers the broken ones.

`firstry evidence verify` checks one ledger when somebody asks. The patrol asks all the
time, so that a ledger that was changed behind the service's back is noticed without
anybody asking. It passes a few tenants with each step. When it has passed the last one
it starts anew, with the service's own ledger.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from firstry.domain.errors import Defect
from firstry.domain.ledger import Head, SealedEntry, first_break
from firstry.domain.record import TenantRecord
from firstry.domain.service_ledger import first_service_break
from firstry.domain.tenant import CloudId
from firstry.ports.clock import Clock
from firstry.ports.service_chain import ServiceChain
from firstry.ports.store import PAGE_LIMIT, Store

TENANTS_A_STEP = 50
ENTRIES_AT_MOST = 100_000
"""A ledger longer than this is not walked; it would take a step too long."""


class LedgerPatrol:
    """Where the walk is, and which ledgers it found broken. Threads may share it."""

    def __init__(self, store: Store, service: ServiceChain, clock: Clock) -> None:
        self._store = store
        self._service = service
        self._clock = clock
        self._lock = threading.Lock()
        self._after: CloudId | None = None
        self._broken: set[CloudId] = set()
        self._is_service_broken = False
        self._is_unreadable = False
        self._began_at = self._clock.now()
        self._sound_since: datetime | None = None

    @property
    def broken(self) -> int:
        """How many ledgers were broken when they were last looked at."""
        return len(self._broken) + self._is_service_broken + self._is_unreadable

    @property
    def broken_tenants(self) -> list[CloudId]:
        """Whose they were, in order, without the service's own."""
        return sorted(self._broken)

    @property
    def is_service_broken(self) -> bool:
        """Whether the service's own was among them."""
        return self._is_service_broken

    @property
    def is_unreadable(self) -> bool:
        """Whether the walk met a tenant whose row cannot be read, and got no further."""
        return self._is_unreadable

    def is_sound_since(self, at: datetime) -> bool:
        """Whether a whole walk of this process that began after `at` met none that broke.

        Until then it cannot tell that what another process has found is mended.
        """
        return self._sound_since is not None and self._sound_since > at

    def step(self, tenants: int = TENANTS_A_STEP) -> None:
        """Look at the next few tenants. Raises StoreUnavailable as the store does."""
        with self._lock:
            if self._after is None:
                self._began_at = self._clock.now()
                self._is_service_broken = self._breaks_service()
            try:
                page = self._store.tenants(self._after, tenants)
            except Defect:  # nobody knows whose row it is, so nobody behind it can be reached
                self._is_unreadable, self._after = True, None
                return
            for record in page:
                if self._breaks(record):
                    self._broken.add(record.tenant.cloud_id)
                else:
                    self._broken.discard(record.tenant.cloud_id)
            self._after = page[-1].tenant.cloud_id if len(page) == tenants else None
            if self._after is None:
                self._is_unreadable = False
                self._sound_since = self._began_at if not self.broken else None

    def _breaks(self, record: TenantRecord) -> bool:
        """Look twice: an erasure between the two reads changes what lies before the head."""
        if not self._is_changed(record):
            return False
        now = self._store.read(record.tenant)
        return now is None or self._is_changed(now)

    def _is_changed(self, record: TenantRecord) -> bool:
        chain = _up_to(
            record.head, lambda after: self._store.entries(record.tenant, after, PAGE_LIMIT)
        )
        return chain is not None and first_break(record.tenant, chain, record.head) is not None

    def _breaks_service(self) -> bool:
        head = self._service.head()
        chain = _up_to(head, lambda after: self._service.entries(after, PAGE_LIMIT))
        return chain is not None and first_service_break(chain, head) is not None


def _up_to(
    head: Head, page_behind: Callable[[int], Sequence[SealedEntry]]
) -> Sequence[SealedEntry] | None:
    """Return the entries of a ledger up to `head`, None if they are too many to be walked.

    What was written after `head` was read is left out.
    """
    if head.sequence > ENTRIES_AT_MOST:
        return None
    chain: list[SealedEntry] = []
    while len(chain) < head.sequence:
        page = page_behind(len(chain))
        if not page:
            break
        chain += page
    return chain[: head.sequence]
