"""The store in PostgreSQL, for many web and worker processes at once.

What makes it safe: a writing transaction locks the rows of its tenants before it
reads them, in one order, so that no other writer is between its read and its
write and no two wait for each other in a circle. It names its tenants to the
database, whose walls hide all others. No transaction is open while a report is
made.
"""

import re
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import DictRow, tuple_row

from firstry.domain.errors import CommitUnknown, StoreUnavailable, StoreUnfit
from firstry.domain.instant import to_milliseconds
from firstry.domain.tenant import Tenant
from firstry.ports.store import MustWait
from firstry.ports.vital import PoolUse
from firstry.stores.sql import statement
from firstry.stores.sql.migration import Engine
from firstry.stores.sql.postgres.connection import (
    ANSWER_SECONDS,
    Connection,
    connect,
    mapped_errors,
)
from firstry.stores.sql.postgres.migration import check_fit
from firstry.stores.sql.postgres.pool import Pool
from firstry.stores.sql.postgres.statement import BATCHED
from firstry.stores.sql.record_row import claimed_ids
from firstry.stores.sql.session import Row, Step, Values
from firstry.stores.sql.store import SqlStore

CLOCK_MILLISECONDS = 1000
"""The high-water mark follows no closer than this: one row for all writers is not to be hot."""

LISTEN = "LISTEN firstry_due"
NOTIFY = "NOTIFY firstry_due"
"""How waiting workers are told that something has become due."""

_SEE = "SELECT set_config('firstry.tenants', %(tenants)s, true)"
_SEE_ALL = "SELECT set_config('firstry.scope', 'all', true), firstry_sees_all() AS sees_all"
_MAY_ERASE = "SELECT has_column_privilege('report', 'body', 'UPDATE') AS may_erase"
_PLAN_ANEW = """
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'on', true)
"""
_LOCK = """
SELECT cloud_id FROM tenant WHERE cloud_id = ANY(%(cloud_ids)b)
ORDER BY cloud_id FOR NO KEY UPDATE
"""
_LOCK_FREE = """
SELECT t.cloud_id FROM tenant t
WHERE t.cloud_id = ANY(%(cloud_ids)b)
  AND (NOT EXISTS (SELECT 1 FROM milestone m WHERE m.cloud_id = t.cloud_id
                   AND m.state = 'claimed' AND m.next_due > %(now)b)
       OR EXISTS (SELECT 1 FROM milestone m WHERE m.cloud_id = t.cloud_id
                  AND m.state IN ('scheduled', 'claimed') AND m.next_due <= %(now)b))
ORDER BY t.cloud_id FOR NO KEY UPDATE OF t SKIP LOCKED
"""
"""Who has just been claimed is not locked again for nothing: its settle would have to wait.

It looks at what was committed when it began, so `_keep_free` looks once more."""
_MOVE_CLOCK = """
UPDATE store_clock SET high_water_at = %(now)b WHERE only_row = (
    SELECT only_row FROM store_clock WHERE high_water_at < %(before)b FOR UPDATE SKIP LOCKED)
"""


class PostgresStore(SqlStore):
    """A `Store` in the PostgreSQL database that `url` names.

    `answer_seconds` bounds every statement; work in bulk asks for more.
    `clock_milliseconds` is how far the high-water mark may lie behind.
    """

    def __init__(
        self,
        url: str,
        answer_seconds: float = ANSWER_SECONDS,
        clock_milliseconds: int = CLOCK_MILLISECONDS,
    ) -> None:
        super().__init__(PostgresDatabase(url, answer_seconds, clock_milliseconds))


class PostgresDatabase:
    """The engine: a pool of connections to one database."""

    def __init__(
        self,
        url: str,
        answer_seconds: float = ANSWER_SECONDS,
        clock_milliseconds: int = CLOCK_MILLISECONDS,
    ) -> None:
        self._pool = Pool(url, answer_seconds)
        self.clock_milliseconds = clock_milliseconds
        self._clock_at = 0

    def read(
        self,
        tenants: Sequence[Tenant] | None,
        sql: str,
        values: Values,
        *,
        is_planned_anew: bool = False,
    ) -> list[Row]:
        with self._pool.connection() as connection:
            with connection.pipeline():
                seen = _see(connection, tenants)
                if is_planned_anew:
                    connection.execute(_PLAN_ANEW)
                found = connection.execute(in_dialect(sql), values, binary=True)
                connection.commit()
            _refuse_unless_seen(tenants, seen)
            return list(found.fetchall())

    def read_tenants(self, tenants: Sequence[Tenant], *, at_once: bool) -> list[tuple[Any, ...]]:
        if at_once:
            raise MustWait  # the answer comes over a network
        named = {"cloud_ids": [tenant.cloud_id for tenant in tenants]}
        with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            with connection.pipeline():
                _see(connection, tenants)
                cursor.execute(in_dialect(statement.READ_TENANTS), named, binary=True)
                connection.commit()
            return cursor.fetchall()

    @contextmanager
    def writing(
        self, tenants: Sequence[Tenant], *, skip_locked: bool, now: datetime | None = None
    ) -> Iterator["PostgresSession"]:
        with self._pool.connection() as connection:
            yield PostgresSession(connection, tenants, now if skip_locked else None, self)

    def is_clock_to_move(self, now: datetime) -> bool:
        """Whether this process has not moved the high-water mark for a while."""
        if to_milliseconds(now) - self._clock_at < self.clock_milliseconds:
            return False
        self._clock_at = to_milliseconds(now)
        return True

    def scrub(self) -> None:
        """Earlier versions of the rows go with the next vacuum, which is the server's."""

    def may_erase(self) -> bool:
        """Whether the database role may erase."""
        with self._pool.connection() as connection:
            found = connection.execute(_MAY_ERASE).fetchone()
        return found is not None and bool(found["may_erase"])

    def check(self) -> None:
        try:
            with self._pool.connection() as connection:
                check_fit(connection)
        except StoreUnavailable:
            connect(self._pool.url).close()  # whose error says why
            raise

    engine = Engine.POSTGRES

    def product(self) -> str:
        with self._pool.connection() as connection:
            version = connection.info.server_version
        return f"PostgreSQL {version // 10000}.{version % 10000}"

    def pool_use(self) -> PoolUse:
        return self._pool.use()

    def close(self) -> None:
        self._pool.close()


