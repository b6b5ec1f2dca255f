"""One act on everything that a filter means: counted, then done in the background, once."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from firstry.domain.access import actor_named
from firstry.domain.filter_text import parse_filter
from firstry.domain.instant import iso, to_milliseconds
from firstry.domain.job import BulkAct, JobTarget, Target
from firstry.domain.phase import scene_at
from firstry.domain.policy import Trigger
from firstry.domain.record import Change, Order, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.lifecycle import bulk
from firstry.lifecycle.retry import retrying
from firstry.ports.failpoint import Failpoint, arm
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.stores.sql.store import SqlStore
from support.operator_call import Operator, operator, refused
from support.service import World

WHY = "Jira is back"
OUTAGE = 12


@pytest.fixture
def ops(world: World) -> Operator:
    """An operator of the world."""
    return operator(world)


def _outage(world: World) -> list[JiraSite]:
    """Return sites that all failed once."""
    sites = [world.installed(f"site{number}") for number in range(OUTAGE)]
    world.clock.advance(hours=12)
    for site in sites:
        site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
        world.told(site, "GENERATION_FAILED", 202)
    return sites


def _entries(world: World, cloud_id: str) -> list[dict[str, object]]:
    rows = world.database.rows("SELECT body FROM ledger WHERE cloud_id = ?", cloud_id)
    return [json.loads(row["body"]) for row in rows]


def test_one_bulk_retry_clears_an_outage(world: World, ops: Operator) -> None:
    """Issue 6: the count first, then one order, and every site has its report."""
    sites = _outage(world)
    world.clock.advance(minutes=1)
    count = ops.got("/tenants?count=true&filter=state=backoff")["count"]
    assert count == {"tenants": OUTAGE, "milestones": OUTAGE}
    answer = ops.post(
        "/bulk", act="retry", filter="state=backoff", reason=WHY, expected_count=OUTAGE
    )
    assert answer.status == 202, answer.body
    job = answer.json()["job"]
    assert answer.headers["location"] == f"/api/v1/bulk/{job['job_id']}"
    done = ops.finished(job["job_id"])
    assert (done["total"], done["done"], done["failed"], done["errors"]) == (OUTAGE, OUTAGE, 0, [])
    for site in sites:
        world.told(site, "GENERATED")
        ordered = [e for e in _entries(world, site.cloud_id) if e["kind"] == "RETRY_REQUESTED"]
        assert [(e["actor"], e["detail"]) for e in ordered] == [
            (
                f"operator:{ops.name}",
                {"trigger": "AUTO_12H", "revision": 1, "reason": WHY, "job_id": job["job_id"]},
            )
        ]
    assert ops.got("/tenants?filter=state=backoff")["tenants"] == []


def test_a_count_that_changed_asks_again(world: World, ops: Operator) -> None:
    sites = _outage(world)
    world.clock.advance(minutes=31)
    world.told(sites[0], "GENERATED")
    order = {"act": "pause", "filter": "state=due,backoff,waiting", "reason": WHY}
    answer = ops.post("/bulk", **order, expected_count=OUTAGE)
    problem = refused(answer, 409, "COUNT_CHANGED")
    assert problem["count"] == OUTAGE - 1
    assert world.database.count("bulk_job") == 0
    assert ops.post("/bulk", **order, expected_count=problem["count"]).status == 202


def test_errors_are_told_target_by_target(world: World, ops: Operator) -> None:
    """One that cannot be acted on stops nobody else."""
    sites = [world.installed(f"site{number}") for number in range(4)]
    assert ops.post(f"/tenants/{sites[0].cloud_id}/pause", reason=WHY).status == 200
    order = {"act": "pause", "filter": "state=scheduled", "reason": WHY}
    job = ops.post("/bulk", **order, expected_count=4).json()["job"]
    done = ops.finished(job["job_id"])
    assert (done["done"], done["failed"]) == (3, 1)
    (error,) = done["errors"]
    assert (error["cloud_id"], error["code"]) == (sites[0].cloud_id, "CONFLICT")
    assert "paused already" in error["message"]


def test_reset_leaves_manual_alone_and_makes_revisions(world: World, ops: Operator) -> None:
    site = world.installed()
    assert ops.post(f"/tenants/{site.cloud_id}/generate", reason=WHY).status == 202
    world.worker_once()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    order = {"act": "reset", "filter": "state=completed,scheduled", "reason": WHY}
    job = ops.post("/bulk", **order, expected_count=2).json()["job"]
    assert ops.finished(job["job_id"])["done"] == 2
    revisions = Counter(
        (m["trigger"], m["revision"])
        for m in ops.got(f"/tenants/{site.cloud_id}")["tenant"]["milestones"]
    )
    assert set(revisions) == {("AUTO_12H", 1), ("AUTO_12H", 2), ("AUTO_24H", 1), ("MANUAL", 1)}


def test_a_repeat_with_the_same_key_is_the_same_job(world: World, ops: Operator) -> None:
    _outage(world)
    order = {"act": "retry", "filter": "state=backoff", "reason": WHY, "expected_count": OUTAGE}
    first, again = (
        ops.send("POST", "/bulk", order, {"idempotency-key": "press-1"}) for _ in range(2)
    )
    assert first.status == again.status == 202, again.body
    assert first.json()["job"]["job_id"] == again.json()["job"]["job_id"]
    assert world.database.count("bulk_job") == 1


class Killed(BaseException):
    """A runner's process ends."""


