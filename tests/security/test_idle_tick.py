"""An idle tick is one read and no write: 300,000 tenants tick every hour (DESIGN 2)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.service import World


@contextmanager
def _traced() -> Iterator[list[str]]:
    """Yield every statement that connections opened from now on execute."""
    executed: list[str] = []
    lock = threading.Lock()

    def heard(event: dict[str, object]) -> None:
        with lock:
            executed.append(str(event["sql"]).split("\n")[0] or str(event["sql"]).strip())

    def watch(connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, heard)

    apsw.connection_hooks.append(watch)
    try:
        yield executed
    finally:
        apsw.connection_hooks.remove(watch)


def _writes(executed: list[str]) -> list[str]:
    return [sql for sql in executed if not sql.lstrip().upper().startswith("SELECT")]


STATES = ["NOT_DUE", "DONE_KEY_EXISTS", "BACKOFF_ACTIVE", "INSTALLATION_UNKNOWN"]


def _idle(world: World, reason: str) -> JiraSite:
    """Return a site for which a tick has nothing to do."""
    site = world.site() if reason == "INSTALLATION_UNKNOWN" else world.installed()
    if reason == "BACKOFF_ACTIVE":
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
    if reason in ("DONE_KEY_EXISTS", "BACKOFF_ACTIVE"):
        world.clock.advance(hours=12)
    world.tick(site)
    world.told(site, reason)
    return site


@pytest.mark.parametrize("reason", STATES)
def test_an_idle_tick_changes_no_byte(world: World, reason: str) -> None:
    """Seen from another connection: no commit, and not one byte of any file."""
    site = _idle(world, reason)
    with world.database.connected() as beside:
        version = beside.pragma("data_version")
        files = world.database.files()
        for _ in range(5):
            world.told(site, reason)
        assert beside.pragma("data_version") == version
        after = world.database.files()
        assert {n: c for n, c in after.items() if not n.endswith("-shm")} == {
            n: c for n, c in files.items() if not n.endswith("-shm")
        }


@pytest.mark.parametrize("reason", STATES)
def test_an_idle_tick_is_one_read(tmp_path: Path, keys: KeyRing, reason: str) -> None:
    with _traced() as executed, World(tmp_path, keys) as world:
        site = _idle(world, reason)
        executed.clear()
        for _ in range(3):
            world.told(site, reason)
        assert _writes(executed) == []
        assert len(executed) == 3, executed


def test_the_trace_sees_a_write(tmp_path: Path, keys: KeyRing) -> None:
    """The proof that the test above could fail: an hour later the tick is noted."""
    with _traced() as executed, World(tmp_path, keys) as world:
        site = _idle(world, "NOT_DUE")
        executed.clear()
        world.clock.advance(minutes=59)
        world.told(site, "NOT_DUE")
        assert _writes(executed) == []
        world.clock.advance(minutes=1)
        world.told(site, "NOT_DUE")
        assert any("UPDATE tenant" in sql for sql in _writes(executed)), executed
