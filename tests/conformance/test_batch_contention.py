"""Batches over the same tenants, many at once: none waits in a circle, no change is lost."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

import psycopg
import pytest

from firstry.domain.claim import Claim, claim
from firstry.domain.errors import Defect
from firstry.domain.record import Change, Decide, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store
from firstry.stores.sql.postgres.store import PostgresStore
from support.backing import Backing, start_module
from support.domain import (
    AUTO_12H,
    DEFAULT,
    all_entries,
    at,
    claim_at,
    install,
    known,
    milestone_of,
    tenant,
)
from support.invariants import breaches_of, snapshot
from support.noter import write_notes
from support.postgres_service import ServiceDatabase, new_service_database
from support.wire import until

EVERYBODY = tuple(tenant(number) for number in range(8))
THREADS = 6
BATCHES = 15
OTHERS = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
HOLD_UP = """CREATE FUNCTION held_up() RETURNS boolean LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN true; END';
    CREATE POLICY held_up ON tenant AS RESTRICTIVE USING (held_up())"""
HELD_UP = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
RAISE = "UPDATE milestone SET fence = fence + 1 WHERE cloud_id = %s AND trigger_name = %s"


def installed(store: Store) -> None:
    for who in EVERYBODY:
        install(store, who)


def assert_counted(store: Store, written: Counter[str]) -> None:
    """Require every note that somebody was told is written, and no other."""
    assert len(written) == len(EVERYBODY)
    for who in EVERYBODY:
        assert len(all_entries(store, who)) == 1 + written[who.cloud_id]
        assert breaches_of(snapshot(store, known(store, who)), DEFAULT) == []


def test_no_note_of_many_threads_is_lost(store: Store) -> None:
    """I15: each batch takes its tenants in its own order."""
    installed(store)
    gate = threading.Barrier(THREADS)

    def write(seed: int) -> Counter[str]:
        gate.wait(10)
        return write_notes(store, EVERYBODY, Random(seed), BATCHES)

    with ThreadPoolExecutor(THREADS) as threads:
        written = sum(threads.map(write, range(THREADS)), Counter[str]())
    assert_counted(store, written)


def test_no_note_of_several_processes_is_lost(shared: Backing) -> None:
    """Contract G, I15; and where there are locks of several tenants, no circle of them."""
    store = shared.open()
    installed(store)
    ids = [who.cloud_id for who in EVERYBODY]
    started = [
        start_module("noter", shared.kind, shared.place, str(seed), str(BATCHES), *ids)
        for seed in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=50) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], told
    written: Counter[str] = Counter()
    for output, _ in told:
        for line in output.splitlines():
            cloud_id, notes = line.split()
            written[cloud_id] += int(notes)
    assert_counted(store, written)
    store.close()
    if shared.kind == "postgres":
        assert deadlocks(shared.place) == 0


def deadlocks(url: str) -> int:
    """Return how often sessions waited in a circle, once all others are gone and counted."""
    wait = until()
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(OTHERS).fetchone() != (0,):
            wait.more("the other sessions to end")
        found = connection.execute(DEADLOCKS).fetchone()
    assert found is not None
    return int(found[0])


def test_batches_that_record_the_same_new_tenants_agree(shared: Backing) -> None:
    """I13: nobody's rows could be locked, for there were none."""
    stores = [shared.open() for _ in range(THREADS)]
    gate = threading.Barrier(THREADS)

    def record(number: int) -> list[str]:
        gate.wait(10)
        return [install(stores[number], who) for who in EVERYBODY]

    with ThreadPoolExecutor(THREADS) as threads:
        told = Counter(word for words in threads.map(record, range(THREADS)) for word in words)
    assert told == {
        "INSTALLATION_RECORDED": len(EVERYBODY),
        "ALREADY_RECORDED": len(EVERYBODY) * (THREADS - 1),
    }
    assert_counted(stores[0], Counter({who.cloud_id: 0 for who in EVERYBODY}))
    for store in stores:
        store.close()


# What only a store with a lock for each tenant can show ------------------------------


@pytest.fixture
def database() -> ServiceDatabase:
    """A new PostgreSQL database."""
    return new_service_database()


@pytest.fixture
def postgres(database: ServiceDatabase) -> Iterator[Store]:
    """A store on it, with the tenants in it."""
    store = PostgresStore(database.url)
    installed(store)
    yield store
    store.close()


@contextmanager
def held(database: ServiceDatabase, *tenants: Tenant) -> Iterator[psycopg.Connection]:
    """Hold tenants from another session until the context ends."""
    with psycopg.connect(database.admin_url) as connection:
        ids = [who.cloud_id for who in tenants]
        locked = connection.execute(
            "SELECT cloud_id FROM tenant WHERE cloud_id = ANY(%s) FOR NO KEY UPDATE NOWAIT", (ids,)
        ).fetchall()
        assert len(locked) == len(tenants)
        yield connection


