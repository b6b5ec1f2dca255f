"""What an operator does, and the same attempt by every door (contract F)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.command import Ran
from support.service import StillClock, World

WHY = ("--reason", "support case 17", "--json")


@pytest.fixture
def today(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A world that begins 12 hours and a minute ago: what is installed then is due by now."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12, minutes=1)
    with World(tmp_path, keys, clock=StillClock(begin)) as world:
        yield world
        assert world.breaches() == []


def _due(world: World, name: str = "acme") -> JiraSite:
    """Return a site that is due now, with a living token and no tick since."""
    site = world.installed(name)
    world.clock.advance(hours=11, minutes=50)
    assert world.tick(site).json()["reason"] == "NOT_DUE"
    world.clock.advance(hours=-11, minutes=-50)
    return site


def _to_the_present(world: World) -> None:
    """Bring the world's clock to the host's, by which commands live."""
    behind = datetime.now(UTC) - world.now()
    world.clock.advance(seconds=int(behind.total_seconds()))


def _shown(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0, ran
    tenant: dict[str, Any] = ran.json()["tenant"]
    return tenant


def _milestone(tenant: dict[str, Any], trigger: str) -> dict[str, Any]:
    (found,) = [each for each in tenant["milestones"][-3:] if each["trigger"] == trigger][-1:]
    assert isinstance(found, dict)
    return found


def _same_but_for_its_own(report: dict[str, Any]) -> object:
    """Return a report without what is a tenant's or an instant's own."""
    own = {"report_id", "cloud_id", "generated_at", "observation_window", "computed_at"}
    own |= {"installation_detected_at", "evidence", "duration_hours"}

    def bare(content: object) -> object:
        if isinstance(content, list):
            return [bare(item) for item in content]
        if isinstance(content, dict):
            return {name: bare(value) for name, value in content.items() if name not in own}
        return content

    return bare(report)


def test_tick_and_worker_and_door_make_the_same_report(today: World) -> None:
    """Contract F: one code path. Three sites with the same content, three ways in."""
    by_door, by_tick, by_worker = (_due(today, "same") for _ in range(3))
    ticked = today.command("tick", by_tick.cloud_id, "--json")
    assert (ticked.code, ticked.json()["reason"]) == (0, "GENERATED")
    _to_the_present(today)
    today.told(by_door, "GENERATED")
    worked = today.command("worker", "--once", "--json")
    assert worked.code == 0, worked
    (attempt,) = worked.json()["attempts"]
    assert attempt == {
        "cloud_id": by_worker.cloud_id,
        "trigger": "AUTO_12H",
        "revision": 1,
        "attempt": 1,
        "outcome": "COMPLETED",
    }
    sites = (by_door, by_tick, by_worker)
    reports = [today.database.reports(site.cloud_id)[0] for site in sites]
    assert len({str(_same_but_for_its_own(report)) for report in reports}) == 1
    for site in sites:
        assert today.database.kinds(site.cloud_id) == today.database.kinds(by_door.cloud_id)
    assert today.command("worker", "--once", "--json").json() == {"attempts": []}


def test_tick_exits_1_on_a_failed_attempt_and_0_while_it_waits(today: World) -> None:
    site = _due(today)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    failed = today.command("tick", site.cloud_id, "--json")
    assert (failed.code, failed.json()["reason"]) == (1, "GENERATION_FAILED")
    waits = today.command("tick", site.cloud_id, "--json")
    assert (waits.code, waits.json()["reason"]) == (0, "BACKOFF_ACTIVE")
    assert waits.json()["backoff_expires_at"] == failed.json()["backoff_expires_at"]


def test_retry_moves_the_wait_and_keeps_the_count(today: World) -> None:
    site = _due(today)
    site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
    assert today.command("tick", site.cloud_id).code == 1
    retried = _shown(
        today.command("tenants", "retry", site.cloud_id, "--trigger", "AUTO_12H", *WHY)
    )
    assert _milestone(retried, "AUTO_12H")["attempts"] == 1
    ticked = today.command("tick", site.cloud_id, "--json")
    assert (ticked.code, ticked.json()["attempt_count"]) == (0, 2)
    assert "RETRY_REQUESTED" in today.database.kinds(site.cloud_id)
    again = today.command("tenants", "retry", site.cloud_id, "--trigger", "AUTO_12H", *WHY)
    assert (again.code, again.error["code"]) == (5, "CONFLICT")


def test_reset_makes_the_next_revision_and_keeps_the_first(today: World) -> None:
    site = _due(today)
    assert today.command("tick", site.cloud_id).code == 0
    reset = _shown(today.command("tenants", "reset", site.cloud_id, "--trigger", "AUTO_12H", *WHY))
    revisions = [
        (m["revision"], m["state"]) for m in reset["milestones"] if m["trigger"] == "AUTO_12H"
    ]
    assert revisions == [(1, "completed"), (2, "scheduled")]
    site.grow(projects=4)
    ticked = today.command("tick", site.cloud_id, "--json").json()
    assert (ticked["reason"], ticked["attempt_count"]) == ("GENERATED", 1)
    listed = today.command("reports", "list", "--json").json()["reports"]
    assert sorted(report["revision"] for report in listed) == [1, 2]
    assert len({report["report_id"] for report in listed}) == 2


def test_pause_and_resume(today: World) -> None:
    site = _due(today)
    assert _shown(today.command("tenants", "pause", site.cloud_id, *WHY))["paused"] is True
    assert today.command("tick", site.cloud_id, "--json").json()["reason"] == "PAUSED"
    assert today.command("worker", "--once", "--json").json() == {"attempts": []}
    assert not site.requests
    assert _shown(today.command("tenants", "resume", site.cloud_id, *WHY))["paused"] is False
    assert today.command("tick", site.cloud_id, "--json").json()["reason"] == "GENERATED"


def test_generate_makes_a_manual_report(today: World) -> None:
    site = _due(today)
    made = today.command("reports", "generate", site.cloud_id, *WHY)
    assert made.code == 0, made
    assert (made.json()["trigger"], made.json()["revision"]) == ("MANUAL", 1)
    shown = today.command("reports", "show", made.json()["report_id"], "--json").json()["report"]
    assert shown["trigger"] == "MANUAL"
    listed = today.command("reports", "list", "--json").json()["reports"]
    triggers = [report["trigger"] for report in listed]
    assert triggers.count("MANUAL") == 1


def test_generate_too_often_exits_5(tmp_path: Path, keys: KeyRing) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    with World(tmp_path, keys, clock=StillClock(begin), MANUAL_RATE="2/h") as world:
        site = world.installed()
        codes = []
        for _ in range(3):
            ran = world.command("reports", "generate", site.cloud_id, *WHY)
            codes.append(ran.code)
        assert codes == [0, 0, 5]
        assert len(world.database.reports(site.cloud_id)) == 2


def test_a_failed_generation_exits_1_and_says_why(today: World) -> None:
    site = today.installed()
    _to_the_present(today)
    today.tick(site)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    ran = today.command("reports", "generate", site.cloud_id, *WHY)
    assert ran.code == 1, ran
    assert ran.json()["error_code"] == "JIRA_UNAVAILABLE"


def test_tick_exits_6_when_the_clock_stepped_back(today: World) -> None:
    """500 at the door is 6 on the command line."""
    site = today.installed()
    today.clock.advance(hours=20)
    today.tick(site)
    ran = today.command("tick", site.cloud_id, "--json")
    assert (ran.code, ran.json()["reason"]) == (6, "SCHEDULER_ERROR")
    doctor = today.command("doctor", "--json")
    assert doctor.code == 1
    assert "CLOCK_BEHIND" in [finding["code"] for finding in doctor.json()["findings"]]


def test_a_tenant_that_was_added_is_served_like_any_other(today: World) -> None:
    site = today.site()
    instant = (datetime.now(UTC) - timedelta(hours=13)).isoformat()
    added = today.command("tenants", "add", site.cloud_id, "--installed-at", instant, *WHY)
    assert _shown(added)["source"] == "OPERATOR"
    _to_the_present(today)
    assert today.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"
    assert today.install(site).json()["reason"] == "ALREADY_RECORDED"
    assert _shown(today.command("tenants", "show", site.cloud_id, "--json"))["source"] == "OPERATOR"
