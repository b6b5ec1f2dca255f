"""The disk is full at every single write of a claim and its settlement (T8).

A first run counts the writes; then one run for each of them finds the disk full
from there on. Every answer is JSON, in time and honest; what is stored is the
state before or after, never between; and with space again the report comes, in
the same process, for no more than the attempt that was spent.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firstry.domain.errors import StoreUnavailable
from firstry.domain.ledger import OPERATOR
from firstry.domain.record import Order
from firstry.lifecycle.erase import erase
from firstry.lifecycle.pause import switching
from firstry.scheduler.attempt import Parts
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.sqlite.connection import connect
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.crash_disk import SmallDisk
from support.crash_yard import raw_breaches
from support.domain import TENANT, at, complete, install, known
from support.service import World
from support.wire import Answer, exchange

ANSWER_SECONDS = 5.0
NOTHING = "SELECT count(*) FROM tenant"
"""Makes a connection that stays open beside the service: then no other one is the last to
close, and none writes the log back while closing. What SQLite itself overlooks there, an
error of a VFS in Python would interrupt."""


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with SmallDisk() as disk:
        yield disk


def impatient(parts: Parts) -> Parts:
    """Return the parts of a service that does not wait between two tries to settle."""
    return replace(parts, sleep=lambda _: None)


@pytest.fixture
def world(tmp_path: Path, keys: KeyRing, disk: SmallDisk) -> Iterator[World]:
    with World(tmp_path, keys, refit=impatient) as world, world.database.connected() as beside:
        beside.execute(NOTHING)
        yield world
        disk.fill_after(None)
        assert world.breaches() == []
        assert raw_breaches(world.database) == []


def due(world: World) -> JiraSite:
    """Return a site whose first report is due."""
    site = world.installed()
    world.clock.advance(hours=12)
    return site


def milestone(world: World, site: JiraSite) -> dict[str, Any]:
    return world.database.milestone(site.cloud_id, "AUTO_12H")


def is_fault(answer: Answer) -> None:
    """Require the answer of a scheduler that cannot work: soon, and JSON."""
    assert (answer.status, answer.json()["error_code"]) == (500, "SCHEDULER_ERROR"), answer.body
    assert answer.elapsed < ANSWER_SECONDS


def test_the_disk_is_full_at_every_write_of_claim_and_settle(
    tmp_path: Path, keys: KeyRing, disk: SmallDisk
) -> None:
    writes, states = 0, []
    while True:
        folder = tmp_path / str(writes)
        folder.mkdir()
        with World(folder, keys, refit=impatient) as world, world.database.connected() as beside:
            site = due(world)
            beside.execute(NOTHING)
            disk.fill_after(writes)
            answer = world.tick(site)
            is_through = not disk.refused
            disk.fill_after(None)
            if is_through:
                assert answer.json()["reason"] == "GENERATED"
                break
            is_fault(answer)
            states.append(stopped_whole(world, site))
            goes_on(world, site)
        writes += 1
    assert set(states) == {"scheduled", "claimed"}
    assert states == sorted(states, reverse=True)


def stopped_whole(world: World, site: JiraSite) -> str:
    """Require the state before the claim or after it, and return it."""
    row = milestone(world, site)
    assert world.database.count("report") == world.database.count("marker") == 0
    kinds = world.database.kinds(site.cloud_id)
    if row["state"] == "scheduled":
        assert (row["attempts"], row["fence"], kinds) == (0, 0, ["INSTALLED"])
    else:
        assert (row["attempts"], row["fence"], kinds) == (1, 1, ["INSTALLED", "CLAIMED"])
    return str(row["state"])


def goes_on(world: World, site: JiraSite) -> None:
    """Require that the report comes, without a restart and with no attempt but the spent one."""
    spent = milestone(world, site)["attempts"]
    if spent:
        assert world.told(site, "CLAIMED_ELSEWHERE")["attempt_count"] == 1
        world.clock.advance(minutes=35)
    assert world.told(site, "GENERATED")["attempt_count"] == spent + 1
    assert world.breaches() == []
    assert raw_breaches(world.database) == []


def test_an_installation_that_finds_the_disk_full_is_recorded_when_it_is_told_again(
    world: World, disk: SmallDisk
) -> None:
    site = world.site()
    disk.fill_after(0)
    is_fault(world.install(site))
    assert world.database.count("tenant") == 0
    disk.fill_after(None)
    assert world.install(site).json()["reason"] == "INSTALLATION_RECORDED"


def test_a_full_disk_takes_nothing_from_what_was_completed(world: World, disk: SmallDisk) -> None:
    """I3: reading goes on; only what has to be written is refused."""
    site = due(world)
    report_id = world.told(site, "GENERATED")["report_id"]
    disk.fill_after(0)
    assert world.told(site, "DONE_KEY_EXISTS")["report_id"] == report_id
    world.clock.advance(hours=12)
    is_fault(world.tick(site))
    assert world.command("reports", "show", report_id, "--json").code == 0
    disk.fill_after(None)
    world.told(site, "GENERATED")
    assert world.database.markers(site.cloud_id) == ["AUTO_12H", "AUTO_24H"]


def test_a_full_disk_keeps_the_service_alive_and_answering(world: World, disk: SmallDisk) -> None:
    """I12: many ticks in a row, each refused in time, none of them charged."""
    site = due(world)
    disk.fill_after(0)
    for _ in range(20):
        is_fault(world.tick(site))
    alive = exchange(world.door.port, "GET", "/healthz")
    assert (alive.status, json.loads(alive.body)) == (200, {"status": "ok"})
    disk.fill_after(None)
    assert world.told(site, "GENERATED")["attempt_count"] == 1


def test_an_erasure_on_a_full_disk_is_refused_or_done(tmp_path: Path, disk: SmallDisk) -> None:
    """Also where only the log cannot be emptied any more: what was erased stands, and is told."""
    writes, ends = 0, []
    ordered = Order("case 4711", OPERATOR, at(13))
    while True:
        path = tmp_path / f"{writes}.db"
        upgrade(path)
        store = SqliteStore(path)
        install(store)
        complete(store, at(12))
        store.transact(TENANT, at(13), switching(TENANT, ordered, to_pause=True))
        beside = connect(path)
        beside.execute(NOTHING)
        disk.fill_after(writes)
        try:
            is_told = not erase(store, TENANT, ordered).is_repeat
        except StoreUnavailable:
            is_told = False
        is_through = not disk.refused
        disk.fill_after(None)
        assert (known(store).erasure is not None) is is_told
        store.close()
        beside.close(True)
        if is_through:
            break
        ends.append(is_told)
        writes += 1
    assert ends == sorted(ends)
    assert set(ends) == {False, True}
