"""The SQL store: one code over SQLite and PostgreSQL.

Why this is safe: a change is read, decided and written in one transaction that
holds the tenant, so no other writer is between; every UPDATE still names the
state, fence and ledger head that were read, and the schema's own triggers
refuse what breaks I1 to I5. What the engines add is in `sqlite` and `postgres`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from firstry.domain.due import DueQuery, has_become_due
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.domain.ledger import SealedEntry
from firstry.domain.public_key import PublicKey, refuse_other
from firstry.domain.record import Decide, SealedToken, StoredReport, TenantRecord
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.failpoint import Failpoint, reach
from firstry.ports.store import PAGE_LIMIT, ReportHead, T, in_order
from firstry.stores.sql import row, statement
from firstry.stores.sql.record_row import records_from, records_of
from firstry.stores.sql.session import Again, Database, Row, Step, Values
from firstry.stores.sql.write import is_erasing, steps_of


class SqlStore:
    """A `Store` in a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def read(self, tenant: Tenant) -> TenantRecord | None:
        found = self._rows((tenant,), statement.READ_TENANT, {"cloud_id": tenant.cloud_id})
        return records_from(found)[0] if found else None

    def read_many(
        self, tenants: Sequence[Tenant], *, at_once: bool = False
    ) -> Mapping[Tenant, TenantRecord]:
        found = _twice(lambda: self.database.read_tenants(tenants, at_once=at_once))
        return {record.tenant: record for record in records_of(found)}

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        return self.transact_many(now, {tenant: decide})[tenant]

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        return _twice(lambda: self._transact(now, work, skip_locked))

    def claimable(self, query: DueQuery, limit: int) -> Sequence[Tenant]:
        values = row.due_query_values(query) | {"limit": min(limit, PAGE_LIMIT)}
        found = self._rows(None, statement.CLAIMABLE, values)
        return list(dict.fromkeys(Tenant.from_row(each["cloud_id"]) for each in found))

    def next_due(self, now: datetime) -> datetime | None:
        found = self._rows(None, statement.NEXT_DUE, {"now": to_milliseconds(now)})
        next_due = found[0]["next_due"]
        return None if next_due is None else from_milliseconds(next_due)

    def token(self, tenant: Tenant) -> SealedToken | None:
        found = self._rows((tenant,), statement.READ_TOKEN, {"cloud_id": tenant.cloud_id})
        return row.token_from(found[0]) if found else None

    def tenants(self, after: CloudId | None, limit: int) -> Sequence[TenantRecord]:
        values = {"after": after, "limit": min(limit, PAGE_LIMIT)}
        return records_from(self._rows(None, statement.LIST_TENANTS, values))

    def report(self, report_id: str) -> StoredReport | None:
        found = self._rows(None, statement.READ_REPORT, {"report_id": report_id})
        return row.report_from(found[0]) if found else None

    def reports(self, tenant: Tenant | None, after: str | None, limit: int) -> Sequence[ReportHead]:
        values = {
            "after": after,
            "cloud_id": tenant.cloud_id if tenant else None,
            "limit": min(limit, PAGE_LIMIT),
        }
        seen = None if tenant is None else (tenant,)
        return [row.report_head_from(r) for r in self._rows(seen, statement.LIST_REPORTS, values)]

    def entries(self, tenant: Tenant, after: int, limit: int) -> Sequence[SealedEntry]:
        values = {"cloud_id": tenant.cloud_id, "after": after, "limit": min(limit, PAGE_LIMIT)}
        return [row.entry_from(r) for r in self._rows((tenant,), statement.LIST_ENTRIES, values)]

    def remember(self, key: PublicKey) -> None:
        put = Step(statement.PUT_SIGNING_KEY, [row.public_key_values(key)], is_guarded=False)
        while (known := self._public_key(key.key_id)) is None:
            with self.database.writing((), skip_locked=False) as session:
                session.write([put])
                session.commit()
        refuse_other(known, key)

    def public_keys(self) -> Sequence[PublicKey]:
        return [row.public_key_from(r) for r in self._rows((), statement.LIST_SIGNING_KEYS, {})]

    def check(self) -> datetime | None:
        self.database.check()
        found = self._rows((), statement.READ_CLOCK, {})
        high_water_at = found[0]["high_water_at"]
        return from_milliseconds(high_water_at) if high_water_at else None

    def close(self) -> None:
        self.database.close()

    def _transact(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], skip_locked: bool
    ) -> dict[Tenant, T]:
        with self.database.writing(in_order(work), skip_locked=skip_locked, now=now) as session:
            reach(Failpoint.TRANSACTION_BEGUN)
            known = {each.tenant.cloud_id: each for each in records_of(session.records)}
            before = [known.get(each.cloud_id) for each in session.locked]
            changes = [work[each](old) for each, old in zip(session.locked, before, strict=True)]
            reach(Failpoint.TRANSACTION_DECIDED)
            answers = {
                each: change.answer for each, change in zip(session.locked, changes, strict=True)
            }
            written = list(zip(before, changes, strict=True))
            facts, ends = steps_of(written)
            if not facts and not ends:
                return answers
            session.write(facts)
            reach(Failpoint.TRANSACTION_HALF_WRITTEN)
            session.write(ends)
            session.move_clock(now)
            if any(has_become_due(old, change.after, now) for old, change in written):
                session.ring()
            reach(Failpoint.TRANSACTION_WRITTEN)
            session.commit()
        reach(Failpoint.TRANSACTION_COMMITTED)
        if any(is_erasing(old, change.after) for old, change in written):
            self.database.scrub()
        return answers

    def _rows(self, tenants: Sequence[Tenant] | None, sql: str, values: Values) -> list[Row]:
        return _twice(lambda: self.database.read(tenants, sql, values))

    def _public_key(self, key_id: str) -> PublicKey | None:
        return next((key for key in self.public_keys() if key.key_id == key_id), None)


def _twice(work: Callable[[], T]) -> T:
    """Do `work`, once more if the engine says that nothing was written and it may."""
    try:
        return work()
    except Again:
        return work()
