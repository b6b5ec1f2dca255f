"""Every row of the tick table in SURFACE, field by field, through POST /forge/tick."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firstry.domain.due import Reason
from firstry.domain.instant import iso
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.call import TICK, headers_of
from support.service import World

ALWAYS = {
    "success",
    "message",
    "reason",
    "cloudId",
    "due_trigger",
    "report_generated",
    "timestamp",
}


def _require(answer: dict[str, Any], world: World, site: JiraSite, **expected: Any) -> None:
    """Require exactly the fields of the table: those of every answer, and `expected`."""
    assert answer.keys() == ALWAYS | expected.keys(), answer
    fixed = {"cloudId": site.cloud_id, "timestamp": iso(world.now())} | expected
    assert {name: answer[name] for name in fixed} == fixed
    assert answer["success"] is (answer["reason"] not in ("GENERATION_FAILED", _IN_PROGRESS))
    assert answer["report_generated"] is (answer["reason"] == "GENERATED")
    assert answer["message"].strip()


_IN_PROGRESS = "GENERATION_IN_PROGRESS"


def test_generated(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    answer = world.told(site, "GENERATED")
    (report,) = world.database.reports(site.cloud_id)
    _require(
        answer,
        world,
        site,
        due_trigger="AUTO_12H",
        report_id=report["report_id"],
        attempt_count=1,
    )


def test_generation_failed_tells_its_backoff_twice_and_alike(world: World) -> None:
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.clock.advance(hours=12)
    until = iso(world.now() + timedelta(minutes=30))
    answer = world.told(site, "GENERATION_FAILED", 202)
    wait = {"backoff_until": until, "backoff_expires_at": until}
    _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=1, **wait)
    world.clock.advance(minutes=1)
    answer = world.told(site, "BACKOFF_ACTIVE")
    _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=1, **wait)


def test_generation_in_progress_and_claimed_elsewhere(tmp_path: Path, keys: KeyRing) -> None:
    with World(tmp_path, keys, ANSWER_WITHIN="0.5s") as world:
        site = world.installed()
        site.faults.append(Fault(FaultKind.HANG))
        world.clock.advance(hours=12)
        answer = world.told(site, _IN_PROGRESS, 202)
        _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=1)
        answer = world.told(site, "CLAIMED_ELSEWHERE")
        _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=1)


def test_an_expired_lease_waits_as_after_a_failure(tmp_path: Path, keys: KeyRing) -> None:
    with World(tmp_path, keys, ANSWER_WITHIN="0.5s") as world:
        site = world.installed()
        site.faults.append(Fault(FaultKind.HANG))
        world.clock.advance(hours=12)
        world.told(site, _IN_PROGRESS, 202)
        until = iso(world.now() + timedelta(seconds=300, minutes=30))
        wait = {"backoff_until": until, "backoff_expires_at": until}
        world.clock.advance(seconds=300, milliseconds=-1)
        world.told(site, "CLAIMED_ELSEWHERE")
        world.clock.advance(milliseconds=1)
        answer = world.told(site, "BACKOFF_ACTIVE")
        _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=1, **wait)


def test_deferred_when_claimed_and_while_it_waits(world: World) -> None:
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAUTHORIZED))
    world.clock.advance(hours=12)
    answer = world.told(site, "DEFERRED")
    until = answer["backoff_expires_at"]
    wait = {"backoff_until": until, "backoff_expires_at": until}
    assert until > iso(world.now())
    _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=0, **wait)
    world.clock.advance(minutes=1)
    answer = world.told(site, "DEFERRED")
    _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=0, **wait)


def test_waiting_for_token_writes_nothing(world: World) -> None:
    site = world.site()
    assert world.install(site, with_system_token=False).status == 200
    world.clock.advance(hours=12)
    world.told(site, "WAITING_FOR_TOKEN", with_system_token=False)
    before = world.database.everything()
    world.clock.advance(minutes=30)
    answer = world.told(site, "WAITING_FOR_TOKEN", with_system_token=False)
    _require(answer, world, site, due_trigger="AUTO_12H", attempt_count=0)
    assert world.database.everything() == before
    assert world.told(site, "GENERATED")["attempt_count"] == 1


@pytest.mark.parametrize(
    ("left", "reason"), [(179, "WAITING_FOR_TOKEN"), (181, "GENERATED")], ids=["short", "enough"]
)
def test_a_token_must_outlive_the_attempt(world: World, left: int, reason: str) -> None:
    """A token is dropped 60 s before its end, and an attempt may take 120 s."""
    site = world.site()
    assert world.install(site, with_system_token=False).status == 200
    world.clock.advance(hours=12)
    old = world.platform.system_token(site, at=world.now(), lifetime=timedelta(hours=3))
    world.clock.advance(hours=3, seconds=-left)
    token = world.platform.invocation_token(site, TICK.module, at=world.now())
    answer = world.door.send(TICK, headers_of(token, old))
    assert answer.json()["reason"] == reason


def test_done_key_exists_also_at_13_hours_with_24_to_come(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    report_id = world.told(site, "GENERATED")["report_id"]
    world.clock.advance(hours=1)
    answer = world.told(site, "DONE_KEY_EXISTS")
    named = {"due_trigger": "AUTO_12H", "report_id": report_id, "attempt_count": 1}
    _require(answer, world, site, **named)


def test_closed_when_the_attempts_are_used_up(tmp_path: Path, keys: KeyRing) -> None:
    with World(tmp_path, keys, MAX_ATTEMPTS="1") as world:
        site = world.installed()
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.clock.advance(hours=24)
        world.told(site, "GENERATION_FAILED", 202)
        world.clock.advance(minutes=30)
        for _ in range(2):
            answer = world.told(site, "CLOSED")
            _require(answer, world, site, due_trigger="AUTO_24H", attempt_count=1)
        assert world.database.milestone(site.cloud_id, "AUTO_24H")["state"] == "discarded"
        assert world.database.kinds(site.cloud_id).count("DISCARDED") == 1


def test_not_due_names_no_trigger(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=11)
    _require(world.told(site, "NOT_DUE"), world, site, due_trigger=None)


def test_installation_unknown_names_no_trigger(world: World) -> None:
    site = world.site()
    _require(world.told(site, "INSTALLATION_UNKNOWN"), world, site, due_trigger=None)


def test_paused_names_no_trigger_and_comes_before_what_is_due(present: World) -> None:
    site = present.installed()
    paused = present.command("tenants", "pause", site.cloud_id, "--reason", "a test")
    assert paused.code == 0, paused
    present.clock.advance(hours=12)
    _require(present.told(site, "PAUSED"), present, site, due_trigger=None)
    before = present.database.everything()
    present.clock.advance(minutes=5)
    present.told(site, "PAUSED")
    assert present.database.everything() == before
    assert not site.requests


def test_unknown_comes_before_everything_and_paused_before_missed(present: World) -> None:
    site = present.installed()
    assert present.command("tenants", "pause", site.cloud_id, "--reason", "a test").code == 0
    present.clock.advance(hours=25)
    present.told(site, "PAUSED")
    assert present.database.milestone(site.cloud_id, "AUTO_12H")["state"] == "scheduled"
    present.told(present.site("stranger"), "INSTALLATION_UNKNOWN")


def test_the_first_that_may_be_claimed_comes_first(tmp_path: Path, keys: KeyRing) -> None:
    with World(tmp_path, keys, CATCH_UP="all") as world:
        site = world.installed()
        world.clock.advance(hours=30)
        assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"
        assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
        assert world.told(site, "DONE_KEY_EXISTS")["due_trigger"] == "AUTO_24H"


def test_a_claimable_milestone_comes_before_a_waiting_one(tmp_path: Path, keys: KeyRing) -> None:
    """With nothing to claim it is the youngest of those that passed their due time."""
    with World(tmp_path, keys, CATCH_UP="all") as world:
        site = world.installed()
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.clock.advance(hours=24)
        assert world.told(site, "GENERATION_FAILED", 202)["due_trigger"] == "AUTO_12H"
        assert world.told(site, "GENERATION_FAILED", 202)["due_trigger"] == "AUTO_24H"
        assert world.told(site, "BACKOFF_ACTIVE")["due_trigger"] == "AUTO_24H"
        world.clock.advance(minutes=30)
        site.faults.clear()
        assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"


def test_a_claimable_milestone_comes_before_a_younger_done_one(
    tmp_path: Path, keys: KeyRing
) -> None:
    with World(tmp_path, keys, CATCH_UP="all") as world:
        site = world.installed()
        world.clock.advance(hours=24)
        site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
        assert world.told(site, "GENERATION_FAILED", 202)["due_trigger"] == "AUTO_12H"
        assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
        assert world.told(site, "DONE_KEY_EXISTS")["due_trigger"] == "AUTO_24H"
        world.clock.advance(minutes=30)
        assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"


def test_a_clock_that_was_set_back_is_a_fault(world: World) -> None:
    """I14: nothing is claimed by a clock behind the store's; 5 s are tolerated."""
    site = world.installed()
    world.clock.advance(hours=12, minutes=1)
    world.told(site, "GENERATED")
    world.clock.advance(seconds=-5)
    world.told(site, "DONE_KEY_EXISTS")
    world.clock.advance(milliseconds=-1)
    answer = world.tick(site)
    assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
    world.clock.advance(seconds=6)
    world.told(site, "DONE_KEY_EXISTS")


def test_every_reason_of_the_scheduler_is_in_this_module() -> None:
    """A new reason needs its row in SURFACE and a test here."""
    source = Path(__file__).read_text()
    told = {reason for reason in Reason if f'"{reason}"' in source}
    assert told == set(Reason) - {Reason.CLOCK_BEHIND}