class PostgresSession:
    """A transaction that holds its tenants, and sees no others."""

    def __init__(
        self,
        connection: Connection,
        tenants: Sequence[Tenant],
        due_at: datetime | None,
        database: PostgresDatabase,
    ) -> None:
        self._connection, self._database = connection, database
        self.locked, self.records = tenants, list[tuple[Any, ...]]()
        self._lock(tenants, due_at)

    def write(self, steps: Sequence[Step]) -> None:
        with mapped_errors():
            cursors = [self._connection.cursor() for _ in steps]
            with self._connection.pipeline():
                for cursor, step in zip(cursors, steps, strict=True):
                    _send(cursor, step)
        for cursor, step in zip(cursors, steps, strict=True):
            step.refuse_unless(cursor.rowcount)

    def move_clock(self, now: datetime) -> None:
        if not self._database.is_clock_to_move(now):
            return
        at = to_milliseconds(now)
        with mapped_errors():
            values = {"now": at, "before": at - self._database.clock_milliseconds}
            self._connection.execute(_MOVE_CLOCK, values)

    def ring(self) -> None:
        with mapped_errors():
            self._connection.execute(NOTIFY)

    def commit(self) -> None:
        try:
            self._connection.commit()
        except psycopg.Error as error:
            raise CommitUnknown(
                "the database was lost while committing; what it holds is found out by reading"
            ) from error

    def _lock(self, tenants: Sequence[Tenant], due_at: datetime | None) -> None:
        """Lock, then read: what is read is what the lock protects, for a later statement sees it.

        Unknown tenants are held too, by their key: who records one first wins,
        and the other is told to begin again. With `due_at` nobody is waited for.
        """
        if not tenants:
            return
        values: dict[str, object] = {"cloud_ids": [tenant.cloud_id for tenant in tenants]}
        lock = _LOCK
        if due_at is not None:
            lock, values["now"] = _LOCK_FREE, to_milliseconds(due_at)
        cursors = [self._connection.cursor(row_factory=tuple_row) for _ in range(2)]
        with mapped_errors(), self._connection.pipeline():
            _see(self._connection, tenants)
            held = cursors[0].execute(lock, values, binary=True)
            found = cursors[1].execute(in_dialect(statement.READ_TENANTS), values, binary=True)
        self.locked, self.records = tenants, found.fetchall()
        if due_at is not None:
            self._keep_free({cloud_id for (cloud_id,) in held}, due_at)

    def _keep_free(self, free: Set[str], due_at: datetime) -> None:
        """Leave out whom others hold; unknown tenants are nobody's.

        Who was claimed while the lock was looked for is locked here for nothing, and
        its settle waits for it: then let go of all, and lock the others anew.
        """
        claimed = claimed_ids(self.records, to_milliseconds(due_at))
        is_in_the_way = not claimed.isdisjoint(free)
        theirs = claimed if is_in_the_way else {each[0] for each in self.records} - free
        self.locked = [tenant for tenant in self.locked if tenant.cloud_id not in theirs]
        self.records = [each for each in self.records if each[0] not in theirs]
        if is_in_the_way:
            with mapped_errors():
                self._connection.rollback()
            self._lock(self.locked, due_at)


def _send(cursor: psycopg.Cursor[DictRow], step: Step) -> None:
    """Send all rows of a step, in one statement where there is one for it."""
    batched = BATCHED.get(step.sql)
    if batched is None:
        cursor.executemany(in_dialect(step.sql), step.rows)
    else:
        cursor.execute(batched.sql, batched.arrays(step.rows))


def _see(connection: Connection, tenants: Sequence[Tenant] | None) -> psycopg.Cursor[DictRow]:
    """Name the tenants of a transaction to the walls."""
    if tenants is None:
        return connection.execute(_SEE_ALL, binary=True)
    named = "," + ",".join(tenant.cloud_id for tenant in tenants) + ","
    return connection.execute(_SEE, {"tenants": named}, binary=True)


def _refuse_unless_seen(tenants: Sequence[Tenant] | None, seen: psycopg.Cursor[DictRow]) -> None:
    """Refuse a search over all tenants that the walls would have answered with nothing."""
    if tenants is not None:
        return
    answer = seen.fetchone()
    if answer is None or not answer["sees_all"]:
        raise StoreUnfit(
            "the database role may not look over all tenants",
            "connect with a role that is a member of firstry_scheduler",
        )


@cache
def in_dialect(text: str) -> str:
    """Return a statement with psycopg's placeholders, all binary, for `:name`.

    A plus before a column is a word to SQLite alone (`sql.filter_statement`).
    """
    bare = re.sub(r"(?<=\W)\+(?=[a-z]\.)", "", text)
    return re.sub(r"(?<!:):([a-z_]+)", r"%(\1)b", bare)
