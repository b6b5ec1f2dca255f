"""What an administrator reads on the page in Jira, and what a press on "generate now" does."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from firstry.domain.instant import iso
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_event import uninstall_event
from firstry.sim.platform_key import KeyRing
from support.call import UNINSTALL
from support.jira_page import (
    ADMIN,
    DOWNLOAD,
    FORMATS,
    GADGET,
    GENERATE,
    REPORT,
    STATUS,
    installed,
    reported,
    visit,
)
from support.service import World
from support.wire import Answer, until

PROJECTS = "/rest/api/3/project"


def status(world: World, site: JiraSite) -> dict[str, Any]:
    """Return what the page is told."""
    return visit(world, site).told(STATUS)


def trigger(world: World, site: JiraSite, name: str) -> dict[str, Any]:
    """Return what the page is told of one trigger."""
    [found] = [each for each in status(world, site)["triggers"] if each["trigger"] == name]
    return found  # type: ignore[no-any-return]


def press(world: World, site: JiraSite) -> Answer:
    """Press "generate now"."""
    return visit(world, site).call(GENERATE)


@contextmanager
def custom(tmp_path: Path, keys: KeyRing, **settings: Any) -> Iterator[World]:
    """A world with settings of its own."""
    with World(tmp_path, keys, **settings) as world:
        yield world
        assert world.breaches() == []


# Where things stand


def test_no_report_yet_says_when_it_becomes_due(world: World) -> None:
    site = installed(world)
    told = status(world, site)
    assert (told["state"], told["reports"]) == ("NO_REPORT_YET", [])
    assert told["installed_at"] == iso(world.now())
    due = [(each["trigger"], each["state"], each["due_at"]) for each in told["triggers"]]
    assert due == [
        ("AUTO_12H", "NOT_DUE", iso(world.now() + timedelta(hours=12))),
        ("AUTO_24H", "NOT_DUE", iso(world.now() + timedelta(hours=24))),
    ]


def test_the_page_shows_what_the_scheduler_stored(world: World) -> None:
    """P40: page, scheduler and command line speak of the same report, by id, digest and bytes."""
    site = reported(world)
    told = status(world, site)
    assert told["state"] == "REPORT"
    [head] = told["reports"]
    [listed] = world.command("reports", "list", "--json").json()["reports"]
    shown = visit(world, site).told(REPORT)
    assert head["report_id"] == listed["report_id"] == shown["report_id"]
    assert shown["digest"] == listed["digest"]
    body = visit(world, site).downloaded("json")
    assert "sha256:" + hashlib.sha256(body).hexdigest() == listed["digest"]
    done = trigger(world, site, "AUTO_12H")
    assert (done["state"], done["report_id"]) == ("COMPLETED", listed["report_id"])
    assert told["last_tick_at"] == iso(world.now())


def test_a_failure_is_told_with_its_wait_and_its_error(world: World) -> None:
    site = installed(world)
    world.clock.advance(hours=12, minutes=7)
    site.faults.append(Fault(FaultKind.SERVER_ERROR, path=PROJECTS, times=1))
    world.told(site, "GENERATION_FAILED", 202)
    told = trigger(world, site, "AUTO_12H")
    assert status(world, site)["state"] == "WAITING_FOR_RETRY"
    assert (told["state"], told["attempts"]) == ("WAITING_FOR_RETRY", 1)
    assert told["next_attempt_at"] == iso(world.now() + timedelta(minutes=30))
    assert told["last_error"]["code"] == "JIRA_UNAVAILABLE"
    assert told["last_error"]["at"] == iso(world.now())
    world.clock.advance(minutes=31)
    world.told(site, "GENERATED")
    assert trigger(world, site, "AUTO_12H")["state"] == "COMPLETED"
    assert status(world, site)["state"] == "REPORT"


def test_a_site_put_off_by_jira_waits(world: World) -> None:
    site = installed(world)
    world.clock.advance(hours=12, minutes=7)
    site.faults.append(Fault(FaultKind.QUOTA_TENANT, path=PROJECTS, times=1))
    world.told(site, "DEFERRED")
    told = trigger(world, site, "AUTO_12H")
    assert (told["state"], told["attempts"]) == ("DEFERRED", 0)
    assert status(world, site)["state"] == "WAITING_FOR_RETRY"


def test_a_due_report_without_a_token_waits_for_jira(world: World) -> None:
    site = installed(world)
    world.clock.advance(hours=13)
    told = status(world, site)
    assert told["state"] == "WAITING_FOR_TOKEN"
    assert trigger(world, site, "AUTO_12H")["state"] == "WAITING_FOR_TOKEN"


def test_what_was_given_up_is_told(tmp_path: Path, keys: KeyRing) -> None:
    with custom(tmp_path, keys, MAX_ATTEMPTS="1") as world:
        site = installed(world)
        world.clock.advance(hours=24, minutes=7)
        site.faults.append(Fault(FaultKind.SERVER_ERROR, path=PROJECTS))
        world.told(site, "GENERATION_FAILED", 202)
        world.clock.advance(hours=1)
        assert status(world, site)["state"] == "FAILED"
        assert trigger(world, site, "AUTO_12H")["state"] == "MISSED"
        assert trigger(world, site, "AUTO_24H")["state"] == "DISCARDED"
        assert trigger(world, site, "AUTO_24H")["next_attempt_at"] is None


def test_a_site_that_is_not_known(world: World) -> None:
    site = world.site()
    site.administrators.add(ADMIN)
    told = status(world, site)
    assert (told["state"], told["installed_at"], told["triggers"]) == (
        "TENANT_UNAVAILABLE",
        None,
        [],
    )
    answer = press(world, site)
    assert (answer.status, answer.json()["reason"]) == (409, "INSTALLATION_UNKNOWN")
    assert world.database.rows("SELECT * FROM tenant") == []


def test_an_uninstalled_site_keeps_its_reports(world: World) -> None:
    site = reported(world)
    answer = world.door.invoke(site, UNINSTALL, uninstall_event(site), at=world.now())
    assert answer.status == 200
    assert status(world, site)["state"] == "UNINSTALLED"
    assert visit(world, site).call(REPORT).status == 200
    assert press(world, site).json()["reason"] == "UNINSTALLED"


def test_a_paused_site(present: World) -> None:
    site = installed(present)
    assert present.command("tenants", "pause", site.cloud_id, "--reason", "x").code == 0
    told = status(present, site)
    assert (told["state"], told["generate"]["reason"]) == ("PAUSED", "PAUSED")
    assert (press(present, site).status, press(present, site).json()["reason"]) == (409, "PAUSED")


def test_looking_writes_nothing(world: World) -> None:
    """Reading is GET and leaves every row as it was, however often (P41)."""
    site = reported(world)
    before = world.database.everything()
    for _ in range(3):
        for path in (STATUS, REPORT, GADGET):
            assert visit(world, site).call(path).status == 200
        for name in FORMATS:
            assert visit(world, site).call(DOWNLOAD, format=name).status == 200
    assert world.database.everything() == before


def test_the_gadget_is_told_the_same(world: World) -> None:
    site = reported(world)
    assert visit(world, site).told(GADGET) == status(world, site)


# Generate now


def test_a_press_makes_a_report_by_the_one_path(world: World) -> None:
    """P41, contract F: stored before it is said; claimed and settled like any other."""
    site = installed(world)
    answer = press(world, site)
    assert (answer.status, answer.json()["reason"]) == (200, "GENERATED")
    stored = world.parts.store.report(answer.json()["report_id"])
    assert stored is not None
    assert stored.trigger == "MANUAL"
    kinds = world.database.kinds(site.cloud_id)
    assert [k for k in kinds if k in ("MANUAL_REQUESTED", "CLAIMED", "COMPLETED")] == [
        "MANUAL_REQUESTED",
        "CLAIMED",
        "COMPLETED",
    ]
    entries = world.database.rows("SELECT body FROM ledger ORDER BY sequence")
    [asked] = [e for e in map(json.loads, (r["body"] for r in entries)) if e["kind"] == kinds[1]]
    assert asked["actor"] == "administrator"
    assert ADMIN not in json.dumps([json.loads(row["body"]) for row in entries])


def test_a_failed_press_says_so(world: World) -> None:
    site = installed(world)
    site.faults.append(Fault(FaultKind.SERVER_ERROR, path=PROJECTS, times=1))
    answer = press(world, site)
    assert (answer.status, answer.json()["reason"]) == (202, "GENERATION_FAILED")
    assert answer.json()["success"] is False
    assert answer.json()["backoff_expires_at"] == iso(world.now() + timedelta(minutes=30))
    assert status(world, site)["reports"] == []
    again = press(world, site)
    assert (again.status, again.json()["reason"]) == (200, "GENERATED")


def test_a_press_while_it_runs_is_refused(world: World) -> None:
    """One lock for all: the milestone's own claim (P41)."""
    site = installed(world)
    site.faults.append(Fault(FaultKind.SLOW, path=PROJECTS, delay=timedelta(seconds=2), times=1))
    first: list[Answer] = []
    pressing = threading.Thread(target=lambda: first.append(press(world, site)))
    pressing.start()
    wait = until()
    while "CLAIMED" not in world.database.kinds(site.cloud_id):
        wait.more("the first press to claim")
    assert status(world, site)["state"] == "GENERATING"
    second = press(world, site)
    assert (second.status, second.json()["reason"]) == (409, "GENERATION_IN_PROGRESS")
    assert status(world, site)["generate"]["is_available"] is False
    pressing.join()
    assert first[0].json()["reason"] == "GENERATED"
    assert len(world.database.reports(site.cloud_id)) == 1


