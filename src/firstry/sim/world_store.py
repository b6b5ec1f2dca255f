"""The store as one process of a simulated world meets it: sometimes gone, sometimes silent.

`Store` behind it is a real one. What is asked of it is refused while it is down;
a commit may fail on a full disk, be lost, or be made while its answer is lost. After
every transaction the truth is read past all faults and handed to the world's watch:
it must be the state before or the state after, whatever the process was told.
"""

import json
import resource
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from firstry.domain.due import DueQuery
from firstry.domain.errors import CommitUnknown, StoreUnavailable
from firstry.domain.ledger import SealedEntry
from firstry.domain.public_key import PublicKey
from firstry.domain.record import Change, Decide, SealedToken, StoredReport, TenantRecord
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.failpoint import Failpoint
from firstry.ports.store import MustWait, ReportHead, Store, T, in_order
from firstry.sim.world_fault import Mishap
from firstry.stores.memory import MemoryStore
from firstry.stores.sql.postgres.store import PostgresStore

PATIENCE_SECONDS = 30.0
TRIES_TO_CONNECT = 30
Reach = Callable[[Failpoint], None]


@dataclass(frozen=True, slots=True)
class Written:
    """One transaction that meant to write: what it was decided on, and what was to be written.

    `now` is the instant that the process gave with it.
    """

    tenant: Tenant
    now: datetime
    before: TenantRecord | None
    change: Change[Any]

    @property
    def after(self) -> TenantRecord:
        """The tenant as it was to be."""
        assert self.change.after is not None, "a transaction that meant to write"
        return self.change.after

    @property
    def kinds(self) -> list[str]:
        """The kinds of the ledger entries that were to be added."""
        return [json.loads(entry.body)["kind"] for entry in self.change.entries]

    def is_as_after(self, stored: TenantRecord | None) -> bool:
        """Whether this is what was to be written."""
        return _still(stored) == _still(self.after)

    def is_as_before(self, stored: TenantRecord | None) -> bool:
        """Whether this is what was there before."""
        return _still(stored) == _still(self.before)


def _still(record: TenantRecord | None) -> TenantRecord | None:
    """Return the record without the store's clock, which moves with every tenant's writes."""
    return replace(record, store_clock_at=None) if record is not None else None


class Line(Protocol):
    """What lies between a process and its store."""

    def ask(self) -> None:
        """Raise StoreUnavailable while the store is down, Crash in a process that is dead."""
        ...

    def mishap_of_write(self) -> Mishap | None:
        """Draw what becomes of a write: COMMIT_LOST, COMMIT_ANSWER_LOST, DISK_FULL or nothing."""
        ...

    def watch(self, written: Written) -> None:
        """Look at what is stored, however the transaction ended."""
        ...


