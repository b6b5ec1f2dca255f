"""PostgreSQL out of reach for a while: refused in time, nothing piles up, back by itself (E)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from firstry.web.remote.endpoint import THREADS
from firstry.wiring.service import ATTEMPT_SLOTS
from support.network_lane import Lane
from support.postgres_message import Side
from support.proxy import Fault, Point
from support.wire import Answer, until

CALLERS = 40
DEADLINE_SECONDS = 4.5
"""The platform gives 5 s; by default the answer is due after 4."""
FROM_NOW_ON = Point(Side.FRONTEND)


@pytest.fixture
def lane(tmp_path: Path, keys: KeyRing) -> Iterator[Lane]:
    with Lane(tmp_path, keys) as lane:
        lane.world.told(lane.due_site(), "GENERATED")
        yield lane


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.BLACK_HOLE])
def test_an_outage_is_answered_in_time_and_ends_by_itself(lane: Lane, fault: Fault) -> None:
    site = lane.due_site()
    trap = lane.proxy.set_trap(fault, FROM_NOW_ON, is_lasting=True)
    threads = threading.active_count()
    refused_alike(ticks(lane, site))
    refused_alike(ticks(lane, site))
    refused_alike([lane.world.install(lane.world.site("newcomer"))])
    assert threading.active_count() <= threads + THREADS + ATTEMPT_SLOTS
    assert trap.hits >= 1
    assert lane.stored(site).reports == ()

    lane.recover()

    wait = until()
    while lane.world.tick(site).status != 200:
        wait.more("the service to be back")
    assert len(lane.stored(site).reports) == 1


def ticks(lane: Lane, site: JiraSite) -> list[Answer]:
    """Let many call at once, as the platform does for its sites."""
    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(lambda _: lane.world.tick(site), range(CALLERS)))


def refused_alike(answers: list[Answer]) -> None:
    """Require that every answer is the one for a fault of ours, and came in time."""
    for answer in answers:
        assert answer.status == 500, answer.body
        assert answer.json()["error_code"] == "SCHEDULER_ERROR"
        assert answer.elapsed < DEADLINE_SECONDS
