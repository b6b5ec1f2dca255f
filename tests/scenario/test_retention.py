"""What a site told is kept for a set time after its uninstallation, and then erased by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firstry.domain.instant import iso
from firstry.lifecycle.retention import Retention, RetentionParts, erase_expired
from firstry.ports.telemetry import Event
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from firstry.wiring.eraser import eraser_of
from support.attempt import Notebook
from support.call import UNINSTALL
from support.command import settings_of
from support.operator_call import operator
from support.service import StillClock, World
from support.wire import until

KEPT = timedelta(days=90)


@pytest.fixture
def past(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A world in which all happened so long ago that retention is over by now."""
    begin = datetime.now(UTC).replace(microsecond=0) - KEPT - timedelta(days=3)
    with World(tmp_path, keys, clock=StillClock(begin)) as world:
        yield world
        assert world.breaches() == []


def gone(world: World, name: str = "acme") -> JiraSite:
    """Return a site that had a report and uninstalled the app."""
    site = world.installed(name)
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    world.door.invoke(site, UNINSTALL, at=world.now())
    return site


def shown(world: World, site: JiraSite) -> dict[str, Any]:
    tenant = world.command("tenants", "show", site.cloud_id, "--json").json()["tenant"]
    assert isinstance(tenant, dict)
    return tenant


def parts_of(world: World, notebook: Notebook, retention: timedelta | None) -> RetentionParts:
    """Return what erases in a world, by its own clock."""
    settings = settings_of(world.folder, world.environ)
    insight = world.operators.insight
    return RetentionParts(insight.insight, eraser_of(settings), insight.clock, notebook, retention)


def test_a_worker_erases_who_was_kept_long_enough(past: World) -> None:
    site, served = gone(past), past.installed("served")
    assert shown(past, site)["erase_at"] == iso(past.now() + KEPT)
    assert "erase_at" not in shown(past, served)
    ran = past.command("worker", "--once", "--json")
    assert (ran.code, ran.json()["erased"]) == (0, [site.cloud_id])
    assert "erased_at" in shown(past, site)
    assert "erase_at" not in shown(past, site)
    assert "erased" not in past.command("worker", "--once", "--json").json()
    (entry,) = past.command("tenants", "erasures", "--json").json()["erasures"]
    assert (entry["cloud_id"], entry["actor"]) == (site.cloud_id, "scheduler")


def test_it_is_kept_to_the_last_moment_and_no_longer(world: World) -> None:
    site, notebook = gone(world), Notebook()
    parts = parts_of(world, notebook, KEPT)
    world.clock.advance(days=90, seconds=-1)
    assert erase_expired(parts) == []
    world.clock.advance(seconds=1)
    assert [tenant.cloud_id for tenant in erase_expired(parts)] == [site.cloud_id]
    assert notebook.events() == [Event.TENANT_ERASED]
    assert erase_expired(parts) == []


def test_a_reinstallation_before_it_cancels_it(world: World) -> None:
    site, parts = gone(world), parts_of(world, Notebook(), KEPT)
    world.clock.advance(days=89)
    site.installation_id = "5c0a5c54-17b4-4f4c-8f6c-0d2f3a4b5c6d"
    assert world.install(site).json()["reason"] == "REINSTALL_RECORDED"
    world.clock.advance(days=365)
    assert erase_expired(parts) == []
    assert len(world.database.reports(site.cloud_id)) == 1


def test_never_keeps_for_ever_and_nothing_at_all_does_not(world: World) -> None:
    site = gone(world)
    world.clock.advance(days=9999)
    assert erase_expired(parts_of(world, Notebook(), None)) == []
    assert len(erase_expired(parts_of(world, Notebook(), timedelta()))) == 1
    assert world.database.rows("SELECT body FROM report") == [{"body": b""}]
    assert site.cloud_id


def test_a_pass_erases_a_few_and_the_next_one_goes_on(world: World) -> None:
    for number in range(23):
        site = world.installed(f"site{number}")
        world.door.invoke(site, UNINSTALL, at=world.now())
    world.clock.advance(days=91)
    parts = parts_of(world, Notebook(), KEPT)
    assert [len(erase_expired(parts)) for _ in range(3)] == [20, 3, 0]


def test_one_that_cannot_be_read_keeps_nobody_else(world: World) -> None:
    """More of them than a pass erases, and first in line."""
    sites = [world.installed(f"site{number}") for number in range(23)]
    for site in sites:
        world.door.invoke(site, UNINSTALL, at=world.now())
        world.clock.advance(seconds=1)
    broken = [site.cloud_id for site in sites[:21]]
    world.database.write(
        "UPDATE tenant SET last_tick_at = 9000000000000000000 WHERE cloud_id IN"
        " (SELECT cloud_id FROM tenant ORDER BY uninstalled_at LIMIT 21)"
    )
    world.clock.advance(days=91)
    notebook = Notebook()
    done = erase_expired(parts_of(world, notebook, KEPT))
    assert [tenant.cloud_id for tenant in done] == [site.cloud_id for site in sites[21:]]
    failed = [told for event, told in notebook.told if event is Event.ERASURE_FAILED]
    assert [told["cloud_id"] for told in failed] == broken
    assert {told["error_code"] for told in failed} == {"DEFECT"}
    world.database.write("UPDATE tenant SET last_tick_at = NULL")
    assert [len(erase_expired(parts_of(world, notebook, KEPT))) for _ in range(3)] == [20, 1, 0]


def test_a_service_looks_by_itself(world: World) -> None:
    site, notebook = gone(world), Notebook()
    world.clock.advance(days=91)
    retention = Retention(parts_of(world, notebook, KEPT))
    retention.start()
    wait = until()
    while Event.TENANT_ERASED not in notebook.events():
        wait.more("the erasure")
    retention.close()
    assert world.database.rows("SELECT body FROM report") == [{"body": b""}]
    assert shown(world, site)["erased_at"] == iso(world.now())


def test_who_is_kept_too_long_is_told(world: World) -> None:
    """Nobody erases in this world, for no worker runs."""
    viewer, site = operator(world), gone(world)
    world.clock.advance(days=90, hours=23)
    assert world_attention(viewer) == {}
    assert viewer.got(f"/tenants/{site.cloud_id}")["tenant"]["erase_at"] is not None
    world.clock.advance(hours=1)
    world.clock.skip(10)
    told = world_attention(viewer)["ERASURE_LATE"]
    assert (told["count"], told["filter"]) == (1, "uninstalled=yes")


def world_attention(viewer: Any) -> dict[str, Any]:
    return {each["code"]: each for each in viewer.got("/health")["attention"]}


@pytest.mark.parametrize("text", ["soon", "-1d", "90", "99999d", ""])
def test_a_retention_that_is_none_is_refused(world: World, text: str) -> None:
    world.environ["FIRSTRY_RETENTION"] = text
    ran = world.command("tenants", "list", "--json")
    assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")
    assert "FIRSTRY_RETENTION" in ran.error["message"]
