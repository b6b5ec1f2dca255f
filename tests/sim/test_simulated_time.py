"""Simulated time: one clock for all processes that know its file, and it only jumps ahead."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firstry.sim.time import SimulatedClock
from firstry.stores.clock import HostClock

A_MOMENT = timedelta(seconds=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clock"


@pytest.fixture
def clock(path: Path) -> Iterator[SimulatedClock]:
    made = SimulatedClock(path)
    yield made
    made.close()


def test_it_begins_as_the_hosts(clock: SimulatedClock) -> None:
    assert abs(clock.now() - HostClock().now()) < A_MOMENT


def test_it_jumps_and_goes_on(clock: SimulatedClock) -> None:
    before = clock.now()
    clock.advance(timedelta(hours=12))
    after = clock.now()
    assert timedelta(hours=12) <= after - before < timedelta(hours=12) + A_MOMENT
    assert clock.now() >= after


def test_it_may_begin_in_the_past(clock: SimulatedClock) -> None:
    start = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    clock.advance(start - clock.now())
    assert start - A_MOMENT < clock.now() < start + A_MOMENT


def test_an_instant_that_has_passed_moves_nothing(clock: SimulatedClock) -> None:
    before = clock.now()
    clock.advance_to(before - timedelta(days=1))
    assert clock.now() >= before
    clock.advance_to(before + timedelta(days=1))
    assert before + timedelta(days=1) <= clock.now() < before + timedelta(days=1) + A_MOMENT


def test_waits_stay_real(clock: SimulatedClock) -> None:
    before = clock.monotonic()
    clock.advance(timedelta(hours=12))
    assert 0 <= clock.monotonic() - before < A_MOMENT.total_seconds()


def test_another_process_sees_the_jump(clock: SimulatedClock, path: Path) -> None:
    clock.advance(timedelta(days=400))
    code = (
        "import sys; from pathlib import Path; from firstry.sim.time import SimulatedClock; "
        "sys.stdout.write(SimulatedClock(Path(sys.argv[1])).now().isoformat())"
    )
    seen = subprocess.check_output([sys.executable, "-c", code, str(path)], text=True)
    assert abs(datetime.fromisoformat(seen) - clock.now()) < A_MOMENT


def test_it_is_kept_when_opened_again(clock: SimulatedClock, path: Path) -> None:
    clock.advance(timedelta(days=3))
    again = SimulatedClock(path)
    try:
        assert abs(again.now() - clock.now()) < A_MOMENT
    finally:
        again.close()