def claims(*tenants: Tenant) -> dict[Tenant, Decide[Any]]:
    return {who: lambda record: claim(record, at(12), DEFAULT) for who in tenants}


def test_a_tenant_that_another_session_holds_is_left_out(
    database: ServiceDatabase, postgres: Store
) -> None:
    """Its decision is not even asked; the others are written, and it is taken later."""
    with held(database, EVERYBODY[1], EVERYBODY[4]):
        answers = postgres.transact_many(at(12), claims(*EVERYBODY), skip_locked=True)
    left_out = {EVERYBODY[1], EVERYBODY[4]}
    assert answers.keys() == set(EVERYBODY) - left_out
    assert all(isinstance(answer, Claim) for answer in answers.values())
    for who in left_out:
        assert milestone_of(postgres, AUTO_12H, who).starts == 0
    again = postgres.transact_many(at(12), claims(*left_out), skip_locked=True)
    assert again.keys() == left_out
    assert all(isinstance(answer, Claim) for answer in again.values())


def test_if_all_are_held_nothing_is_done(database: ServiceDatabase, postgres: Store) -> None:
    with held(database, *EVERYBODY):
        assert postgres.transact_many(at(12), claims(*EVERYBODY), skip_locked=True) == {}
    assert postgres.check() == at(0)


def test_sessions_that_leave_out_what_is_held_share_the_work(
    database: ServiceDatabase, postgres: Store
) -> None:
    """I4: each tenant is claimed once, by whoever holds it, and nobody waits for another."""
    other = PostgresStore(database.url)

    def first(record: TenantRecord | None) -> Change[Any]:
        """Let another session come in between, while this one holds the even tenants."""
        if not others:
            others.update(other.transact_many(at(12), claims(*EVERYBODY), skip_locked=True))
        return claim(record, at(12), DEFAULT)

    others: dict[Tenant, object] = {}
    mine = postgres.transact_many(at(12), dict.fromkeys(EVERYBODY[::2], first), skip_locked=True)
    assert mine.keys() == set(EVERYBODY[::2])
    assert others.keys() == set(EVERYBODY[1::2])
    for who in EVERYBODY:
        assert milestone_of(postgres, AUTO_12H, who).fence == 1
    other.close()


def test_who_was_claimed_while_the_lock_was_looked_for_is_let_go(
    database: ServiceDatabase, postgres: Store
) -> None:
    """The search sees what was committed when it began, and would hold up their settle."""
    taken = EVERYBODY[:2]
    asked: list[TenantRecord | None] = []

    def decide(record: TenantRecord | None) -> Change[Any]:
        asked.append(record)
        with held(database, *taken):
            return claim(record, at(12), DEFAULT)

    quick = PostgresStore(database.admin_url)  # whom no wall holds up
    with (
        psycopg.connect(database.admin_url, autocommit=True) as admin,
        ThreadPoolExecutor(1) as one,
    ):
        admin.execute(HOLD_UP)
        admin.execute("SELECT pg_advisory_lock(7)")
        work = dict.fromkeys(EVERYBODY, decide)
        claiming = one.submit(postgres.transact_many, at(12), work, skip_locked=True)
        wait = until()
        while admin.execute(HELD_UP).fetchone() == (0,):
            wait.more("the search to be held up")
        mine = quick.transact_many(at(12), claims(*taken), skip_locked=True)
        admin.execute("SELECT pg_advisory_unlock(7)")
        theirs = claiming.result(20)
    assert mine.keys() == set(taken)
    assert theirs.keys() == set(EVERYBODY) - set(taken)
    assert len(asked) == len(theirs)
    quick.close()


def test_a_row_that_changed_behind_the_lock_stops_the_whole_batch(
    database: ServiceDatabase, postgres: Store
) -> None:
    """I5: an update names the fence that was read, whoever got past the lock of the tenant."""
    hit = EVERYBODY[5]
    before = [postgres.read(who) for who in EVERYBODY if who != hit]

    def decide(record: TenantRecord | None) -> Change[Any]:
        with psycopg.connect(database.admin_url) as connection:
            meant = (hit.cloud_id, AUTO_12H)
            raised = connection.execute(RAISE, meant)
            assert raised.rowcount == 1
        return claim(record, at(12), DEFAULT)

    with pytest.raises(Defect, match="guarded"):
        postgres.transact_many(at(12), claims(*EVERYBODY) | {hit: decide})
    assert [postgres.read(who) for who in EVERYBODY if who != hit] == before
    assert milestone_of(postgres, AUTO_12H, hit).starts == 0
    answer = claim_at(postgres, at(12), hit)
    assert isinstance(answer, Claim)
    assert answer.fence == 2
