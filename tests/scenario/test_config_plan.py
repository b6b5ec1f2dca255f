"""`firstry config plan`: other ages are shown before anything moves, and moved once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.operator_call import operator
from support.postgres_rows import database_in
from support.process import Fleet
from support.service import StillClock, World

APPLY = ("config", "plan", "--apply", "--reason", "longer ages", "--yes", "--json")
LATER = "AUTO_12H=18h,AUTO_24H=36h"


@dataclass(frozen=True, slots=True)
class Changed:
    """A world with other ages, and the site in it that is new."""

    world: World
    new: JiraSite


@pytest.fixture(params=["sqlite", "postgres"])
def changed(request: pytest.FixtureRequest, tmp_path: Path, keys: KeyRing) -> Iterator[Changed]:
    """A service that was started anew with other ages: one site is new, one has failed once."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12, minutes=5)
    database = database_in(tmp_path, request.param)
    with World(tmp_path, keys, clock=StillClock(began), database=database) as world:
        failed = world.installed("failed")
        world.clock.advance(hours=12)
        failed.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.told(failed, "GENERATION_FAILED", 202)
        world.clock.advance(minutes=5)
        new = world.installed("new")
        world.environ["FIRSTRY_TRIGGERS"] = LATER
        world.restart()
        yield Changed(world, new)


@pytest.fixture
def world(changed: Changed) -> World:
    """The same, where no site of it is looked at."""
    return changed.world


def _attention(world: World) -> dict[str, int]:
    world.clock.skip(61)
    found = operator(world, name=f"o{world.now():%H%M%S}").got("/health")["attention"]
    return {each["code"]: each["count"] for each in found}


def _plan(world: World) -> dict[str, Any]:
    ran = world.command("config", "plan", "--json")
    assert ran.code == 0, ran
    return ran.json()


def _line(trigger: str, fate: str, age: str, new_age: str, count: int) -> dict[str, Any]:
    return {
        "trigger": trigger, "fate": fate, "age": age, "new_age": new_age, "count": count,
        "due_at_once": 0, "window_over": 0,
    }  # fmt: skip


def test_nothing_moves_until_it_was_looked_at_and_ordered(world: World) -> None:
    assert _attention(world)["PLAN_OUTDATED"] == 3
    found = world.command("doctor", "--json").json()["findings"]
    (mine,) = [each for each in found if each["code"] == "PLAN_OUTDATED"]
    assert mine["remedy"] == "firstry config plan"
    before = world.database.everything()
    shown = _plan(world)
    assert shown == {
        "applied": False,
        "changes": 3,
        "plan": [
            _line("AUTO_12H", "moves", "12h", "18h", 1),
            _line("AUTO_12H", "stays", "12h", "18h", 1),
            _line("AUTO_24H", "moves", "24h", "36h", 2),
        ],
    }
    people = world.command("config", "plan").out
    assert "would change 3 milestones" in people
    assert "has begun or was ordered: stays" in people
    assert world.database.everything() == before


def test_it_is_done_once_and_the_attention_list_is_quiet_again(world: World) -> None:
    assert _attention(world)["PLAN_OUTDATED"] == 3
    ran = world.command(*APPLY)
    assert (ran.code, ran.json()["changes"], ran.json()["applied"]) == (0, 3, True)
    assert "2 tenants done" in ran.err
    world.clock.advance(seconds=30)
    assert "PLAN_OUTDATED" not in _attention(world)
    after = world.database.everything()
    again = world.command(*APPLY)
    assert (again.code, again.json()["changes"]) == (0, 0)
    assert world.database.everything() == after
    assert "nothing is to be planned anew" in world.command("config", "plan").out


def test_the_new_plan_is_what_ticks_and_operators_see(changed: Changed) -> None:
    world, site = changed.world, changed.new
    assert world.command(*APPLY).code == 0
    seen = operator(world).got(f"/tenants/{site.cloud_id}")
    told = [moment["sentence"] for moment in seen["timeline"]]
    assert any(said.startswith("planned anew: due at") for said in told)
    assert "cancelled, for the settings have another plan: longer ages" in told
    states = [(m["trigger"], m["revision"], m["state"]) for m in seen["tenant"]["milestones"]]
    assert sorted(states) == [
        ("AUTO_12H", 1, "cancelled"),
        ("AUTO_12H", 2, "scheduled"),
        ("AUTO_24H", 1, "cancelled"),
        ("AUTO_24H", 2, "scheduled"),
    ]
    world.clock.advance(hours=13)
    world.told(site, "NOT_DUE")
    world.clock.advance(hours=5)
    world.told(site, "GENERATED")
    world.told(site, "DONE_KEY_EXISTS")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--apply",), "a reason"),
        (("--apply", "--reason", "x"), "nobody can be asked"),
        (("--reason", "x"), "--apply"),
        (("--yes",), "--apply"),
    ],
    ids=" ".join,
)
def test_words_that_do_not_go_together(world: World, words: tuple[str, ...], said: str) -> None:
    before = world.database.everything()
    ran = world.command("config", "plan", *words, "--json")
    assert ran.code == 2, ran
    assert said in ran.error["message"]
    assert ran.error["remedy"]
    assert world.database.everything() == before


def test_a_trigger_that_was_taken_away_goes_on_until_it_is_ordered(world: World) -> None:
    """What is planned keeps its plan; only an order cancels it."""
    world.environ["FIRSTRY_TRIGGERS"] = "AUTO_24H=24h"
    world.restart()
    fates = [(line["trigger"], line["fate"], line["count"]) for line in _plan(world)["plan"]]
    assert fates == [("AUTO_12H", "removed", 1), ("AUTO_12H", "stays", 1)]
    assert world.command(*APPLY).json()["changes"] == 1
    assert [line["fate"] for line in _plan(world)["plan"]] == ["stays"]
    cancelled = operator(world).got("/tenants?filter=state%3Dcancelled")["tenants"]
    assert len(cancelled) == 1


def test_a_start_says_in_its_log_what_is_planned_otherwise(tmp_path: Path, keys: KeyRing) -> None:
    with Fleet(tmp_path, keys) as fleet:
        fleet.record(fleet.new_site(), fleet.clock.now())
        for triggers, count in (("AUTO_12H=12h,AUTO_24H=24h", None), (LATER, 2)):
            fleet.environ["FIRSTRY_TRIGGERS"] = triggers
            serving = fleet.serve()
            assert serving.port
            serving.stop()
            told = [each["count"] for each in serving.events if each["event"] == "plan_outdated"]
            assert told == ([] if count is None else [count])
