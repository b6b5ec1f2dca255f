"""Several processes on one database: one wins, the others say so (contract G, I1)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.postgres_rows import database_in
from support.process import Fleet, Serving
from support.wire import Answer, until

LEGAL = {
    (200, "GENERATED"),
    (202, "GENERATION_IN_PROGRESS"),
    (200, "CLAIMED_ELSEWHERE"),
    (200, "DONE_KEY_EXISTS"),
}
THREADS = 50


def _storm(fleet: Fleet, fleet_of: list[Serving], site: JiraSite, calls: int) -> list[Answer]:
    """Tick one tenant from many threads at once, at every process in turn."""
    ports = [serving.port for serving in fleet_of]
    assert len(set(ports)) == len(ports)
    with ThreadPoolExecutor(THREADS) as threads:
        return list(
            threads.map(lambda n: fleet.tick(fleet_of[n % len(fleet_of)], site), range(calls))
        )


@pytest.mark.parametrize(
    ("kind", "role"), [("sqlite", "web"), ("sqlite", "all"), ("postgres", "all")]
)
def test_fifty_threads_and_two_processes_make_one_report_a_trigger(
    tmp_path: Path, keys: KeyRing, kind: str, role: str
) -> None:
    with Fleet(tmp_path, keys, database_in(tmp_path, kind)) as fleet:
        two = [fleet.serve(role), fleet.serve(role)]
        site = fleet.installed(two[0])
        site.faults.append(Fault(FaultKind.SLOW, delay=timedelta(milliseconds=20)))
        for due, trigger in enumerate(("AUTO_12H", "AUTO_24H"), start=1):
            fleet.advance(hours=12)
            answers = _storm(fleet, two, site, 2 * THREADS)
            told = {(answer.status, answer.json()["reason"]) for answer in answers}
            assert told <= LEGAL, told
            assert {answer.json()["due_trigger"] for answer in answers} == {trigger}
            assert max(answer.elapsed for answer in answers) < 5
            wait = until()
            while fleet.database.markers(site.cloud_id) != ["AUTO_12H", "AUTO_24H"][:due]:
                wait.more("the report to be stored")
            assert fleet.database.milestone(site.cloud_id, trigger)["starts"] == 1
            assert len(fleet.database.reports(site.cloud_id)) == due
            assert len(site.requests) == 9 * due
        for serving in two:
            serving.stop()
        assert fleet.breaches() == []


def test_processes_that_start_at_once_on_no_file_agree(fleet: Fleet) -> None:
    """SURFACE: several `serve` may start on one database at once; one of them makes it."""
    four = [fleet.serve() for _ in range(4)]
    site = fleet.installed(four[0])
    fleet.advance(hours=12)
    assert fleet.reason(four[1], site) == "GENERATED"
    for serving in four:
        assert fleet.reason(serving, site) == "DONE_KEY_EXISTS"
        serving.stop()
    assert fleet.breaches() == []


def test_a_worker_and_a_door_share_the_work(shared_fleet: Fleet) -> None:
    """Contract F: the worker attempts what ticks left, with the token that a tick brought."""
    fleet = shared_fleet
    door, worker = fleet.serve("web"), fleet.serve("worker")
    site = fleet.installed(door)
    fleet.advance(hours=11, minutes=59, seconds=58)
    assert fleet.reason(door, site) == "NOT_DUE"
    wait = until(20)
    while fleet.database.markers(site.cloud_id) != ["AUTO_12H"]:
        wait.more("the worker to find what is due")
    assert fleet.reason(door, site) == "DONE_KEY_EXISTS"
    assert worker.port != door.port
    assert fleet.database.milestone(site.cloud_id, "AUTO_12H")["starts"] == 1


def test_a_stop_waits_for_the_attempt_and_a_new_start_goes_on(fleet: Fleet) -> None:
    """A SIGTERM loses nothing: the attempt under way is settled before the process ends."""
    serving = fleet.serve()
    site = fleet.installed(serving)
    site.faults.append(Fault(FaultKind.SLOW, delay=timedelta(milliseconds=200)))
    fleet.advance(hours=12)
    assert fleet.reason(serving, site) == "GENERATION_IN_PROGRESS"
    serving.stop()
    assert fleet.database.markers(site.cloud_id) == ["AUTO_12H"]
    assert serving.events[-1]["event"] == "service_stopped"
    assert fleet.reason(fleet.serve(), site) == "DONE_KEY_EXISTS"


def test_a_stop_right_after_the_start_is_heard(fleet: Fleet) -> None:
    """A SIGTERM between the first log line and the first request ends it in order."""
    for _ in range(3):
        serving = fleet.serve("all")
        serving.wait_started()
        serving.stop()
        assert serving.events[-1]["event"] == "service_stopped"


def test_processes_that_begin_together_share_one_set_of_development_keys(fleet: Fleet) -> None:
    """The first makes the file; the others read all of it, never the half."""
    together = [fleet.serve() for _ in range(6)]
    sites = [fleet.installed(serving) for serving in together]
    assert {fleet.reason(together[0], site) for site in sites} == {"NOT_DUE"}
    assert [path.name for path in (fleet.folder / ".firstry").iterdir()] == ["keys.json"]
    for serving in together:
        serving.stop()
    assert fleet.breaches() == []
