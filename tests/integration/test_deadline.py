"""Every answer comes before the deadline, whatever is slow (contract E, I12)."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from firstry.sim.server import JwksMode
from support.call import INSTALL, TICK, Endpoint, headers_of
from support.service import World
from support.wire import drip, exchange, until

WITHIN = 0.6
LATEST = 1.6
"""What a loaded machine may add to `WITHIN`."""


@pytest.fixture
def hurried(tmp_path: Path, keys: KeyRing) -> Callable[[], World]:
    """A world that answers within `WITHIN` seconds."""
    return lambda: World(tmp_path, keys, ANSWER_WITHIN=f"{WITHIN}s")


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.HANG])
def test_a_slow_site(hurried: Callable[[], World], kind: FaultKind) -> None:
    with hurried() as world:
        site = world.installed()
        site.faults.append(Fault(kind, delay=timedelta(seconds=1), times=1))
        world.clock.advance(hours=12)
        answer = world.tick(site)
        assert answer.json()["reason"] == "GENERATION_IN_PROGRESS"
        assert answer.elapsed < LATEST


@pytest.mark.parametrize("endpoint", [TICK, INSTALL], ids=["tick", "lifecycle"])
@pytest.mark.parametrize("mode", [JwksMode.SLOW, JwksMode.HANG])
def test_a_slow_key_set(hurried: Callable[[], World], mode: JwksMode, endpoint: Endpoint) -> None:
    with hurried() as world:
        world.simulator.keys.mode = mode
        site = world.site()
        token = world.platform.invocation_token(site, endpoint.module, at=world.now())
        answer = world.door.send(endpoint, headers_of(token), b'{"eventType": "x"}')
        assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
        assert answer.elapsed < LATEST
        assert world.simulator.keys.fetches == 1


@pytest.mark.parametrize("endpoint", [TICK, INSTALL], ids=["tick", "lifecycle"])
def test_a_held_database(hurried: Callable[[], World], endpoint: Endpoint) -> None:
    with hurried() as world:
        site = world.installed()
        world.clock.advance(hours=12)
        with world.database.locked():
            answer = world.tick(site) if endpoint is TICK else world.install(world.site())
        assert answer.status == 500
        assert answer.elapsed < LATEST


@pytest.mark.parametrize("endpoint", [TICK, INSTALL], ids=["tick", "lifecycle"])
def test_a_body_that_drips(hurried: Callable[[], World], endpoint: Endpoint) -> None:
    """One byte at a time, as slowly as the sender likes."""
    with hurried() as world:
        site = world.installed()
        before = world.database.everything()
        token = world.platform.invocation_token(site, endpoint.module, at=world.now())
        head = (
            f"POST {endpoint.path} HTTP/1.1\r\nhost: localhost\r\n"
            f"authorization: Bearer {token}\r\ncontent-length: 500\r\n\r\n"
        )
        answer = drip(world.door.port, head.encode(), b"x" * 500, every_seconds=0.1)
        assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
        assert WITHIN <= answer.elapsed < LATEST + 0.1
        assert world.database.everything() == before
        assert exchange(world.door.port, "GET", "/healthz").status == 200


def test_a_body_that_never_comes_holds_up_nobody(hurried: Callable[[], World]) -> None:
    """Forty senders that promise a body and stop; a forty-first is served at once."""
    with hurried() as world:
        site = world.installed()
        lines = b"POST /forge/tick HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n"
        idle = [world.door.opened(lines) for _ in range(40)]
        answer = world.tick(site)
        for connection in idle:
            connection.close()
        assert answer.json()["reason"] == "NOT_DUE"
        assert answer.elapsed < LATEST


def test_an_attempt_that_is_answered_in_progress_ends_by_itself(
    hurried: Callable[[], World],
) -> None:
    with hurried() as world:
        site = world.installed()
        site.faults.append(Fault(FaultKind.SLOW, delay=timedelta(seconds=0.8), times=1))
        world.clock.advance(hours=12)
        assert world.tick(site).json()["reason"] == "GENERATION_IN_PROGRESS"
        wait = until()
        while not world.database.markers(site.cloud_id):
            wait.more("the report")
        assert world.tick(site).json()["reason"] == "DONE_KEY_EXISTS"
        assert len(site.requests) == 9


def test_the_default_deadline_is_four_seconds(world: World) -> None:
    """A key set that hangs costs its own 2 s, a body that drips 4 s; never the platform's 5."""
    site = world.installed()
    head = b"POST /forge/tick HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n"
    answer = drip(world.door.port, head, b"x" * 500, every_seconds=0.2)
    assert answer.status == 500
    assert 3.9 <= answer.elapsed < 4.8
    world.told(site, "NOT_DUE")
