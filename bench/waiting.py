"""Many tenants that wait: looking for work (perf-3), and what they take (perf-6).

The number of tenants is BENCH_TENANTS, 1,000,000 in full.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.ground import INSTALLED, POLICY, Ground
from bench.row import Row, in_turn
from bench.start import FIRSTRY, Run, runs_in_turn
from firstry.domain.due import due_query
from firstry.stores.sql.store import SqlStore

TENANTS = int(os.environ.get("BENCH_TENANTS", "100000"))
FEW = 10_000
PASSES = 200
KIB = 1024


def rows(ground: Ground) -> list[Row]:
    """Measure a pass of the worker, the size of the store, a worker, and a list."""
    with ground.filled(TENANTS) as (url, many), ground.filled(FEW) as (_, few):
        idle, bare = in_turn(lambda: _pass(many), lambda: _select_one(many))
        flat, base = in_turn(lambda: _pass(many), lambda: _pass(few))
        size = _size(ground, url) / TENANTS
        commands = [FIRSTRY, "tenants", "list"], [FIRSTRY, "version"]
        listed, started = runs_in_turn(*commands, FIRSTRY_DATABASE_URL=url)
        memory = _memory(url)
    among = f"{ground.name}, {TENANTS:,} tenants"
    return [
        Row("perf-3", f"nothing due, {among}", "ms", idle, "SELECT 1", bare, "<= 2"),
        Row("perf-3", f"nothing due, {among}", "ms", flat, f"among {FEW:,}", base, "<= 1.5"),
        Row("perf-6", f"store a tenant, {ground.name}", "KB", size / KIB, "goal", 2, "<= 1"),
        Row("perf-6", f"worker, {among}", "MB", memory, "goal", 150, "<= 1"),
        *_list_rows(ground.name, listed, started),
    ]


def _list_rows(store: str, listed: Run, started: Run) -> list[Row]:
    what, against, wanted = f"list, {store}", "firstry version", "+ 0.05 s"
    cpu = f"{what}, processor time"
    return [
        Row("perf-6", what, "s", listed.seconds, against, started.seconds, wanted),
        Row("perf-6", cpu, "s", listed.cpu_seconds, against, started.cpu_seconds, wanted),
    ]


def _pass(store: SqlStore) -> float:
    """Return the milliseconds in which a worker learns that nothing is due."""
    query = due_query(INSTALLED, POLICY)
    return _milliseconds(lambda: store.claimable(query, 100))


def _select_one(store: SqlStore) -> float:
    """Return the milliseconds of the least that reads a table at all."""
    return _milliseconds(lambda: store.database.read(None, "SELECT 1 AS one FROM store_clock", {}))


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(PASSES):
        work()
    return (time.perf_counter() - began) * 1000 / PASSES


def _size(ground: Ground, url: str) -> float:
    """Return the bytes of the whole database."""
    if ground.cluster is None:
        path = Path(url.removeprefix("sqlite:///"))
        return sum(each.stat().st_size for each in path.parent.iterdir())
    with psycopg.connect(ground.cluster.url(database=url.rpartition("/")[2])) as admin:
        found = admin.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found is not None
    return float(found[0])


def _memory(url: str) -> float:
    """Return the megabytes of a worker that has looked for work."""
    code = (
        "import resource, sys; from bench.ground import *; from bench.waiting import _pass;"
        "import firstry.wiring.service, firstry.scheduler.worker;"
        "_pass(opened(sys.argv[1]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", code, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return int(done.stdout) / KIB
