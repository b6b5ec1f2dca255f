"""Where a measurement runs: a new database for each run, on SQLite and on PostgreSQL.

PostgreSQL is a server of our own that really writes to the disk, with its settings
as they come.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firstry.domain.arm import armed
from firstry.domain.ledger import PLATFORM, Entry, genesis
from firstry.domain.policy import Policy
from firstry.domain.record import (
    Change,
    Decide,
    Installation,
    InstallationSource,
    SealedToken,
    TenantRecord,
    ledgered,
)
from firstry.domain.tenant import Tenant
from firstry.stores.place import Place
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.store import SqlStore
from support.postgres import Cluster
from support.postgres_binaries import newest
from support.postgres_service import ServiceDatabase, new_service_database

INSTALLED = datetime(2026, 1, 1, tzinfo=UTC)
DUE = INSTALLED + timedelta(hours=12)
"""When the first report of every tenant is due, and no other."""

POLICY = Policy()
BATCH = 1000
_ANSWER_SECONDS = 60.0
_TOKEN = SealedToken(b"x" * 400, "bench", DUE + timedelta(days=2))


@dataclass(frozen=True, slots=True)
class Ground:
    """A kind of database. `cluster` is the PostgreSQL server, None for SQLite."""

    name: str
    folder: Path
    cluster: Cluster | None = None

    def fresh(self) -> str:
        """Return the URL of a new database with the schema."""
        if self.cluster is not None:
            return self.service_database().url
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "bench.db"
        upgrade(path)
        return f"sqlite:///{path}"

    def service_database(self) -> ServiceDatabase:
        """Return a new PostgreSQL database with the schema and the ways into it."""
        return new_service_database(cluster=self.cluster)

    @contextmanager
    def filled(self, tenants: int) -> Iterator[tuple[str, SqlStore]]:
        """Give a new database in which so many tenants wait for their first report."""
        url = self.fresh()
        store = opened(url)
        register(store, tenants)
        self.look_over(url)
        try:
            yield url, store
        finally:
            store.close()

    def look_over(self, url: str) -> None:
        """Count the rows, as PostgreSQL's own housekeeping does within a minute."""
        if self.cluster is None:
            return
        with self.cluster.connect(url.rpartition("/")[2]) as connection:
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")


@contextmanager
def grounds(folder: Path) -> Iterator[list[Ground]]:
    """Give both kinds of database; the server is stopped and removed at the end."""
    cluster = Cluster(newest(), durable=True)
    cluster.start()
    try:
        yield [Ground("SQLite", folder), Ground("PostgreSQL", folder, cluster)]
    finally:
        cluster.remove()


def opened(url: str) -> SqlStore:
    """Open a database whose schema is at head."""
    return Place(url).open(_ANSWER_SECONDS)


def tenant_named(number: int) -> Tenant:
    """Return one of the tenants."""
    return Tenant.from_row(f"0f{number:06x}-2222-4333-8444-555555555555")


def register(store: SqlStore, tenants: int) -> None:
    """Record installations in bulk, each with a token and all its milestones."""
    for first in range(0, tenants, BATCH):
        named = [tenant_named(n) for n in range(first, min(first + BATCH, tenants))]
        store.transact_many(INSTALLED, {tenant: _installed(tenant) for tenant in named})


def _installed(tenant: Tenant) -> Decide[None]:
    evidence = Installation(INSTALLED, InstallationSource.LIFECYCLE, "bench")

    def decide(_: TenantRecord | None) -> Change[None]:
        blank = TenantRecord(tenant, evidence, genesis(tenant))
        names = [name for name, _ in POLICY.triggers]
        record = armed(blank, names, INSTALLED, POLICY)
        after, sealed = ledgered(record, [Entry("INSTALLED", INSTALLED, PLATFORM, {})])
        return Change(None, after, sealed, token=_TOKEN)

    return decide