class FullDisk:
    """The disk of this machine, as far as this process may fill it.

    Full means that no file may grow: the kernel then refuses the pages that a commit
    adds to SQLite's log (RLIMIT_FSIZE). Nothing else may be written meanwhile. A
    database server is another process: the world refuses its commits itself.
    """

    def __init__(self) -> None:
        self.is_full = False
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Let nothing be written."""
        self.is_full = True
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._limits[1]))

    def free(self) -> None:
        """Let everything be written again."""
        self.is_full = False
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)


class LineStore:
    """A `Store` at the far end of a `Line`."""

    def __init__(self, store: Store, line: Line, disk: FullDisk) -> None:
        self._store = store
        self._line = line
        self._disk = disk

    def read(self, tenant: Tenant) -> TenantRecord | None:
        return self._asked().read(tenant)

    def read_many(
        self, tenants: Sequence[Tenant], *, at_once: bool = False
    ) -> Mapping[Tenant, TenantRecord]:
        # Every other tenant waits, on every store alike: both ways are gone, and traces are equal.
        if at_once and ord(tenants[0].cloud_id[-1]) % 2:
            raise MustWait
        return self._asked().read_many(tenants)

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        return self.transact_many(now, {tenant: decide})[tenant]

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        written: list[Written] = []
        mishaps: list[Mishap | None] = []

        def watched(tenant: Tenant, decide: Decide[T]) -> Decide[T]:
            def seen(record: TenantRecord | None) -> Change[T]:
                change = decide(record)
                assert decide(record) == change, "a decision is pure: it may be run again"
                if change.after is not None:
                    written.append(Written(tenant, now, record, change))
                    if not mishaps:
                        mishaps.append(self._meet())
                return change

            return seen

        seen_work = {tenant: watched(tenant, decide) for tenant, decide in work.items()}
        try:
            answers = self._asked().transact_many(now, seen_work, skip_locked=skip_locked)
        finally:
            self._disk.free()
            for each in written:
                self._line.watch(each)
        if Mishap.COMMIT_ANSWER_LOST in mishaps:
            raise CommitUnknown("the store was lost before its answer arrived")
        return answers

    def _meet(self) -> Mishap | None:
        """Return what goes wrong with this transaction, which goes wrong as a whole."""
        mishap = self._line.mishap_of_write()
        if mishap is Mishap.COMMIT_LOST:
            raise CommitUnknown("the store was lost before the commit arrived")
        if mishap is Mishap.DISK_FULL:
            self._disk.fill()
        return mishap

    def claimable(self, query: DueQuery, limit: int) -> Sequence[Tenant]:
        return self._asked().claimable(query, limit)

    def next_due(self, now: datetime) -> datetime | None:
        return self._asked().next_due(now)

    def token(self, tenant: Tenant) -> SealedToken | None:
        return self._asked().token(tenant)

    def tenants(self, after: CloudId | None, limit: int) -> Sequence[TenantRecord]:
        return self._asked().tenants(after, limit)

    def report(self, report_id: str) -> StoredReport | None:
        return self._asked().report(report_id)

    def reports(self, tenant: Tenant | None, after: str | None, limit: int) -> Sequence[ReportHead]:
        return self._asked().reports(tenant, after, limit)

    def entries(self, tenant: Tenant, after: int, limit: int) -> Sequence[SealedEntry]:
        return self._asked().entries(tenant, after, limit)

    def remember(self, key: PublicKey) -> None:
        self._asked().remember(key)

    def public_keys(self) -> Sequence[PublicKey]:
        return self._asked().public_keys()

    def check(self) -> datetime | None:
        return self._asked().check()

    def close(self) -> None:
        self._store.close()

    def _asked(self) -> Store:
        self._line.ask()
        return self._store


class PlacedMemory(MemoryStore):
    """The memory store with the places of a transaction, so that a process can die in one.

    What dies before the write has written nothing, as in a database that rolls back.
    """

    def __init__(self, reach: Reach, disk: FullDisk) -> None:
        super().__init__()
        self._reach = reach
        self._disk = disk

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        last = in_order(work)[-1]
        has_written = False

        def placed(tenant: Tenant) -> Decide[T]:
            def decided(record: TenantRecord | None) -> Change[T]:
                nonlocal has_written
                change = work[tenant](record)
                has_written = has_written or change.after is not None
                if tenant == last:
                    self._pass_on(has_written)
                return change

            return decided

        self._reach(Failpoint.TRANSACTION_BEGUN)
        answers = super().transact_many(now, {tenant: placed(tenant) for tenant in work})
        if has_written:
            self._reach(Failpoint.TRANSACTION_COMMITTED)
        return answers

    def _pass_on(self, has_written: bool) -> None:
        self._reach(Failpoint.TRANSACTION_DECIDED)
        if has_written:
            self._reach(Failpoint.TRANSACTION_HALF_WRITTEN)
            self._reach(Failpoint.TRANSACTION_WRITTEN)
            if self._disk.is_full:
                raise CommitUnknown("the disk is full")


def open_postgres(url: str) -> PostgresStore:
    """Return a store that has its connection: virtual time stands still, no wait may end early."""
    store = PostgresStore(url, PATIENCE_SECONDS)
    for _ in range(TRIES_TO_CONNECT):
        with suppress(StoreUnavailable):
            store.check()
            return store
    raise StoreUnavailable("the simulated world has no database")