def test_a_press_that_takes_longer_goes_on(world: World) -> None:
    """Far below 25 s there is an answer; the report comes all the same."""
    site = installed(world)
    site.faults.append(Fault(FaultKind.SLOW, path=PROJECTS, delay=timedelta(seconds=5), times=1))
    answer = press(world, site)
    assert (answer.status, answer.json()["reason"]) == (202, "GENERATION_IN_PROGRESS")
    wait = until()
    while not world.database.reports(site.cloud_id):
        wait.more("the report")
    assert status(world, site)["state"] == "REPORT"
    assert site.hits[FaultKind.SLOW] == 1


def test_the_rate_is_kept(tmp_path: Path, keys: KeyRing) -> None:
    with custom(tmp_path, keys, MANUAL_RATE="2/h") as world:
        site = installed(world)
        assert [press(world, site).status for _ in range(2)] == [200, 200]
        answer = press(world, site)
        free_at = iso(world.now() + timedelta(hours=1))
        assert (answer.status, answer.json()["reason"]) == (429, "MANUAL_RATE_EXCEEDED")
        assert answer.json()["after"] == free_at
        assert status(world, site)["generate"] == {
            "is_available": False,
            "reason": "MANUAL_RATE_EXCEEDED",
            "after": free_at,
        }
        world.clock.advance(hours=1)
        assert press(world, site).status in (200, 202)


def test_a_press_without_a_token_is_kept_for_the_next_tick(world: World) -> None:
    site = installed(world)
    world.clock.advance(hours=5)
    answer = press(world, site)
    assert (answer.status, answer.json()["reason"]) == (202, "WAITING_FOR_TOKEN")
    assert status(world, site)["state"] == "WAITING_FOR_TOKEN"
    world.told(site, "GENERATED")
    assert trigger(world, site, "MANUAL")["state"] == "COMPLETED"


def test_a_press_makes_what_is_due_before_it_too(world: World) -> None:
    site = installed(world)
    world.clock.advance(hours=12, minutes=1)
    world.platform.system_token(site, at=world.now())
    site.faults.append(Fault(FaultKind.SERVER_ERROR, path=PROJECTS, times=1))
    world.told(site, "GENERATION_FAILED", 202)
    world.clock.advance(minutes=31)
    answer = press(world, site)
    assert answer.json()["reason"] == "GENERATED"
    assert world.database.markers(site.cloud_id) == ["AUTO_12H", "MANUAL"]
