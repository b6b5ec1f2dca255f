"""One tenant's trouble is its own: slots, quotas, silence, and the hours of the day."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.service import StillClock, World
from support.wire import until


def test_a_slow_site_delays_no_other(tmp_path: Path, keys: KeyRing) -> None:
    """Fairness: a site that hangs holds one slot; twenty others are served meanwhile."""
    with World(tmp_path, keys, ANSWER_WITHIN="1s", GENERATION_TIMEOUT="20s") as world:
        noisy = world.installed("noisy")
        noisy.faults.append(Fault(FaultKind.HANG))
        others = [world.installed(f"calm-{number}") for number in range(20)]
        world.clock.advance(hours=12)
        assert world.tick(noisy).json()["reason"] == "GENERATION_IN_PROGRESS"
        flood = [threading.Thread(target=world.tick, args=(noisy,)) for _ in range(20)]
        for thread in flood:
            thread.start()
        reasons = [world.tick(site).json()["reason"] for site in others]
        for thread in flood:
            thread.join()
        assert reasons == ["GENERATED"] * len(others)


def test_busy_slots_stop_neither_an_idle_tick_nor_an_installation(
    tmp_path: Path, keys: KeyRing
) -> None:
    """Sixteen sites hang and forty more wait for a slot; who needs none is answered."""
    with World(tmp_path, keys, ANSWER_WITHIN="3s", GENERATION_TIMEOUT="20s") as world:
        hanging = [world.installed(f"slow-{number}") for number in range(16)]
        waiting = [world.installed(f"due-{number}") for number in range(40)]
        for site in hanging:
            site.faults.append(Fault(FaultKind.HANG))
        world.clock.advance(hours=11)
        calm = world.installed("calm")
        world.clock.advance(hours=1)
        with ThreadPoolExecutor(41) as threads:
            held = list(threads.map(world.tick, hanging))
            assert {each.json()["reason"] for each in held} == {"GENERATION_IN_PROGRESS"}
            pressing = [threads.submit(world.tick, site) for site in waiting]
            assert world.told(calm, "NOT_DUE")["success"] is True
            assert world.install(world.site("new")).json()["reason"] == "INSTALLATION_RECORDED"
            assert {each.result().status for each in pressing} == {500}
        row = world.database.milestone(waiting[0].cloud_id, "AUTO_12H")
        assert (row["state"], row["attempts"], row["starts"]) == ("scheduled", 0, 0)


def test_the_token_of_a_tick_that_finds_no_slot_is_kept(tmp_path: Path, keys: KeyRing) -> None:
    with World(tmp_path, keys, ANSWER_WITHIN="1s", GENERATION_TIMEOUT="20s") as world:
        sites = [world.installed(f"site-{number}") for number in range(17)]
        for site in sites:
            site.faults.append(Fault(FaultKind.HANG))
        world.clock.advance(hours=12)
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(world.tick, sites[:16]))
        kept = "SELECT expires_at FROM token WHERE cloud_id = ?"
        before = world.database.rows(kept, sites[16].cloud_id)
        assert world.tick(sites[16]).status == 500
        wait = until()
        while world.database.rows(kept, sites[16].cloud_id) == before:
            wait.more("the token")
        row = world.database.milestone(sites[16].cloud_id, "AUTO_12H")
        assert (row["state"], row["attempts"], row["starts"]) == ("scheduled", 0, 0)


def test_a_spent_quota_stops_the_calls_of_its_tenant_alone(world: World) -> None:
    """A quota that is the tenant's own defers that tenant and asks it no more."""
    spent, other = world.installed("spent"), world.installed("other")
    spent.faults.append(Fault(FaultKind.QUOTA_TENANT, retry_after=timedelta(minutes=10)))
    world.clock.advance(hours=12)
    answer = world.told(spent, "DEFERRED")
    assert answer["attempt_count"] == 0
    asked = len(spent.requests)
    world.clock.advance(minutes=5)
    world.told(spent, "DEFERRED")
    assert len(spent.requests) == asked
    world.told(other, "GENERATED")


def test_a_spent_quota_of_the_app_stops_the_calls_of_all(world: World) -> None:
    """Back-pressure: nobody is asked in vain until the app's quota is filled again."""
    first, second = world.installed("first"), world.installed("second")
    first.faults.append(Fault(FaultKind.QUOTA_GLOBAL, retry_after=timedelta(minutes=10), times=1))
    world.clock.advance(hours=12)
    world.told(first, "DEFERRED")
    world.told(second, "DEFERRED")
    assert list(second.requests) == []
    world.clock.advance(minutes=11)
    world.told(first, "GENERATED")
    world.told(second, "GENERATED")


def test_a_long_silence_with_refusals_counts_as_uninstalled(world: World) -> None:
    """No event says that a site has gone; silence and refusals together do."""
    site = world.installed()
    world.clock.advance(hours=12)
    for _ in range(2):
        world.platform.revoke(site)
        site.faults.append(Fault(FaultKind.UNAUTHORIZED, times=1))
        world.told(site, "DEFERRED")
        world.clock.advance(minutes=16)
    world.clock.advance(hours=73)
    world.worker_once()
    assert "PRESUMED_UNINSTALLED" in world.database.kinds(site.cloud_id)
    states = world.database.rows("SELECT DISTINCT state FROM milestone")
    assert [row["state"] for row in states] == ["cancelled"]


def test_silence_alone_cancels_nothing(world: World) -> None:
    """A broken schedule is no uninstallation."""
    site = world.installed()
    world.clock.advance(hours=400)
    world.worker_once()
    assert "PRESUMED_UNINSTALLED" not in world.database.kinds(site.cloud_id)


def test_reports_carry_the_hour_of_no_zone(tmp_path: Path, keys: KeyRing) -> None:
    """I14: around a change to summer time a due time is the evidence and the age."""
    before_change = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
    with World(tmp_path, keys, clock=StillClock(before_change)) as world:
        site = world.installed()
        world.clock.advance(hours=11, minutes=59, seconds=59)
        world.told(site, "NOT_DUE")
        world.clock.advance(seconds=1)
        world.told(site, "GENERATED")
