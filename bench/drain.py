"""Drain due work on SQLite beside the raw limit (perf-1), and the report alone (perf-2)."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw

from bench.row import Row, in_turn, per_second
from firstry.domain.claim import Claim, claim
from firstry.domain.due import due_query
from firstry.domain.evidence import (
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    NotCollectedCause,
    Reading,
)
from firstry.domain.ledger import Head
from firstry.domain.outcome import Completed
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import Installation, InstallationSource, SealedToken
from firstry.domain.report.generate import generate
from firstry.domain.settle import settle
from firstry.domain.tenant import Tenant
from firstry.exports.signature import Ed25519Signer
from firstry.lifecycle.install import record_installation
from firstry.stores.sql.sqlite.connection import connect, journal_mode
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore

TENANTS = 300
REPORTS = 300
WAITING = (1_000, 20_000)
INSTALLED = datetime(2026, 1, 1, tzinfo=UTC)
DUE = INSTALLED + timedelta(hours=12)
POLICY = Policy()
SIGNER = Ed25519Signer("bench", b"x" * 32)


def rows(place: Path) -> list[Row]:
    """Measure the drain, the report and the search for due work."""
    drained, raw = in_turn(lambda: _drain(_fresh(place)), lambda: _raw(place))
    read = evidence()
    made = per_second(REPORTS, lambda: [_completed(_claim(), read) for _ in range(REPORTS)])
    return [
        Row(
            "perf-1",
            "drain on SQLite, one at a time",
            "reports/s",
            drained,
            "raw claim + complete, batch 1",
            raw,
            "informative (batches: with PostgreSQL)",
        ),
        Row("perf-2", "report made and signed", "reports/s", made, "goal", 1000, ">= 1"),
        _idle_pass(place),
    ]


def evidence() -> Evidence:
    """Return evidence of nine datasets, as a healthy site gives it."""
    count = Count(42, 42, 42, CountMethod.COUNTED_BY_PLATFORM)
    return Evidence(
        tuple(
            Reading(d, "GET /rest/api/3/x", "read:jira-work", DUE, 200, count)
            if position < 9
            else NotCollected(d, NotCollectedCause.NOT_ENABLED)
            for position, d in enumerate(Dataset)
        )
    )


def _claim() -> Claim:
    tenant = Tenant.from_row("bench")
    head = Head(2, "sha256:" + "0" * 64)
    lease = DUE + POLICY.lease
    return Claim(tenant, Trigger("AUTO_12H"), 1, 1, 1, DUE, lease, INSTALLED, head)


def _fresh(place: Path) -> SqliteStore:
    path = Path(tempfile.mkdtemp(dir=place)) / "bench.db"
    upgrade(path)
    return SqliteStore(path)


def _install(store: SqliteStore, number: int) -> Tenant:
    tenant = Tenant.from_row(f"site-{number:07}")
    token = SealedToken(b"x" * 400, "k", DUE + timedelta(days=2))
    found = Installation(INSTALLED, InstallationSource.LIFECYCLE, "i")
    record_installation(store, tenant, found, INSTALLED, POLICY, token=token)
    return tenant


def _drain(store: SqliteStore) -> float:
    for number in range(TENANTS):
        _install(store, number)
    due = store.claimable(due_query(DUE, POLICY), TENANTS)
    return per_second(TENANTS, lambda: _serve(store, due))


def _serve(store: SqliteStore, due: Sequence[Tenant]) -> None:
    read = evidence()
    for tenant in due:
        held = store.transact(tenant, DUE, lambda record: claim(record, DUE, POLICY))
        assert isinstance(held, Claim)
        _settle(store, held, _completed(held, read))


def _completed(held: Claim, read: Evidence) -> Completed:
    report = generate(held, read)
    signed = replace(report, envelope=SIGNER.sign(report, held.head))
    return Completed(signed, tuple(reading.entry() for reading in read.readings()))


def _settle(store: SqliteStore, held: Claim, done: Completed) -> None:
    store.transact(held.tenant, DUE, lambda record: settle(record, held, done, DUE, POLICY))


def _raw(place: Path) -> float:
    """One conditional update and one insert of 2 KB for each piece of work."""
    path = Path(tempfile.mkdtemp(dir=place)) / "raw.db"
    connection = connect(path, create=True)
    connection.pragma("journal_mode", journal_mode())
    connection.execute(
        "CREATE TABLE job (id INTEGER PRIMARY KEY, state TEXT); "
        "CREATE TABLE result (id INTEGER PRIMARY KEY, body BLOB)"
    )
    with connection:
        connection.executemany("INSERT INTO job VALUES (?, 'due')", [(n,) for n in range(TENANTS)])
    return per_second(TENANTS, lambda: _raw_loop(connection))


def _raw_loop(connection: apsw.Connection) -> None:
    body = b"x" * 2048
    for number in range(TENANTS):
        connection.execute(
            "UPDATE job SET state = 'held' WHERE id = ? AND state = 'due'", (number,)
        )
        with connection:
            connection.execute("UPDATE job SET state = 'done' WHERE id = ?", (number,))
            connection.execute("INSERT INTO result VALUES (?, ?)", (number, body))


def _idle_pass(place: Path) -> Row:
    """Search for due work among few and among many waiting tenants."""
    few, many = (_waiting(place, count) for count in WAITING)
    query = due_query(INSTALLED, POLICY)

    def milliseconds(store: SqliteStore) -> float:
        return 1000 / per_second(200, lambda: [store.claimable(query, 100) for _ in range(200)])

    ours, theirs = in_turn(lambda: milliseconds(many), lambda: milliseconds(few))
    what = f"nothing due among {WAITING[1]:,}"
    return Row("perf-3", what, "ms", ours, f"among {WAITING[0]:,}", theirs, "<= 1.5 (flat)")


def _waiting(place: Path, count: int) -> SqliteStore:
    store = _fresh(place)
    for number in range(count):
        _install(store, number)
    return store
