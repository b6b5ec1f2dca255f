"""What a site may do to us over HTTP, and the answer that SURFACE gives for each.

Every test asserts that the fault was really hit; nothing but a whole evidence
makes a report.
"""

import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firstry.domain.instant import iso
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.service import World
from support.wire import until

PROJECTS = "/rest/api/3/project/search"
FAILURES = {
    FaultKind.UNAVAILABLE: "JIRA_UNAVAILABLE",
    FaultKind.SERVER_ERROR: "JIRA_UNAVAILABLE",
    FaultKind.GARBAGE: "JIRA_MALFORMED",
    FaultKind.TRUNCATED: "JIRA_MALFORMED",
    FaultKind.WRONG_TYPES: "JIRA_MALFORMED",
    FaultKind.OVERSIZED: "JIRA_OVERSIZED",
    FaultKind.RESET: "JIRA_UNREACHABLE",
    FaultKind.REDIRECT: "JIRA_REFUSED",
}


def _last_error(world: World, site: JiraSite) -> dict[str, Any]:
    shown = world.command("tenants", "show", site.cloud_id, "--json").json()
    (milestone,) = [m for m in shown["tenant"]["milestones"] if m["trigger"] == "AUTO_12H"]
    error: dict[str, Any] = milestone["last_error"]
    return error


@pytest.mark.parametrize("path", [PROJECTS, "/rest/api/3/dashboard"], ids=["first", "last"])
@pytest.mark.parametrize("kind", FAILURES)
def test_a_site_that_does_not_answer_properly_fails_the_attempt(
    world: World, kind: FaultKind, path: str
) -> None:
    """202, charged, 30 minutes; then the site is well again and the report is made."""
    site = world.installed()
    fault = Fault(kind, path=path)
    site.faults.append(fault)
    world.clock.advance(hours=12)
    answer = world.told(site, "GENERATION_FAILED", 202)
    assert fault.hits >= 1
    assert answer["attempt_count"] == 1
    assert answer["backoff_expires_at"] == iso(world.now() + timedelta(minutes=30))
    error = _last_error(world, site)
    assert (error["code"], error["attempt"]) == (FAILURES[kind], 1)
    assert world.database.reports(site.cloud_id) == []
    site.faults.clear()
    world.clock.advance(minutes=30)
    assert world.told(site, "GENERATED")["attempt_count"] == 2


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.HANG])
def test_a_site_slower_than_the_time_out_fails_the_attempt(
    tmp_path: Path, keys: KeyRing, kind: FaultKind
) -> None:
    with World(tmp_path, keys, GENERATION_TIMEOUT="1s", LEASE="10s") as world:
        site = world.installed()
        fault = Fault(kind, delay=timedelta(seconds=8), times=1)
        site.faults.append(fault)
        world.clock.advance(hours=12)
        answer = world.tick(site)
        assert (answer.status, answer.json()["reason"]) == (202, "GENERATION_FAILED")
        assert 0.9 < answer.elapsed < 3
        assert fault.hits == 1
        assert _last_error(world, site)["code"] == "JIRA_TIMEOUT"


def test_the_time_out_is_for_all_calls_together(tmp_path: Path, keys: KeyRing) -> None:
    """Each answer is quick enough, all nine of them are not."""
    with World(tmp_path, keys, GENERATION_TIMEOUT="1s", LEASE="10s") as world:
        site = world.installed()
        fault = Fault(FaultKind.SLOW, delay=timedelta(milliseconds=200))
        site.faults.append(fault)
        world.clock.advance(hours=12)
        answer = world.tick(site)
        assert answer.json()["reason"] == "GENERATION_FAILED"
        assert answer.elapsed < 3
        assert 1 < fault.hits < 9


@pytest.mark.parametrize("path", [PROJECTS, None], ids=["one", "all"])
def test_a_403_is_an_answer_and_no_zero(world: World, path: str | None) -> None:
    site = world.installed()
    fault = Fault(FaultKind.FORBIDDEN, path=path)
    site.faults.append(fault)
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    assert fault.hits == (1 if path else 9)
    (report,) = world.database.reports(site.cloud_id)
    projects = report["sections"]["A"]["projects_scanned"]
    assert projects["count"] is None
    datasets = {each["dataset_name"]: each for each in report["sections"]["B"]["datasets"]}
    assert datasets["Projects"]["availability_state"] == "NOT_PERMITTED_BY_SCOPE"
    assert datasets["Projects"]["missing_reason"] == "PERMISSION_NOT_GRANTED"
    expected = "AVAILABLE" if path else "NOT_PERMITTED_BY_SCOPE"
    assert datasets["Dashboards"]["availability_state"] == expected


