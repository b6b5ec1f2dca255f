"""The store in one SQLite file. Local disk only.

What makes it safe: a writing transaction is BEGIN IMMEDIATE, so no other writer
is between its read and its write, in this process or in another, and
`synchronous=FULL` makes COMMIT mean "on disk".
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from firstry.domain.errors import CommitUnknown, StoreUnavailable
from firstry.domain.instant import to_milliseconds
from firstry.domain.tenant import Tenant
from firstry.ports.vital import PoolUse
from firstry.stores.sql import statement
from firstry.stores.sql.migration import Engine
from firstry.stores.sql.session import Row, Step, Values
from firstry.stores.sql.sqlite.connection import (
    WAIT_SECONDS,
    Pool,
    mapped_errors,
    refuse_read_only,
)
from firstry.stores.sql.sqlite.migration import check_at_head
from firstry.stores.sql.store import SqlStore

_MOVE_CLOCK = "UPDATE store_clock SET high_water_at = :now WHERE high_water_at < :now"


class SqliteStore(SqlStore):
    """A `Store` in the SQLite file at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(SqliteDatabase(path))


class SqliteDatabase:
    """The engine: a pool of connections to one file. There are no walls between tenants in it."""

    def __init__(self, path: Path) -> None:
        self._pool = Pool(path)
        self._writing = threading.Lock()

    def read(
        self,
        tenants: Sequence[Tenant] | None,
        sql: str,
        values: Values,
        *,
        is_planned_anew: bool = False,
    ) -> list[Row]:
        with self._pool.connection() as connection, mapped_errors():
            return _rows(connection, sql, values)

    def read_tenants(self, tenants: Sequence[Tenant], *, at_once: bool) -> list[tuple[Any, ...]]:
        if at_once:
            with self._pool.idle_connection() as connection:
                return _tenant_rows(connection, tenants)
        with self._pool.connection() as connection, mapped_errors():
            return _tenant_rows(connection, tenants)

    @contextmanager
    def writing(
        self, tenants: Sequence[Tenant], *, skip_locked: bool, now: datetime | None = None
    ) -> Iterator["SqliteSession"]:
        with self._write_lock(), self._pool.connection() as connection:
            with mapped_errors():
                connection.execute("BEGIN IMMEDIATE")
            try:
                with mapped_errors():
                    session = SqliteSession(connection, tenants)
                yield session
            finally:
                _roll_back(connection)

    def may_erase(self) -> bool:
        """Whoever may write a file may write all of it."""
        return True

    def scrub(self) -> None:
        """Empty the write-ahead log. If that cannot be done now, a later write does it.

        Somebody may read from it, or the disk may be full. What was erased is committed,
        so nobody is told that it failed.
        """
        with (
            suppress(StoreUnavailable),
            self._pool.connection() as connection,
            mapped_errors(),
            suppress(apsw.BusyError),
        ):
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def check(self) -> None:
        with self._pool.connection() as connection:
            check_at_head(connection, self._pool.path)
            refuse_read_only(connection, self._pool.path)

    engine = Engine.SQLITE

    def product(self) -> str:
        return f"SQLite {apsw.sqlite_lib_version()}"

    def pool_use(self) -> PoolUse:
        return self._pool.use()

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        """Let one thread of this process write at a time; other processes wait in SQLite."""
        if not self._writing.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable("the database is busy with other writes of this process")
        try:
            yield
        finally:
            self._writing.release()


class SqliteSession:
    """A transaction that is the only writer of the whole file."""

    def __init__(self, connection: apsw.Connection, tenants: Sequence[Tenant]) -> None:
        self._connection = connection
        self.locked = tenants
        named = json.dumps([tenant.cloud_id for tenant in tenants])
        found = connection.execute(statement.READ_TENANTS_OF_JSON, {"cloud_ids": named})
        self.records: list[tuple[Any, ...]] = found.fetchall()

    def write(self, steps: Sequence[Step]) -> None:
        with mapped_errors():
            for step in steps:
                before = self._connection.total_changes()
                self._connection.executemany(step.sql, step.rows)
                step.refuse_unless(self._connection.total_changes() - before)

    def move_clock(self, now: datetime) -> None:
        with mapped_errors():
            self._connection.execute(_MOVE_CLOCK, {"now": to_milliseconds(now)})

    def ring(self) -> None:
        """A file tells nobody: other processes look again within seconds."""

    def commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            _roll_back(self._connection)
            raise CommitUnknown(
                "the database was lost while committing; what it holds is found out by reading"
            ) from error


def _tenant_rows(connection: apsw.Connection, tenants: Sequence[Tenant]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for tenant in tenants:
        found += connection.execute(statement.READ_TENANT, {"cloud_id": tenant.cloud_id})
    return found


def _rows(connection: apsw.Connection, sql: str, values: Values) -> list[Row]:
    cursor = connection.execute(sql, values)
    first = next(cursor, None)
    if first is None:
        return []
    names = [column[0] for column in cursor.get_description()]
    return [dict(zip(names, each, strict=True)) for each in (first, *cursor)]


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        with mapped_errors():
            connection.execute("ROLLBACK")
