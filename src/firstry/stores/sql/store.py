"""The SQLite store.

Why this is safe: a change is read, decided and written between BEGIN IMMEDIATE
and COMMIT, so no other writer is between; every UPDATE still names the state,
fence and ledger head that were read, and the schema's own triggers refuse what
breaks I1 to I5. `synchronous=FULL` makes COMMIT mean "on disk".
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from firstry.domain.due import DueQuery
from firstry.domain.errors import CommitUnknown, Defect, StoreUnavailable
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.domain.ledger import SealedEntry
from firstry.domain.milestone import Milestone, State
from firstry.domain.public_key import PublicKey, refuse_other
from firstry.domain.record import Change, Decide, SealedToken, StoredReport, TenantRecord
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.failpoint import Failpoint, reach
from firstry.ports.store import PAGE_LIMIT, ReportHead, T
from firstry.stores.sql import row, statement
from firstry.stores.sql.connection import WAIT_SECONDS, Pool, mapped_errors, refuse_read_only
from firstry.stores.sql.migration import check_at_head

Bindings = Mapping[str, Any]


class SqliteStore:
    """A `Store` in one SQLite file. Local disk only."""

    def __init__(self, path: Path) -> None:
        self._pool = Pool(path)
        self._writing = threading.Lock()

    def read(self, tenant: Tenant) -> TenantRecord | None:
        with self._pool.connection() as connection, mapped_errors():
            return _read(connection, tenant)

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        with self._write_lock(), self._pool.connection() as connection:
            with mapped_errors():
                connection.execute("BEGIN IMMEDIATE")
            reach(Failpoint.TRANSACTION_BEGUN)
            try:
                with mapped_errors():
                    before = _read(connection, tenant)
                change: Change[T] = decide(before)
                reach(Failpoint.TRANSACTION_DECIDED)
                if change.after is None:
                    _roll_back(connection)
                    return change.answer
                with mapped_errors():
                    _write(connection, before, change.after, change)
                    connection.execute(statement.MOVE_CLOCK, {"now": to_milliseconds(now)})
            except BaseException:
                _roll_back(connection)
                raise
            reach(Failpoint.TRANSACTION_WRITTEN)
            _commit(connection)
            reach(Failpoint.TRANSACTION_COMMITTED)
            return change.answer

    def claimable(self, query: DueQuery, limit: int) -> Sequence[Tenant]:
        bindings = row.due_query_values(query) | {"limit": min(limit, PAGE_LIMIT)}
        found = self._all(statement.CLAIMABLE, bindings)
        return list(dict.fromkeys(Tenant.from_row(each["cloud_id"]) for each in found))

    def token(self, tenant: Tenant) -> SealedToken | None:
        found = self._all(statement.READ_TOKEN, {"cloud_id": tenant.cloud_id})
        return row.token_from(found[0]) if found else None

    def tenants(self, after: CloudId | None, limit: int) -> Sequence[TenantRecord]:
        bindings = {"after": after, "limit": min(limit, PAGE_LIMIT)}
        return row.records_from(self._all(statement.LIST_TENANTS, bindings))

    def report(self, report_id: str) -> StoredReport | None:
        found = self._all(statement.READ_REPORT, {"report_id": report_id})
        return row.report_from(found[0]) if found else None

    def reports(self, tenant: Tenant | None, after: str | None, limit: int) -> Sequence[ReportHead]:
        bindings = {
            "after": after,
            "cloud_id": tenant.cloud_id if tenant else None,
            "limit": min(limit, PAGE_LIMIT),
        }
        return [row.report_head_from(r) for r in self._all(statement.LIST_REPORTS, bindings)]

    def entries(self, tenant: Tenant, after: int, limit: int) -> Sequence[SealedEntry]:
        bindings = {"cloud_id": tenant.cloud_id, "after": after, "limit": min(limit, PAGE_LIMIT)}
        return [
            SealedEntry(r["sequence"], r["body"], r["hash"])
            for r in self._all(statement.LIST_ENTRIES, bindings)
        ]

    def remember(self, key: PublicKey) -> None:
        values = row.public_key_values(key)
        while (known := self._public_key(key.key_id)) is None:
            with self._write_lock(), self._pool.connection() as connection, mapped_errors():
                connection.execute(statement.PUT_SIGNING_KEY, values)
        refuse_other(known, key)

    def public_keys(self) -> Sequence[PublicKey]:
        return [row.public_key_from(each) for each in self._all(statement.LIST_SIGNING_KEYS, {})]

    def _public_key(self, key_id: str) -> PublicKey | None:
        return next((key for key in self.public_keys() if key.key_id == key_id), None)

    def check(self) -> datetime | None:
        with self._pool.connection() as connection:
            check_at_head(connection, self._pool.path)
            refuse_read_only(connection)
            with mapped_errors():
                high_water_at = connection.execute(statement.READ_CLOCK).get
        return from_milliseconds(high_water_at) if high_water_at else None

    def close(self) -> None:
        self._pool.close()

    def _all(self, sql: str, bindings: Bindings) -> list[row.Row]:
        with self._pool.connection() as connection, mapped_errors():
            return _rows(connection, sql, bindings)

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        """Let one thread of this process write at a time; other processes wait in SQLite."""
        if not self._writing.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable("the database is busy with other writes of this process")
        try:
            yield
        finally:
            self._writing.release()


def _rows(connection: apsw.Connection, sql: str, bindings: Bindings) -> list[row.Row]:
    cursor = connection.cursor()
    cursor.row_trace = _named
    return list(cursor.execute(sql, bindings))


def _named(cursor: apsw.Cursor, values: tuple[Any, ...]) -> row.Row:
    return dict(zip((column[0] for column in cursor.get_description()), values, strict=True))


def _read(connection: apsw.Connection, tenant: Tenant) -> TenantRecord | None:
    found = _rows(connection, statement.READ_TENANT, {"cloud_id": tenant.cloud_id})
    return row.records_from(found)[0] if found else None


def _write(
    connection: apsw.Connection,
    before: TenantRecord | None,
    after: TenantRecord,
    change: Change[T],
) -> None:
    """Write a change. Report and marker stand before the milestone that needs them."""
    _write_tenant(connection, before, after)
    _write_token(connection, before, after, change.token)
    for entry in change.entries:
        connection.execute(
            statement.INSERT_ENTRY,
            {
                "cloud_id": after.tenant.cloud_id,
                "sequence": entry.sequence,
                "body": entry.body,
                "hash": entry.hash,
            },
        )
    if change.report is not None:
        connection.execute(statement.INSERT_REPORT, row.report_values(change.report))
    reach(Failpoint.TRANSACTION_HALF_WRITTEN)
    for milestone in after.milestones:
        old = before.milestone(*milestone.key) if before else None
        if milestone != old:
            _write_milestone(connection, after.tenant, old, milestone, change.report)


def _write_tenant(
    connection: apsw.Connection, before: TenantRecord | None, after: TenantRecord
) -> None:
    values = row.tenant_values(after)
    if before is None:
        connection.execute(statement.INSERT_TENANT, values)
    elif values != row.tenant_values(before):
        expected = values | {"expected_sequence": before.head.sequence}
        _exactly_one(connection, statement.UPDATE_TENANT, expected)


def _write_token(
    connection: apsw.Connection,
    before: TenantRecord | None,
    after: TenantRecord,
    token: SealedToken | None,
) -> None:
    if token is not None:
        connection.execute(statement.PUT_TOKEN, row.token_values(after.tenant, token))
    elif before is not None and before.token_expires_at and after.token_expires_at is None:
        connection.execute(statement.DELETE_TOKEN, {"cloud_id": after.tenant.cloud_id})


def _write_milestone(
    connection: apsw.Connection,
    tenant: Tenant,
    old: Milestone | None,
    new: Milestone,
    report: StoredReport | None,
) -> None:
    values = row.milestone_values(tenant, new)
    if old is None:
        connection.execute(statement.INSERT_MILESTONE, values)
        return
    if new.state is State.COMPLETED and report is not None and new.completed_at is not None:
        marker = row.report_values(report) | {"completed_at": to_milliseconds(new.completed_at)}
        connection.execute(statement.INSERT_MARKER, marker)
    expected = {"expected_state": old.state.value, "expected_fence": old.fence}
    _exactly_one(connection, statement.UPDATE_MILESTONE, values | expected)


def _exactly_one(connection: apsw.Connection, sql: str, bindings: Bindings) -> None:
    connection.execute(sql, bindings)
    if connection.changes() != 1:
        raise Defect("a guarded write met another row than the one that was read")


def _commit(connection: apsw.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except apsw.Error as error:
        _roll_back(connection)
        raise CommitUnknown(
            "the database was lost while committing; what it holds is found out by reading"
        ) from error


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        with mapped_errors():
            connection.execute("ROLLBACK")
