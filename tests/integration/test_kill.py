"""A process killed from outside: one report in the end, every attempt charged (I1, I6, I7).

Killed is SIGKILL at a moment that a test can see from outside; `tests/crash`
goes through every place inside. What a crash leaves is nothing, or a spent
attempt whose backoff is set, or a finished report.
"""

import http.client
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from firstry.domain.instant import from_milliseconds
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from support.process import Fleet, Serving
from support.wire import until

LAST_DATASET = "/rest/api/3/dashboard"


def _due_now(fleet: Fleet) -> JiraSite:
    """Return a site whose first report is due, recorded without a service."""
    site = fleet.new_site()
    fleet.record(site, fleet.clock.now() - timedelta(hours=12, seconds=30))
    return site


def _recovers(fleet: Fleet, serving: Serving, site: JiraSite) -> None:
    """Require that a charged attempt waits out its lease and 30 minutes, then a report."""
    row = fleet.database.milestone(site.cloud_id, "AUTO_12H")
    assert (row["attempts"], row["starts"], row["state"]) == (1, 1, "claimed")
    assert row["next_due"] == row["lease_until"] + 30 * 60_000
    assert fleet.database.reports(site.cloud_id) == []
    asked = len(site.requests)
    assert fleet.reason(serving, site) == "CLAIMED_ELSEWHERE"
    fleet.clock.advance_to(from_milliseconds(row["lease_until"]))
    assert fleet.reason(serving, site) == "BACKOFF_ACTIVE"
    fleet.clock.advance_to(from_milliseconds(row["next_due"]) - timedelta(seconds=20))
    assert fleet.reason(serving, site) == "BACKOFF_ACTIVE"
    assert len(site.requests) == asked
    fleet.clock.advance_to(from_milliseconds(row["next_due"]))
    answer = fleet.tick(serving, site).json()
    assert (answer["reason"], answer["attempt_count"]) == ("GENERATED", 2)


def _is_whole(fleet: Fleet, serving: Serving, site: JiraSite) -> None:
    """Require one report, its marker, and that a further tick makes no other."""
    asked = len(site.requests)
    assert fleet.reason(serving, site) == "DONE_KEY_EXISTS"
    assert len(site.requests) == asked
    assert len(fleet.database.reports(site.cloud_id)) == 1
    assert fleet.database.markers(site.cloud_id) == ["AUTO_12H"]
    serving.stop()
    assert fleet.breaches() == []


def test_killed_before_the_claim(shared_fleet: Fleet) -> None:
    """The claim waits for a lock that somebody else holds; nothing is charged."""
    fleet = shared_fleet
    first, serving = fleet.serve(), fleet.serve()
    site = _due_now(fleet)
    assert first.port
    with fleet.database.locked(), ThreadPoolExecutor(1) as threads:
        before = fleet.database.everything()
        calling = threads.submit(fleet.tick, first, site)
        with pytest.raises(TimeoutError):
            calling.result(0.3)
        first.kill()
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            calling.result(5)
        assert fleet.database.everything() == before
    answer = fleet.tick(serving, site).json()
    assert (answer["reason"], answer["attempt_count"]) == ("GENERATED", 1)
    _is_whole(fleet, serving, site)


def test_killed_during_the_work(fleet: Fleet) -> None:
    """The site keeps it waiting."""
    first = fleet.serve()
    site = _due_now(fleet)
    hang = Fault(FaultKind.HANG, times=1)
    site.faults.append(hang)
    assert fleet.reason(first, site) == "GENERATION_IN_PROGRESS"
    assert hang.hits == 1
    first.kill()
    serving = fleet.serve()
    _recovers(fleet, serving, site)
    _is_whole(fleet, serving, site)


def test_killed_between_the_work_and_the_settling(shared_fleet: Fleet) -> None:
    """The last answer of the site is there, the database is held by somebody else."""
    fleet = shared_fleet
    first = fleet.serve()
    site = _due_now(fleet)
    last = Fault(FaultKind.SLOW, path=LAST_DATASET, delay=timedelta(seconds=1.2), times=1)
    site.faults.append(last)
    assert fleet.reason(first, site) == "GENERATION_IN_PROGRESS"
    with fleet.database.locked():
        wait = until()
        while not any(event["event"] == "settle_retried" for event in first.events):
            wait.more("the settling to be refused")
        first.kill()
    assert last.hits == 1
    serving = fleet.serve()
    _recovers(fleet, serving, site)
    _is_whole(fleet, serving, site)


def test_killed_as_soon_as_the_report_is_there(fleet: Fleet) -> None:
    """After the settling: the report counts, whoever heard of it."""
    first = fleet.serve()
    site = _due_now(fleet)
    last = Fault(FaultKind.SLOW, path=LAST_DATASET, delay=timedelta(seconds=1.2), times=1)
    site.faults.append(last)
    assert fleet.reason(first, site) == "GENERATION_IN_PROGRESS"
    wait = until()
    while not fleet.database.markers(site.cloud_id):
        wait.more("the marker")
    first.kill()
    assert len(site.requests) == 9
    _is_whole(fleet, fleet.serve(), site)


def test_a_tenant_of_a_killed_process_costs_no_other_its_turn(fleet: Fleet) -> None:
    """Two processes, two tenants: the one that dies holds up its own tenant alone."""
    first, second = fleet.serve(), fleet.serve()
    held, free = _due_now(fleet), _due_now(fleet)
    held.faults.append(Fault(FaultKind.HANG, times=1))
    assert fleet.reason(first, held) == "GENERATION_IN_PROGRESS"
    first.kill()
    assert fleet.reason(second, free) == "GENERATED"
    _recovers(fleet, second, held)
