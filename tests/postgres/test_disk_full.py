"""T8: PostgreSQL without room, at every write of a claim and of its settling.

500 or a result that waits; the state is the one before or the one after; and
with room again everything goes on without a restart of the service.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from postgres.deployment import Deployment, is_refused
from postgres.full_disk import Disk, ways
from support.call import TICK
from support.postgres_service import new_service_database
from support.process import Serving
from support.wire import until

AT_THE_CLAIM = ("tenant", "token", "milestone", "ledger")
AT_THE_END = ("report", "marker")
DEADLINE_SECONDS = 3.9


WAYS = ways()


def _cases(tables: tuple[str, ...], sample: int) -> list[tuple[str, str]]:
    """Return every table in the best way that there is, and a sample of them in the other."""
    others = [(way, table) for way in WAYS[1:] for table in tables[:sample]]
    return [(WAYS[0], table) for table in tables] + others


@pytest.fixture(scope="module")
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    """A server that may be left without room, in each way that there is here."""
    disk = Disk(request.param)
    yield disk
    disk.remove()


@pytest.fixture
def deployment(tmp_path: Path, keys: KeyRing, disk: Disk) -> Iterator[Deployment]:
    database = new_service_database(cluster=disk.cluster)
    with Deployment(tmp_path, keys, database, ANSWER_WITHIN="1s") as deployment:
        yield deployment


def _stored(deployment: Deployment, site: JiraSite) -> list[list[dict[str, Any]]]:
    tables = ("tenant", "token", "milestone", "ledger", "report", "marker")
    return [
        deployment.rows(f"SELECT * FROM {table} WHERE cloud_id = %s ORDER BY 1, 2", site.cloud_id)
        for table in tables
    ]


def _has_been_used(deployment: Deployment, serving: Serving) -> None:
    """Make a report, so that every index that a claim or an end writes has its first page."""
    assert deployment.reason(serving, deployment.due_site("first")) == "GENERATED"


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("disk", "table"), _cases(AT_THE_CLAIM, 1), indirect=["disk"])
def test_no_room_for_the_claim_is_a_fault_and_no_work(
    deployment: Deployment, disk: Disk, table: str
) -> None:
    serving, site = deployment.serve(), deployment.due_site()
    _has_been_used(deployment, serving)
    before = _stored(deployment, site)
    with disk.full(deployment.database, table):
        for _ in range(3):
            is_refused(deployment.call(serving, TICK, site), DEADLINE_SECONDS)
        assert not site.requests
        assert _stored(deployment, site) == before
    answer = deployment.tick(serving, site).json()
    assert (answer["reason"], answer["attempt_count"]) == ("GENERATED", 1)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("disk", "table"), _cases(AT_THE_END, 1), indirect=["disk"])
def test_no_room_for_the_report_is_no_report_until_there_is(
    deployment: Deployment, disk: Disk, table: str
) -> None:
    """The same work is stored once there is room: nothing is generated twice."""
    serving, site = deployment.serve(), deployment.due_site()
    _has_been_used(deployment, serving)
    with disk.full(deployment.database, table):
        assert deployment.reason(serving, site) == "GENERATION_IN_PROGRESS"
        wait = until()
        while not any(event["event"] == "settle_retried" for event in serving.events):
            wait.more("the settling to be refused")
        *_, reports, markers = _stored(deployment, site)
        assert (reports, markers) == ([], [])
    wait = until()
    while not _stored(deployment, site)[-1]:
        wait.more("the report")
    assert deployment.reason(serving, site) == "DONE_KEY_EXISTS"
    assert len(site.requests) == 9


@pytest.mark.timeout(180)
@pytest.mark.parametrize("disk", WAYS, indirect=True)
def test_no_room_for_the_log_stops_the_server_and_loses_nothing(
    deployment: Deployment, disk: Disk
) -> None:
    serving = deployment.serve()
    done, due = deployment.due_site("done"), deployment.due_site("due")
    assert deployment.reason(serving, done) == "GENERATED"
    with disk.full_log(deployment.database):
        is_refused(deployment.tick(serving, due), DEADLINE_SECONDS)
        assert not due.requests
    assert deployment.reason(serving, due) == "GENERATED"
    assert deployment.reason(serving, done) == "DONE_KEY_EXISTS"
    assert deployment.breaches() == []
