"""The 18 acceptance scenarios of the contract (CONTRACT 2), by name, through POST /forge/tick.

Each runs the whole service on a real SQLite file and on PostgreSQL; sections are the
contract's letters A to G.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.domain.instant import iso
from firstry.scheduler.attempt import Parts
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform import ABSENT
from firstry.sim.platform_key import KeyRing
from support.backing import SHARED
from support.call import TICK, headers_of
from support.claims import without_tenant
from support.parts import DefectiveStore, on
from support.postgres_rows import database_in
from support.service import World


@pytest.fixture(params=SHARED)
def world(request: pytest.FixtureRequest, tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A running service on each kind of database; what it stored must break no invariant."""
    with World(tmp_path, keys, database=database_in(tmp_path, request.param)) as world:
        yield world
        assert world.breaches() == []


def _refused(world: World, cloud_id: object) -> None:
    """Tick with a token whose every place for a cloudId holds this value; all must stay."""
    site = world.installed()
    world.clock.advance(hours=12)
    before = world.database.everything()
    answer = world.tick(site, claims=without_tenant, context={"cloudId": cloud_id})
    assert answer.status == 400
    assert answer.json()["error_code"] == "TENANT_CONTEXT_UNAVAILABLE"
    assert answer.json()["cloudId"] is None
    assert world.database.everything() == before
    assert not site.requests


def test_a_missing_cloud_id_is_refused_with_400(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    before = world.database.everything()
    answer = world.tick(site, claims=without_tenant)
    assert answer.status == 400
    assert answer.json()["error_code"] == "TENANT_CONTEXT_UNAVAILABLE"
    assert world.database.everything() == before
    assert not site.requests


def test_a_empty_cloud_id_is_refused_with_400(world: World) -> None:
    _refused(world, "")


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "  \u00a0 "])
def test_a_whitespace_cloud_id_is_refused_with_400(world: World, blank: str) -> None:
    _refused(world, blank)


