"""Deterministic simulation of the real service (T2).

Five hundred worlds over more than twenty thousand hours: crashes at every failpoint, lost
commits, processes that are held up beyond their leases, sites that fail in every
way, clocks that jump, invocations that come twice, late or never, people who
meddle. After every write the oracle judges it, and at the end the invariants are
judged over all rows: I1 to I8, I10, I12, I13 and I15.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstry.sim.world import Kind
from firstry.sim.world_fault import Mishap
from support.backing import TESTS
from support.simulation import Sum, world, worlds

SEEDS = range(500)
HOURS = 20_000
LEAST = 100
SAME_ON_BOTH = (5, 12)
SAME_ON_EVERY = (52, 58)
ON_EVERY = (
    Mishap.CRASH,
    Mishap.COMMIT_LOST,
    Mishap.COMMIT_ANSWER_LOST,
    Mishap.DISK_FULL,
    Mishap.HELD_UP_BEYOND_LEASE,
)
"""What each of the worlds on every store has to hit."""
DUPLICATED = range(6)


@pytest.fixture(scope="module")
def total() -> Sum:
    return worlds(SEEDS)


@pytest.mark.timeout(900)
def test_nothing_breaks_in_five_hundred_worlds(total: Sum) -> None:
    assert total.findings == []
    assert total.worlds == len(SEEDS)
    assert total.hours >= HOURS


def test_every_fault_transition_and_reason_was_hit(total: Sum) -> None:
    assert total.shortcomings(LEAST) == []


def test_the_same_seed_has_the_same_trace_in_any_process() -> None:
    """Neither the order of a set nor what ran before may show in it."""
    digests = set()
    for hash_seed in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, str(TESTS / "simulate.py"), "--seed", "7", "--trace"],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(ended.stdout)
    assert len(digests) == 1
    before = world(8, Kind.MEMORY).digest
    last_line = digests.pop().splitlines()[-1]
    assert last_line.endswith(world(7, Kind.SQLITE).digest)
    assert before == world(8, Kind.MEMORY).digest


@pytest.mark.parametrize("seed", SAME_ON_BOTH)
def test_memory_and_sqlite_have_the_same_trace(seed: int) -> None:
    """T3, in a world: every answer and every row, through crashes and full disks."""
    in_memory, in_sqlite = (
        world(seed, kind, keeps_notes=True) for kind in (Kind.MEMORY, Kind.SQLITE)
    )
    assert in_memory.findings == in_sqlite.findings == ()
    assert in_memory.lines == in_sqlite.lines


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", SAME_ON_EVERY)
def test_every_store_has_the_same_trace(seed: int) -> None:
    """The same, on PostgreSQL too: each process of the world has connections of its own."""
    in_memory, *others = (world(seed, kind, keeps_notes=True) for kind in Kind)
    for mishap in ON_EVERY:
        assert in_memory.tally[f"fault {mishap}"] > 0, mishap
    for other in others:
        assert other.findings == in_memory.findings == ()
        assert other.lines == in_memory.lines


@pytest.mark.parametrize("seed", DUPLICATED)
def test_what_comes_twice_or_late_changes_nothing(seed: int) -> None:
    """I13: the outcome depends on the invocations, not on their repeats or their order."""
    once = world(seed, Kind.MEMORY, only={})
    twice = world(seed, Kind.MEMORY, only={Mishap.DUPLICATE: 1.0, Mishap.LATE: 0.5})
    assert once.findings == twice.findings == ()
    assert twice.tally[f"fault {Mishap.DUPLICATE}"] > 50
    assert once.outcome == twice.outcome


def test_a_world_without_faults_makes_every_report(tmp_path: Path) -> None:
    """The worlds are fair: left alone, nothing fails, waits or is lost in them."""
    happened = world(4, Kind.MEMORY, only={})
    assert happened.findings == ()
    assert happened.tally["act FAILED"] == happened.tally["status 500"] == 0
    assert happened.tally["status 401"] == happened.tally["act DEFERRED"] == 0
    assert happened.tally["act COMPLETED"] > 0
