"""Eight workers in four processes on one PostgreSQL database: one report each (I1, I10).

A thousand tenants are due at once. One process is killed amid the work; what it had
claimed waits for its lease and its backoff, and is then made by whoever comes.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from firstry.domain.milestone import State
from firstry.stores.sql.postgres.store import PostgresStore
from support.backing import start_module
from support.domain import (
    AUTO_12H,
    DEFAULT,
    install,
    known,
    milestone_of,
    tenant,
)
from support.drainer import SLOTS, WORKERS, drain
from support.invariants import breaches_of, snapshot
from support.postgres_service import ServiceDatabase, new_service_database

TENANTS = tuple(tenant(number) for number in range(1000))
PROCESSES = 4
KILLED_AFTER = 50
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = %s"


@pytest.fixture
def database() -> ServiceDatabase:
    return new_service_database()


@pytest.fixture
def store(database: ServiceDatabase) -> Iterator[PostgresStore]:
    """A store in which everybody has installed."""
    store = PostgresStore(database.url)
    for who in TENANTS:
        install(store, who)
    yield store
    store.close()


def started(database: ServiceDatabase) -> list[subprocess.Popen[str]]:
    """Return processes that stand ready to work through what is due at the twelfth hour."""
    processes = [start_module("drainer", "postgres", database.url, "12") for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


@pytest.mark.timeout(240)
def test_eight_workers_make_one_report_each_and_a_dead_one_costs_its_attempts(
    database: ServiceDatabase, store: PostgresStore
) -> None:
    processes = started(database)
    killed = processes[0]
    assert killed.stdout is not None
    told = [killed.stdout.readline() for _ in range(KILLED_AFTER)]
    killed.kill()
    said = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [-9, 0, 0, 0], said
    told += [line for output, _ in said for line in output.splitlines(keepends=True)]
    stored = Counter(line.split()[0] for line in told if line.endswith(" COMPLETED\n"))
    assert set(stored.values()) == {1}

    left = [who for who in TENANTS if milestone_of(store, AUTO_12H, who).state is State.CLAIMED]
    assert len(left) <= WORKERS * SLOTS
    assert not stored.keys() & {who.cloud_id for who in left}
    drain("postgres", database.url, 12 + 36 / 60)  # the lease is over and the wait as well
    for who in TENANTS:
        done = milestone_of(store, AUTO_12H, who)
        starts = 2 if who in left else 1
        assert (done.state, done.starts, done.attempts) == (State.COMPLETED, starts, starts)
        assert breaches_of(snapshot(store, known(store, who)), DEFAULT) == []
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute(DEADLOCKS, (database.name,)).fetchone() == (0,)