def test_a_valid_cloud_id_proceeds(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    token = world.platform.invocation_token(
        site, TICK.module, at=world.now(), claims=without_tenant, context={"cloudId": site.cloud_id}
    )
    answer = world.door.send(TICK, headers_of(token))
    assert answer.status == 200
    assert answer.json()["cloudId"] == site.cloud_id
    assert world.told(site, "GENERATED")["cloudId"] == site.cloud_id


def test_b_missing_evidence_is_skipped(world: World) -> None:
    site = world.site()
    world.clock.advance(hours=12)
    answer = world.told(site, "INSTALLATION_UNKNOWN")
    assert answer["success"]
    assert not answer["report_generated"]
    assert not site.requests
    assert world.database.count("tenant") == 0


def test_b_valid_timestamp_gives_the_right_trigger(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12, milliseconds=-1)
    assert world.told(site, "NOT_DUE")["due_trigger"] is None
    world.clock.advance(milliseconds=1)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"
    world.clock.advance(hours=12, milliseconds=-1)
    assert world.told(site, "DONE_KEY_EXISTS")["due_trigger"] == "AUTO_12H"
    world.clock.advance(milliseconds=1)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
    due = [(row["trigger"], row["generated_at"]) for row in world.database.reports(site.cloud_id)]
    assert due == [
        ("AUTO_12H", iso(world.now() - timedelta(hours=12))),
        ("AUTO_24H", iso(world.now())),
    ]


def test_c_marker_exists_so_never_regenerated(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    stored, asked = world.database.reports(site.cloud_id), len(site.requests)
    site.grow(projects=7)
    for _ in range(3):
        world.clock.advance(hours=3)
        assert world.told(site, "DONE_KEY_EXISTS")["due_trigger"] == "AUTO_12H"
    assert world.database.reports(site.cloud_id) == stored
    assert len(site.requests) == asked


def test_c_success_writes_the_marker(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    assert world.database.markers(site.cloud_id) == []
    answer = world.told(site, "GENERATED")
    (marker,) = world.database.rows("SELECT * FROM marker")
    (report,) = world.database.rows("SELECT * FROM report")
    assert marker["trigger_name"] == "AUTO_12H"
    assert marker["report_id"] == report["report_id"] == answer["report_id"]
    assert marker["digest"] == report["digest"]


def test_c_failure_writes_no_marker(world: World) -> None:
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.clock.advance(hours=12)
    world.told(site, "GENERATION_FAILED", 202)
    assert world.database.markers(site.cloud_id) == []
    assert world.database.reports(site.cloud_id) == []
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["state"] == "scheduled"


@pytest.mark.parametrize("failures", [1, 2, 3, 4, 5])
def test_d_failures_wait_30_then_120_minutes_then_24_hours(world: World, failures: int) -> None:
    """First failure 30 min; second 120 min; third and every later one 24 h."""
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.clock.advance(hours=24)
    waits = [timedelta(minutes=30), timedelta(minutes=120)] + 3 * [timedelta(hours=24)]
    for attempt, wait in enumerate(waits[:failures], start=1):
        answer = world.told(site, "GENERATION_FAILED", 202)
        assert answer["attempt_count"] == attempt
        assert answer["backoff_expires_at"] == iso(world.now() + wait)
        world.clock.advance(milliseconds=wait / timedelta(milliseconds=1))


def test_d_active_backoff_is_skipped_and_ends_on_the_dot(world: World) -> None:
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
    world.clock.advance(hours=12)
    until = world.told(site, "GENERATION_FAILED", 202)["backoff_expires_at"]
    asked = len(site.requests)
    world.clock.advance(minutes=30, milliseconds=-1)
    assert world.told(site, "BACKOFF_ACTIVE")["backoff_expires_at"] == until
    assert len(site.requests) == asked
    world.clock.advance(milliseconds=1)
    assert world.told(site, "GENERATED")["attempt_count"] == 2


def test_d_each_trigger_has_its_own_attempt_count(world: World) -> None:
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.clock.advance(hours=12)
    assert world.told(site, "GENERATION_FAILED", 202)["attempt_count"] == 1
    world.clock.advance(minutes=30)
    assert world.told(site, "GENERATION_FAILED", 202)["attempt_count"] == 2
    world.clock.advance(hours=11, minutes=30)
    answer = world.told(site, "GENERATION_FAILED", 202)
    assert (answer["due_trigger"], answer["attempt_count"]) == ("AUTO_24H", 1)
    assert answer["backoff_expires_at"] == iso(world.now() + timedelta(minutes=30))
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["attempts"] == 2


def test_e_scheduler_fault_is_answered_500(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    with world.database.locked():
        answer = world.tick(site)
    assert answer.status == 500
    assert answer.json()["error_code"] == answer.json()["reason"] == "SCHEDULER_ERROR"
    assert not answer.json()["success"]
    assert not site.requests
    world.told(site, "GENERATED")


def test_e_even_a_defect_of_our_own_is_answered_500_in_json(tmp_path: Path, keys: KeyRing) -> None:
    """Contract E: never throws; what nobody thought of is an answer too, without its text."""

    def refit(parts: Parts) -> Parts:
        return on(parts, DefectiveStore(parts.store).as_store())

    with World(tmp_path, keys, refit=refit) as world:
        site = world.site()
        for answer in (world.tick(site), world.install(site)):
            assert answer.status == 500
            assert answer.json()["error_code"] == "SCHEDULER_ERROR"
            assert b"secret" not in answer.body


def test_e_generation_fault_is_answered_202(world: World) -> None:
    site = world.installed()
    site.faults.append(Fault(FaultKind.SERVER_ERROR))
    world.clock.advance(hours=12)
    answer = world.told(site, "GENERATION_FAILED", 202)
    assert not answer["success"]
    assert not answer["report_generated"]
    assert site.hits[FaultKind.SERVER_ERROR] == 1


def test_f_the_one_path_is_called_exactly_once(world: World) -> None:
    """Each enabled dataset is asked for once, and one report comes of it."""
    site = world.installed()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    asked = [(request.method, request.path) for request in site.requests]
    assert len(asked) == len(set(asked)) == 9
    assert len(world.database.reports(site.cloud_id)) == 1
    assert world.database.kinds(site.cloud_id).count("CLAIMED") == 1
    assert world.database.kinds(site.cloud_id).count("COMPLETED") == 1


def test_g_counts_stay_separate_under_concurrency(world: World) -> None:
    sites = [world.installed(f"site{n}") for n in range(4)]
    for site in sites[:2]:
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.clock.advance(hours=12)
    with ThreadPoolExecutor(16) as threads:
        told = list(threads.map(lambda n: world.tick(sites[n % 4]), range(32)))
    assert {answer.status for answer in told} <= {200, 202}
    for site in sites:
        milestone = world.database.milestone(site.cloud_id, "AUTO_12H")
        assert (milestone["attempts"], milestone["starts"]) == (1, 1)
        assert world.database.milestone(site.cloud_id, "AUTO_24H")["attempts"] == 0
    completed = [world.database.markers(site.cloud_id) for site in sites]
    assert completed == [[], [], ["AUTO_12H"], ["AUTO_12H"]]


def test_a_token_without_any_place_for_a_tenant_is_not_helped_by_the_body(world: World) -> None:
    """Contract A: the body alone never decides."""
    site = world.installed()
    world.clock.advance(hours=12)
    answer = world.tick(site, {"cloudId": site.cloud_id}, claims=without_tenant, context=ABSENT)
    assert answer.status == 400
    assert not site.requests