def _ordered_reset(world: World) -> JiraSite:
    """Return a site with two reports, after a job was ordered to reset both."""
    site = world.installed()
    for _ in range(2):
        world.clock.advance(hours=12)
        world.told(site, "GENERATED")
    ordered = Order(WHY, actor_named("ada"), world.now())
    scene = scene_at(world.now(), world.policy)
    wanted, parts = parse_filter("state=completed"), world.operators.bulk
    bulk.order(parts, "j-reset", BulkAct.RESET, wanted, 2, order=ordered, scene=scene)
    return site


def _finish(world: World) -> None:
    """Work on the job as another runner does when the first one's hold has run out."""
    world.clock.advance(seconds=61)
    assert bulk.work_once(world.operators.bulk, "two", lambda: False, lambda job: None)


def _require_one_reset_each(world: World, site: JiraSite) -> None:
    for _ in range(4):
        world.worker_once()
    made = world.database.rows("SELECT trigger_name, revision FROM report")
    triggers = ("AUTO_12H", "AUTO_24H")
    keys = sorted((each["trigger_name"], each["revision"]) for each in made)
    assert keys == [(trigger, revision) for trigger in triggers for revision in (1, 2)]
    assert world.database.kinds(site.cloud_id).count("RESET") == 2
    job = world.operators.bulk.jobs.job("j-reset")
    assert job is not None
    assert (job.done, job.failed, job.ended_at is not None) == (2, 0, True)


@pytest.mark.parametrize("commits", [1, 2])
def test_a_runner_that_takes_over_resets_nothing_twice(world: World, commits: int) -> None:
    """Killed after an act was committed; the reports are made; another runner goes on."""
    site, passed = _ordered_reset(world), list[Failpoint]()

    def kill(reached: Failpoint) -> None:
        if reached is Failpoint.TRANSACTION_COMMITTED:
            passed.append(reached)
            if len(passed) == commits:
                raise Killed

    arm(kill)
    try:
        with pytest.raises(Killed):
            bulk.work_once(world.operators.bulk, "one", lambda: False, lambda job: None)
    finally:
        arm(lambda reached: None)
    assert len(passed) == commits
    for _ in range(commits):
        world.worker_once()
    _finish(world)
    _require_one_reset_each(world, site)


def test_a_runner_that_was_frozen_longer_than_its_hold_acts_no_more(world: World) -> None:
    """It has read its targets, and is about to act, when another one ends the job."""
    site, frozen = _ordered_reset(world), list[str]()

    class Frozen(SqlStore):
        """A store whose caller stands still before its first transaction begins."""

        def transact_many(self, *words: Any, **named: Any) -> Any:
            if not frozen:
                frozen.append("before its act")
                _finish(world)
                for _ in range(2):
                    world.worker_once()
            return super().transact_many(*words, **named)

    parts = world.operators.bulk
    assert isinstance(parts.store, SqlStore)
    stood = replace(parts, store=Frozen(parts.store.database))
    assert bulk.work_once(stood, "one", lambda: False, lambda job: None)
    assert len(frozen) == 1
    _require_one_reset_each(world, site)


def test_a_job_goes_on_after_a_restart_and_does_nothing_twice(world: World, ops: Operator) -> None:
    """A job whose runner died after an act: what it did is not done again."""
    sites = _outage(world)
    parts = world.operators.bulk
    ordered = Order(WHY, actor_named(ops.name), world.now())
    scene = scene_at(world.now(), world.policy)
    wanted = parse_filter("state=backoff")
    job = bulk.order(parts, "j-left", BulkAct.RETRY, wanted, OUTAGE, order=ordered, scene=scene)
    first = Target(Tenant.from_row(min(site.cloud_id for site in sites)), Trigger("AUTO_12H"))
    trigger = first.trigger
    assert trigger is not None
    now = world.now()
    acted = Order(WHY, ordered.actor, now, job.job_id)
    retried = retrying(first.tenant, trigger, acted)

    def noted(record: TenantRecord | None) -> Change[Any]:
        return replace(retried(record), done=JobTarget(job.job_id, first))

    parts.store.transact(first.tenant, now, noted)
    world.restart()
    again = Operator(world.door.port, ops.secret, ops.name)
    done = again.finished("j-left")
    assert (done["done"], done["failed"]) == (OUTAGE, 0)
    for site in sites:
        kinds = world.database.kinds(site.cloud_id)
        assert kinds.count("RETRY_REQUESTED") == 1
    (held,) = world.database.rows("SELECT ended_at, runner FROM bulk_job")
    assert held["ended_at"] == to_milliseconds(now)
    assert done["ended_at"] == iso(now)