@pytest.mark.parametrize("status", [401, 403])
def test_a_scope_that_is_missing_is_not_a_refused_token(world: World, status: int) -> None:
    """The gateway says it with 401 at times; the token stays."""
    site = world.installed()
    site.missing_scope_status = status
    site.scopes = set()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    assert world.database.count("token") == 1


def test_a_refused_token_defers_is_dropped_and_the_next_one_is_used(world: World) -> None:
    """401: "not yet", not a failure of the site; nothing is charged."""
    site = world.installed()
    world.platform.system_token(site, at=world.now())
    world.clock.advance(hours=11)
    world.told(site, "NOT_DUE")
    world.clock.advance(hours=1)
    world.platform.revoke(site)
    # A tick without a token: the attempt runs on the stored one, which the site refuses now.
    answer = world.told(site, "DEFERRED", with_system_token=False)
    assert answer["attempt_count"] == 0
    assert site.requests[-1].status == 401
    assert len(site.requests) == 1
    assert world.database.count("token") == 0
    until_ = answer["backoff_expires_at"]
    world.clock.advance(minutes=5)
    assert world.told(site, "DEFERRED")["backoff_expires_at"] == until_
    assert world.database.count("token") == 1
    world.clock.advance(minutes=10)
    assert iso(world.now()) == until_
    assert world.told(site, "GENERATED", with_system_token=False)["attempt_count"] == 1


def test_five_refusals_in_a_row_are_deferred_and_the_sixth_is_charged(world: World) -> None:
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAUTHORIZED))
    world.clock.advance(hours=24)
    for _ in range(5):
        assert world.told(site, "DEFERRED")["attempt_count"] == 0
        world.clock.advance(minutes=15)
    answer = world.told(site, "GENERATION_FAILED", 202)
    assert answer["attempt_count"] == 1
    assert answer["backoff_expires_at"] == iso(world.now() + timedelta(minutes=30))
    assert world.database.milestone(site.cloud_id, "AUTO_24H")["starts"] == 6


def test_a_short_burst_limit_is_waited_out(world: World) -> None:
    site = world.installed()
    fault = Fault(FaultKind.BURST, retry_after=timedelta(seconds=1), times=1)
    site.faults.append(fault)
    world.clock.advance(hours=12)
    answer = world.tick(site)
    assert answer.json()["reason"] == "GENERATED"
    assert answer.elapsed >= 1
    assert fault.hits == 1
    assert len(site.requests) == 10


def test_a_long_burst_limit_defers_and_charges_nothing(world: World) -> None:
    site = world.installed()
    fault = Fault(FaultKind.BURST, retry_after=timedelta(minutes=7), times=1)
    site.faults.append(fault)
    world.clock.advance(hours=12)
    answer = world.told(site, "DEFERRED")
    assert (answer["attempt_count"], fault.hits) == (0, 1)
    assert answer["backoff_expires_at"] == iso(world.now() + timedelta(minutes=7))
    world.clock.advance(minutes=7)
    assert world.told(site, "GENERATED")["attempt_count"] == 1


@pytest.mark.parametrize("kind", [FaultKind.QUOTA_TENANT, FaultKind.QUOTA_GLOBAL])
def test_a_spent_quota_defers_until_it_is_filled_again(world: World, kind: FaultKind) -> None:
    site = world.installed()
    fault = Fault(kind, retry_after=timedelta(minutes=40), times=1)
    site.faults.append(fault)
    world.clock.advance(hours=12)
    answer = world.told(site, "DEFERRED")
    assert (answer["attempt_count"], fault.hits, len(site.requests)) == (0, 1, 1)
    assert answer["backoff_expires_at"] == iso(world.now() + timedelta(minutes=40))
    world.clock.advance(minutes=40, milliseconds=-1)
    world.told(site, "DEFERRED")
    assert len(site.requests) == 1
    world.clock.advance(milliseconds=1)
    assert world.told(site, "GENERATED")["attempt_count"] == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(FaultKind.QUOTA_TENANT, "GENERATED"), (FaultKind.QUOTA_GLOBAL, "DEFERRED")],
)
def test_a_spent_quota_of_all_stops_all_and_of_one_stops_one(
    world: World, kind: FaultKind, reason: str
) -> None:
    """FORGE "Rate limits": stop calling, app or tenant, until reset."""
    first, other = world.installed(), world.installed("other")
    first.faults.append(Fault(kind, retry_after=timedelta(minutes=40), times=1))
    world.clock.advance(hours=12)
    world.told(first, "DEFERRED")
    world.told(other, reason)
    assert len(other.requests) == (9 if reason == "GENERATED" else 0)


