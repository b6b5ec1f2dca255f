"""What firstry asks of a store, and nothing more.

A store reads one tenant, changes one tenant in one transaction, and lists. All
rules are in the pure function that `transact` is given; the store's own duty is
that nobody else changes the tenant between the read and the write, and that the
whole change is durable or none of it is (decision 0003).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from firstry.domain.due import DueQuery
from firstry.domain.ledger import SealedEntry
from firstry.domain.policy import Trigger
from firstry.domain.record import Decide, SealedToken, StoredReport, TenantRecord
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.keyring import Keyring

T = TypeVar("T")

PAGE_LIMIT = 1000
"""No list call returns more than this many rows."""


class MustWait(Exception):
    """It cannot be read without waiting for somebody."""


def in_order(tenants: Iterable[Tenant]) -> list[Tenant]:
    """Return tenants in the one order in which every batch takes them."""
    return sorted(tenants, key=lambda tenant: tenant.cloud_id)


@dataclass(frozen=True, slots=True)
class ReportHead:
    """A report without its body, for lists. `erased_at` is set once it has none any more."""

    report_id: str
    tenant: Tenant
    trigger: Trigger
    revision: int
    generated_at: datetime
    digest: str
    erased_at: datetime | None = None


class Store(Keyring, Protocol):
    """A durable store of tenants, milestones, reports, markers, ledgers and public keys.

    Every method raises StoreUnavailable if the store does not answer in time,
    and StoreUnfit if it must not be used.
    """

    def read(self, tenant: Tenant) -> TenantRecord | None:
        """Return the tenant as last committed, or None if there is no such tenant."""
        ...

    def read_many(
        self, tenants: Sequence[Tenant], *, at_once: bool = False
    ) -> Mapping[Tenant, TenantRecord]:
        """Do what `read` does for several tenants; unknown ones are left out.

        `at_once` is for an event loop: raises MustWait instead of waiting for a
        lock, another process or a network.
        """
        ...

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        """Run `decide` on the tenant, write its change, commit, return its answer.

        `decide` is pure and may be run again. Marker, report, milestones, ledger
        entries, ledger head and token are written together or not at all, each
        guarded by what was read: a milestone by its state and fence, the tenant
        by its ledger head. A new `erasure` of the record takes the content of all
        reports and earlier entries with it. `now` moves the store's high-water mark. Raises
        CommitUnknown if the store was lost while committing.
        """
        ...

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        """Do what `transact` does for several tenants, in one transaction.

        All changes are written or none. Tenants are taken in cloudId order, so
        that two batches never wait for each other in a circle. With
        `skip_locked` a tenant that another transaction holds is left out of the
        answer instead of being waited for, and so is one that is claimed and has
        nothing else due at `now`; stores with one writer leave out none.
        """
        ...

    def claimable(self, query: DueQuery, limit: int) -> Sequence[Tenant]:
        """Return the tenants of at most `limit` milestones to claim or to close, oldest first.

        Such a milestone has `next_due <= now`, is not paused, and either its
        tenant has a token that lives until `token_until`, or it is to be closed:
        its window is over, its attempts are used up, or it was refused
        `refusals` times and its site is silent since `silent_since`.
        """
        ...

    def next_due(self, now: datetime) -> datetime | None:
        """Return the first instant after `now` at which a milestone's wait ends, or None.

        Looks at time alone; a milestone without a token is among them.
        """
        ...

    def token(self, tenant: Tenant) -> SealedToken | None:
        """Return the stored token, still encrypted, or None."""
        ...

    def tenants(self, after: CloudId | None, limit: int) -> Sequence[TenantRecord]:
        """Return tenants in cloudId order, beginning behind `after`."""
        ...

    def report(self, report_id: str) -> StoredReport | None:
        """Return a stored report, or None."""
        ...

    def reports(self, tenant: Tenant | None, after: str | None, limit: int) -> Sequence[ReportHead]:
        """Return reports in `report_id` order behind `after`, of one tenant or of all."""
        ...

    def entries(self, tenant: Tenant, after: int, limit: int) -> Sequence[SealedEntry]:
        """Return ledger entries with a sequence above `after`, in order."""
        ...

    def check(self) -> datetime | None:
        """Return the latest instant the store has written, None in an empty store.

        Raises unless the store can be read and has the schema that this code needs.
        """
        ...

    def close(self) -> None:
        """Give back connections; no call may follow."""
        ...
