"""What happens to the database's file while the service runs, seen over HTTP (T8).

Removed, replaced, emptied, no longer writable, out of quota: the service refuses
and says what is wrong, takes nothing for absent, and goes on when the file is
right again. What was completed stays.
"""

import json
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from support.crash_yard import Serving, Yard, raw_breaches
from support.service import World
from support.wire import exchange

FRAMES = 4120
"""One page in SQLite's write-ahead log, with its head."""


def readiness(port: int) -> tuple[int, str]:
    """Return the status of `/readyz`, and all that it says."""
    answer = exchange(port, "GET", "/readyz")
    return answer.status, " ".join(json.loads(answer.body)["checks"].values())


HARMS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "removed": (lambda path, _: None, "cannot be found"),
    "emptied": (lambda path, _: path.touch(), "does not hold firstry's tables"),
    "garbled": (lambda path, _: path.write_bytes(b"no database\n" * 999), "not a SQLite database"),
    "replaced": (lambda path, other: shutil.copy(other, path), "another database"),
}
"""What lies at the path after the file was taken away, and what is said of it."""


@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_file_is_told_and_nothing_completed_is_lost(
    harm: str, tmp_path: Path, keys: KeyRing
) -> None:
    (tmp_path / "other").mkdir()
    with World(tmp_path / "other", keys) as other:
        other.installed()
    with World(tmp_path, keys) as world:
        site = world.installed()
        world.clock.advance(hours=12)
        report_id = world.told(site, "GENERATED")["report_id"]
        for file in tmp_path.glob("firstry.db*"):
            file.rename(file.with_name(f"away-{file.name}"))
        harmed, words = HARMS[harm]
        harmed(world.path, other.path)
        status, said = readiness(world.door.port)
        assert status == 503
        assert words in said
        for _ in range(3):
            assert world.tick(site).json()["error_code"] == "SCHEDULER_ERROR"
        world.path.unlink(missing_ok=True)
        for file in tmp_path.glob("away-*"):
            file.rename(file.with_name(file.name.removeprefix("away-")))
        assert readiness(world.door.port)[0] == 200
        assert world.told(site, "DONE_KEY_EXISTS")["report_id"] == report_id
        assert world.breaches() == []


def test_a_file_that_may_no_longer_be_written_is_told(tmp_path: Path, keys: KeyRing) -> None:
    with Yard(tmp_path, keys) as yard:
        serving, site = yard.serve(is_bound=True), yard.new_site()
        assert yard.install(serving, site) is not None
        yard.advance_to_due()
        yard.database.path.chmod(0o444)
        with yard.database.locked("IMMEDIATE"), ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(yard.tick, serving, site)  # the open connection is in use
            time.sleep(
                0.3
            )  # the tick has taken the connection by then; it waits a second for the lock
            status, said = readiness(serving.port)
            assert (status, "writable" in said) == (503, True)
            refused = waiting.result()
            assert refused is not None
            assert refused.status == 500
        yard.kill(serving)
        beginning = yard.run("serve", "--dev", is_bound=True)
        beginning.join(15)
        assert (beginning.exitcode, "writable" in yard.errors()) == (6, True)
        for file in tmp_path.glob("firstry.db*"):  # SQLite gives those beside it the same mode
            file.chmod(0o644)
        recovers(yard, yard.serve(is_bound=True), site)


@pytest.mark.parametrize("frames", [0, 12], ids=["for nothing", "for the claim"])
def test_a_quota_that_is_used_up_spends_an_attempt_at_most(
    frames: int, tmp_path: Path, keys: KeyRing
) -> None:
    """The kernel refuses the write here, also the one with which the log is closed."""
    with Yard(tmp_path, keys) as yard:
        serving, site = yard.serve(), yard.new_site()
        assert yard.install(serving, site) is not None
        with yard.database.connected() as beside:  # keeps the log from being written back
            beside.execute("SELECT count(*) FROM tenant")
            yard.kill(serving)
            yard.advance_to_due()
            log = yard.database.path.with_name("firstry.db-wal").stat().st_size
            serving = yard.serve(file_bytes=log + frames * FRAMES)
            refused = yard.tick(serving, site)
            assert refused is not None
            assert refused.status == (202 if frames else 500)
            assert refused.elapsed < 5
            serving.process.terminate()
            serving.process.join(15)
            assert serving.process.exitcode == 0
        assert yard.database.count("report") == 0
        assert yard.database.milestone(site.cloud_id, "AUTO_12H")["attempts"] == bool(frames)
        recovers(yard, yard.serve(), site)


def test_a_log_that_cannot_be_written_stops_no_report(tmp_path: Path, keys: KeyRing) -> None:
    """The disk of the log lines is full: the lines are lost, the work is not."""
    with Yard(tmp_path, keys) as yard:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        yard.environ["FIRSTRY_PORT"] = str(port)
        serving = yard.serve(errors="/dev/full", port=port)
        site = yard.new_site()
        assert yard.install(serving, site) is not None
        recovers(yard, serving, site)


def recovers(yard: Yard, serving: Serving, site: JiraSite) -> None:
    """Require both reports, whatever was spent before."""
    while yard.advance_to_due():
        answer = yard.tick(serving, site)
        assert answer is not None
        assert answer.json()["reason"] == "GENERATED"
    assert yard.database.markers(site.cloud_id) == ["AUTO_12H", "AUTO_24H"]
    assert yard.breaches() == []
    assert raw_breaches(yard.database) == []