@contextmanager
def _listening() -> Iterator[tuple[int, list[bytes]]]:
    """Listen on a port and keep whatever arrives there."""
    heard: list[bytes] = []

    class Ear(socketserver.BaseRequestHandler):
        """Keeps what one connection says."""

        def handle(self) -> None:
            heard.append(self.request.recv(65536))

    with socketserver.TCPServer(("127.0.0.1", 0), Ear) as server:
        listener = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        listener.start()
        try:
            yield server.server_address[1], heard
        finally:
            server.shutdown()
            listener.join()


def test_a_redirect_is_not_followed_and_takes_no_token_along(world: World) -> None:
    with _listening() as (port, heard):
        site = world.installed()
        fault = Fault(FaultKind.REDIRECT, location=f"http://127.0.0.1:{port}/ex/jira/x")
        site.faults.append(fault)
        world.clock.advance(hours=12)
        world.told(site, "GENERATION_FAILED", 202)
        assert fault.hits == 1
    assert heard == []


def test_a_slow_attempt_is_answered_within_four_seconds_and_stored_later(world: World) -> None:
    """With every default: the platform gives 5 s, the answer is due after 4."""
    site = world.installed()
    fault = Fault(FaultKind.SLOW, delay=timedelta(seconds=4.5), times=1)
    site.faults.append(fault)
    world.clock.advance(hours=12)
    answer = world.tick(site)
    assert (answer.status, answer.json()["reason"]) == (202, "GENERATION_IN_PROGRESS")
    assert 3.5 < answer.elapsed < 4.8
    assert fault.hits == 1
    wait = until()
    while not world.database.markers(site.cloud_id):
        wait.more("the attempt to end")
    assert world.told(site, "DONE_KEY_EXISTS")["attempt_count"] == 1


def test_sites_that_are_slow_do_not_keep_a_healthy_one_waiting(
    tmp_path: Path, keys: KeyRing
) -> None:
    """Fewer slow sites than there are slots; every answer comes in time."""
    with World(tmp_path, keys, ANSWER_WITHIN="1.5s") as world:
        slow = [world.installed(f"slow{n}") for n in range(10)]
        healthy = world.installed("healthy")
        for site in slow:
            site.faults.append(Fault(FaultKind.HANG))
        world.clock.advance(hours=12)
        answers: list[str] = []
        callers = [
            threading.Thread(target=lambda s=site: answers.append(world.tick(s).json()["reason"]))
            for site in slow
        ]
        for caller in callers:
            caller.start()
        assert world.tick(healthy).json()["reason"] in ("GENERATED", "GENERATION_IN_PROGRESS")
        for caller in callers:
            caller.join()
        assert answers == ["GENERATION_IN_PROGRESS"] * 10


def test_no_slot_for_an_attempt_is_a_fault_and_claims_nothing(
    tmp_path: Path, keys: KeyRing
) -> None:
    """More hanging sites than slots: what cannot start is neither claimed nor charged."""
    with World(tmp_path, keys, ANSWER_WITHIN="1.5s") as world:
        sites = [world.installed(f"site{n}") for n in range(17)]
        for site in sites:
            site.faults.append(Fault(FaultKind.HANG))
        world.clock.advance(hours=12)
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(world.tick, sites[:16]))
        assert {answer.json()["reason"] for answer in answers} == {"GENERATION_IN_PROGRESS"}
        answer = world.tick(sites[16])
        assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
        assert answer.elapsed < 2
        row = world.database.milestone(sites[16].cloud_id, "AUTO_12H")
        assert (row["state"], row["attempts"], row["starts"]) == ("scheduled", 0, 0)
