"""Drain prepared reports beside the raw limit (perf-1), alone and with others.

`BENCH_JOBS` sets how many reports two and eight processes share.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.cost import Cost, cost_of
from bench.drainer import BATCH, BODY, drain
from bench.ground import Ground
from bench.raw import raw_drain
from bench.replay import replayed
from bench.row import ROUNDS, Row, in_turn

JOBS = 4_000
MANY = int(os.environ.get("BENCH_JOBS", "6000"))
WORKERS = 8
LONG_WAIT = "100ms"
GOALS = {"SQLite": 0.3, "PostgreSQL": 0.4}


def rows(ground: Ground, many: int = MANY) -> list[Row]:
    """Measure one process beside the raw loop and its own writes; on PostgreSQL two and eight."""
    rounds = [
        (_alone(ground), raw_drain(ground, JOBS, BODY, BATCH), replayed(ground, JOBS))
        for _ in range(ROUNDS)
    ]
    ours, raw, most = (median(c.per_second for c in side) for side in zip(*rounds, strict=True))
    cpu, least, own = (median(c.cpu_microseconds for c in s) for s in zip(*rounds, strict=True))
    what, against = f"drain on {ground.name}", f"raw claim + complete, batch {BATCH}"
    alone = [
        Row("perf-1", what, "reports/s", ours, against, raw, f">= {GOALS[ground.name]}"),
        Row("perf-1", what, "reports/s", ours, "its writes, played again", most, ""),
        Row("perf-1", f"its writes alone, {ground.name}", "reports/s", most, against, raw, ""),
        Row("perf-1", what + ", processor", "us", cpu, against, least, "informative"),
        Row("perf-1", what + ", processor", "us", cpu, "its writes, played again", own, ""),
    ]
    if ground.cluster is None:
        return alone
    two, one = in_turn(lambda: _shared(ground, 2, many), lambda: _shared(ground, 1, many))
    return [
        *alone,
        Row("perf-1", "two processes", "reports/s", two, "one process", one, ">= 1.4"),
        *_crowd(ground, many),
    ]


def drained_alone(ground: Ground) -> float:
    """Return the reports per second of one process."""
    return _alone(ground).per_second


def _alone(ground: Ground) -> Cost:
    with ground.filled(JOBS) as (_, store):
        done: list[int] = []
        cost = cost_of(ground, JOBS, lambda: done.append(drain(store)))
        _refuse_unless(done, JOBS)
        return cost


def _shared(ground: Ground, processes: int, jobs: int) -> float:
    with ground.filled(jobs) as (url, _):
        return _drained_by(processes, url, jobs)


def _drained_by(processes: int, url: str, jobs: int) -> float:
    """Return the reports per second of several processes that begin at once."""
    started = [_start(url) for _ in range(processes)]
    for each in started:
        assert each.stdout is not None
        each.stdout.readline()
    began = time.perf_counter()
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    done = [int(each.communicate()[0]) for each in started]
    seconds = time.perf_counter() - began
    _refuse_unless(done, jobs)
    return jobs / seconds


def _start(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.drainer", url]
    root = Path(__file__).parent.parent
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True)


def _refuse_unless(done: list[int], jobs: int) -> None:
    """Each job counts once: the sum tells of one that was lost, and of one done twice."""
    if sum(done) != jobs:
        raise RuntimeError(f"{done} reports were stored, of {jobs} jobs")


def _crowd(ground: Ground, jobs: int) -> list[Row]:
    """Let eight drain one database, and count who stood in whose way."""
    assert ground.cluster is not None
    with ground.filled(jobs) as (url, _), ground.cluster.connect(_name(url)) as admin:
        admin.autocommit = True
        for setting in (f"deadlock_timeout = '{LONG_WAIT}'", "log_lock_waits = on"):
            admin.execute(f"ALTER DATABASE {_name(url)} SET {setting}".encode())
        before = len(ground.cluster.log)
        _drained_by(WORKERS, url, jobs)
        told = ground.cluster.log[before:]
        waits = told.count("still waiting for")
        counted = admin.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        assert counted is not None
    if waits:
        print(told, file=sys.stderr)  # it says who waited for what
    what = f"{WORKERS} workers, {jobs:,} jobs: "
    return [
        Row("perf-1", what + "deadlocks", "", counted[0], "", 0, "0"),
        Row("perf-1", what + f"waits > {LONG_WAIT}", "", waits, "", 0, "0"),
    ]


def _name(url: str) -> str:
    return url.rpartition("/")[2]
