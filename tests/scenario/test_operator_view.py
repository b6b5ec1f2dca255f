"""What operators may see, from the command line: the same as by the API, to the letter."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.operator_call import Operator, operator
from support.postgres_rows import database_in
from support.service import StillClock, World

numbers = count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> Iterator[World]:
    """Five sites fail alike, and one otherwise."""
    folder: Path = tmp_path_factory.mktemp("view")
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
    database = database_in(folder, request.param)
    with World(folder, keys, clock=StillClock(began), database=database) as world:
        kinds = 5 * [FaultKind.UNAVAILABLE] + [FaultKind.GARBAGE]
        sites = [world.installed(f"site{number}") for number in range(len(kinds))]
        world.clock.advance(hours=12)
        for site, kind in zip(sites, kinds, strict=True):
            site.faults.append(Fault(kind))
            world.told(site, "GENERATION_FAILED", 202)
        world.clock.skip(10)
        yield world


@pytest.fixture
def ops(world: World) -> Operator:
    """Somebody who asks the API, each time another one."""
    return operator(world, name=f"ops {next(numbers)}")


def _shown(world: World, *words: str) -> dict[str, Any]:
    ran = world.command(*words, "--json")
    assert ran.code == 0, ran
    return ran.json()


def test_failures_are_those_of_the_api(world: World, ops: Operator) -> None:
    asked = ops.got("/failures")
    shown = _shown(world, "failures", "list")
    assert shown["failures"] == asked["failures"]
    assert [group["count"] for group in shown["failures"]] == [5, 1]
    first = _shown(world, "failures", "list", "--limit", "1")
    assert (first["failures"], first["groups"]) == (asked["failures"][:1], 2)
    as_file = world.command("failures", "list", "--format", "csv")
    assert as_file.out.encode() == ops.get("/failures?format=csv").body
    assert "JIRA_UNAVAILABLE: Jira answered 503" in world.command("failures", "list").out


def test_health_is_that_of_the_api(world: World, ops: Operator) -> None:
    world.clock.skip(10)
    asked, shown = ops.got("/health"), _shown(world, "health")
    for name in ("status", "attention", "tally", "attempts"):
        assert shown[name] == asked[name], name
    people = world.command("health").out
    assert people.startswith("attention, at ")
    assert 'firstry tenants retry --filter "state=backoff" --all-matching' in people
    assert "attempts in 1h: 0 completed, 6 failed, 0 deferred" in people


def test_the_ledger_goes_on_page_by_page(world: World, ops: Operator) -> None:
    asked = ops.got("/ledger?kind=FAILED&limit=200")["entries"]
    found: list[Any] = []
    words: tuple[str, ...] = ()
    while True:
        page = _shown(world, "ledger", "list", "--kind", "FAILED", "--limit", "4", *words)
        found += page["entries"]
        if page["next"] is None:
            break
        words = ("--after", page["next"])
    assert found == asked
    assert len(found) == 6
    people = world.command("ledger", "list", "--kind", "FAILED").out
    assert "attempt 1 failed, JIRA_UNAVAILABLE" in people
    other = ("ledger", "list", "--kind", "CLAIMED", *words, "--json")
    assert world.command(*other).error["code"] == "CURSOR_INVALID"


def test_the_ledger_of_one_and_by_one(world: World, ops: Operator) -> None:
    assert ops.put("/flags/manual", state="off", reason="case 17").status == 200
    (entry,) = _shown(world, "ledger", "list", "--actor", f"operator:{ops.name}")["entries"]
    assert (entry["kind"], entry["cloud_id"]) == ("FLAG_SWITCHED", None)
    who = ops.got("/tenants?limit=1")["tenants"][0]["cloud_id"]
    mine = _shown(world, "ledger", "list", "--tenant", who)["entries"]
    assert mine == ops.got(f"/ledger?tenant={who}&limit=200")["entries"]
    as_file = world.command("ledger", "list", "--tenant", who, "--format", "ndjson")
    assert as_file.out.count("\n") == len(mine)
    assert ops.put("/flags/manual", state="on", reason="case 17").status == 200


def test_a_bulk_job_is_shown_wherever_it_was_ordered(world: World, ops: Operator) -> None:
    """Each site has a milestone that waits, and one that is not due and cannot be retried."""
    ordered = ops.post("/bulk", act="retry", filter="site~-", reason="x", expected_count=12)
    job = ops.finished(ordered.json()["job"]["job_id"])
    ran = world.command("bulk", "show", job["job_id"], "--json")
    assert (ran.code, ran.json()["job"]) == (1, job)
    assert "6 done, 6 failed of 12" in world.command("bulk", "show", job["job_id"]).out
    missing = world.command("bulk", "show", "j-none", "--json")
    assert (missing.code, missing.error["code"]) == (3, "NOT_FOUND")


@pytest.mark.parametrize(
    "words",
    [
        ("failures", "list", "--limit", "0"),
        ("failures", "list", "--format", "csv", "--limit", "3"),
        ("ledger", "list", "--after", "x"),
        ("ledger", "list", "--tenant", ""),
        ("ledger", "list", "--tenant", "no tenant!"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant(world: World, words: tuple[str, ...]) -> None:
    ran = world.command(*words, "--json")
    assert ran.code == (0 if words[-1] == "" else 2), ran
