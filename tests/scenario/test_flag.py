"""Switches: what is off is not begun, says so, and goes on when it is on again."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from firstry.domain.due import due_query
from firstry.domain.evidence import Dataset
from firstry.domain.flag import all_flags
from support.domain import AUTO_12H, AUTO_24H
from support.operator_call import Operator, operator, refused
from support.service import World

WHY = "incident 9"


@pytest.fixture
def ops(world: World) -> Operator:
    """An operator of the world."""
    return operator(world)


def _turn(ops: Operator, name: str, state: str, **more: str) -> None:
    answer = ops.put(f"/flags/{name}", state=state, reason=WHY, **more)
    assert answer.status == 200, answer.body


def test_every_switch_there_is(world: World, ops: Operator) -> None:
    """Issue 6: generation, manual, each trigger, each dataset; all on until somebody turns one."""
    flags = ops.got("/flags")["flags"]
    expected = ["generation", "manual", "trigger.AUTO_12H", "trigger.AUTO_24H"]
    expected += [f"dataset.{dataset.name.lower()}" for dataset in Dataset]
    assert [flag["name"] for flag in flags] == expected
    assert list(all_flags([AUTO_12H, AUTO_24H])) == expected
    assert {flag["state"] for flag in flags} == {"on"}


def test_generation_off_begins_nothing_for_anybody(world: World, ops: Operator) -> None:
    site = world.installed()
    _turn(ops, "generation", "off")
    world.clock.advance(hours=12)
    body = world.told(site, "PAUSED")
    assert body["due_trigger"] is None
    world.worker_once()
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["starts"] == 0
    world.clock.advance(hours=13)
    world.told(site, "PAUSED")
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["state"] == "scheduled"
    _turn(ops, "generation", "on")
    world.told(site, "GENERATED")
    states = [m["state"] for m in ops.got(f"/tenants/{site.cloud_id}")["tenant"]["milestones"]]
    assert states == ["missed", "completed"]


def test_a_trigger_off_leaves_the_others(world: World, ops: Operator) -> None:
    site = world.installed()
    _turn(ops, "trigger.AUTO_12H", "off")
    world.clock.advance(hours=12)
    world.told(site, "PAUSED")
    world.clock.advance(hours=12)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["state"] == "scheduled"
    _turn(ops, "trigger.AUTO_12H", "on")
    world.told(site, "DONE_KEY_EXISTS")
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["state"] == "missed"


def test_what_is_off_stands_in_nobodys_way(world: World, ops: Operator) -> None:
    """The worker is not even shown what it may not begin, so the rest is not kept waiting."""
    off, on = world.installed("off"), world.installed("on")
    _turn(ops, "generation", "off", tenant=off.cloud_id)
    world.clock.advance(hours=12)
    due = world.parts.store.claimable(due_query(world.now(), world.policy), 100)
    assert [tenant.cloud_id for tenant in due] == []
    world.tick(on, None)
    assert world.database.markers(on.cloud_id) == ["AUTO_12H"]
    world.told(off, "PAUSED")


def test_one_tenants_switch_is_in_its_ledger(world: World, ops: Operator) -> None:
    site, other = world.installed("one"), world.installed("other")
    _turn(ops, "trigger.AUTO_12H", "off", tenant=site.cloud_id)
    world.clock.advance(hours=12)
    world.told(site, "PAUSED")
    world.told(other, "GENERATED")
    (entry,) = ops.got("/ledger?kind=FLAG_SWITCHED")["entries"]
    assert (entry["cloud_id"], entry["actor"]) == (site.cloud_id, f"operator:{ops.name}")
    assert entry["detail"] == {"flag": "trigger.AUTO_12H", "state": "off", "reason": WHY}
    shown = ops.got(f"/tenants/{site.cloud_id}")["tenant"]
    assert shown["switched_off"] == ["trigger.AUTO_12H"]


def test_everybodys_switch_is_in_the_services_ledger(world: World, ops: Operator) -> None:
    _turn(ops, "manual", "off")
    (entry,) = ops.got("/ledger?kind=FLAG_SWITCHED")["entries"]
    assert (entry["cloud_id"], entry["detail"]["flag"]) == (None, "manual")
    assert world.database.count("ledger") == 0


def test_manual_off_refuses_who_asks(world: World, ops: Operator) -> None:
    site = world.installed()
    _turn(ops, "manual", "off")
    answer = ops.post(f"/tenants/{site.cloud_id}/generate", reason=WHY)
    assert "switched off" in refused(answer, 409, "CONFLICT")["detail"]
    _turn(ops, "manual", "on")
    assert ops.post(f"/tenants/{site.cloud_id}/generate", reason=WHY).status == 202


def test_a_dataset_off_is_not_asked_for_and_the_report_says_so(world: World, ops: Operator) -> None:
    site = world.installed()
    _turn(ops, "dataset.filters", "off")
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    assert not [each for each in site.requests if "/filter/" in each.path]
    (report,) = world.database.reports(site.cloud_id)
    datasets = report["sections"]["B"]["datasets"]
    (told,) = [each for each in datasets if each["dataset_name"] == "Filters"]
    assert (told["availability_state"], told["coverage_percent"]) == ("MISSING", 0)
    zero = told["coverage_disclosure"]["zero_value_reason"]
    assert zero == "MEASUREMENT_NOT_YET_ENABLED"


def test_a_switch_that_stands_so_already_is_a_conflict(world: World, ops: Operator) -> None:
    refused(ops.put("/flags/generation", state="on", reason=WHY), 409, "CONFLICT")
    refused(ops.put("/flags/nothing", state="off", reason=WHY), 400, "INPUT_INVALID")
    for state in ("off", "on"):
        answer = ops.put("/flags/generation", state=state, reason=WHY, tenant="no-such")
        refused(answer, 404, "NOT_FOUND")
    assert world.database.count("service_ledger") == 1, "only the token that asks"


CALLERS = 4
ROUNDS = 6


@pytest.mark.parametrize("of", ["everybody", "a tenant"])
def test_of_many_that_turn_a_switch_at_once_one_does(world: World, ops: Operator, of: str) -> None:
    """The others are told that it stands so already, and nothing is written twice."""
    whose = {"tenant": world.installed().cloud_id} if of == "a tenant" else {}
    for turn in range(ROUNDS):
        gate = threading.Barrier(CALLERS)

        def turned(
            _: int, state: str = ("off", "on")[turn % 2], gate: threading.Barrier = gate
        ) -> int:
            gate.wait(10)
            return ops.put("/flags/manual", state=state, reason=WHY, **whose).status

        with ThreadPoolExecutor(CALLERS) as callers:
            statuses = Counter(callers.map(turned, range(CALLERS)))
        assert statuses == {200: 1, 409: CALLERS - 1}
    assert len(ops.got("/ledger?kind=FLAG_SWITCHED")["entries"]) == ROUNDS
