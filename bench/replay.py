"""The databases' own part of a drain: the same statements with the same values once more.

A drain is recorded on one store and played on another that holds the same tenants. No
record is made, nothing is decided and nothing hashed: what is left is what these
statements cost on this schema, and quicker Python cannot get below it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.cost import Cost, cost_of
from bench.drainer import BATCH, drain
from bench.ground import DUE, POLICY, Ground
from firstry.domain.due import due_query
from firstry.domain.tenant import Tenant
from firstry.ports.store import PAGE_LIMIT
from firstry.stores.sql.session import Database, Session, Step
from firstry.stores.sql.store import SqlStore


@dataclass(slots=True)
class _Transaction:
    """What one transaction wrote, in the groups that were written together."""

    tenants: Sequence[Tenant]
    is_claim: bool
    writes: list[Sequence[Step]] = field(default_factory=list)


class _Recorder:
    """A database that notes what is written to it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transactions: list[_Transaction] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextmanager
    def writing(
        self, tenants: Sequence[Tenant], *, skip_locked: bool, now: datetime | None = None
    ) -> Iterator["_RecordedSession"]:
        noted = _Transaction(tenants, skip_locked)
        self.transactions.append(noted)
        with self._database.writing(tenants, skip_locked=skip_locked, now=now) as session:
            yield _RecordedSession(session, noted)


class _RecordedSession:
    def __init__(self, session: Session, noted: _Transaction) -> None:
        self._session, self._noted = session, noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def write(self, steps: Sequence[Step]) -> None:
        self._noted.writes.append(steps)
        self._session.write(steps)


def replayed(ground: Ground, jobs: int) -> Cost:
    """Return what a job costs where nothing but the database works."""
    with ground.filled(jobs) as (_, store):
        recorder: Any = _Recorder(store.database)
        store.database = recorder
        drain(store)
        meant = store.tenants(None, PAGE_LIMIT)
    with ground.filled(jobs) as (_, store):
        cost = cost_of(ground, jobs, lambda: _play(store, recorder.transactions))
        if store.tenants(None, PAGE_LIMIT) != meant:  # ledger heads among them
            raise RuntimeError("a drain that was played again left another state")
        return cost


def _play(store: SqlStore, transactions: Sequence[_Transaction]) -> None:
    for each in transactions:
        if each.is_claim:
            store.claimable(due_query(DUE, POLICY), BATCH)
        tenants, is_claim = each.tenants, each.is_claim
        with store.database.writing(tenants, skip_locked=is_claim, now=DUE) as session:
            for steps in each.writes:
                session.write(steps)
            session.move_clock(DUE)
            session.commit()
