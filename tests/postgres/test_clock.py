"""T9, I14: the clock of the PostgreSQL server decides; a wrong one is told, nothing is early."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql

from firstry.domain.errors import StoreUnavailable
from firstry.domain.instant import iso, parse_instant
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.postgres.clock import DatabaseClock
from firstry.stores.sql.postgres.store import PostgresDatabase
from postgres.deployment import Deployment, now
from postgres.server_time import ServerTime, lie
from support.postgres import Cluster
from support.postgres_rows import PostgresRows
from support.postgres_service import ServiceDatabase, new_service_database
from support.service import World
from support.wire import exchange, until

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
SOON = timedelta(seconds=30)
"""How far two readings lie apart at most, with all the time between them in a slow test."""
OFTEN_SECONDS = 0.1
"""How often the clock is measured here, so that no test has to wait for half a minute."""
ZONES = (
    "America/St_Johns",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)


@pytest.mark.parametrize("by", [HOUR, -HOUR, YEAR, -YEAR], ids=["+1h", "-1h", "+1y", "-1y"])
def test_a_process_with_a_wrong_clock_does_what_a_right_one_does(
    deployment: Deployment, by: timedelta
) -> None:
    """Nothing early, nothing late, every instant that of the server; commands likewise."""
    wrong = lie(deployment.folder / "lie", by)
    serving = deployment.serve(environ=wrong)
    due, early = deployment.due_site("due"), deployment.due_site("early", hours=11.9)
    answer = deployment.tick(serving, due)
    own_time = parsedate_to_datetime(answer.headers["date"])
    assert abs(own_time - now() - by) < SOON, "the process was not misled"
    assert answer.json()["reason"] == "GENERATED", answer.body
    assert abs(parse_instant(answer.json()["timestamp"]) - now()) < SOON
    assert deployment.reason(serving, early) == "NOT_DUE"
    for column, table in (("completed_at", "marker"), ("last_tick_at", "tenant")):
        row = deployment.rows(f"SELECT max({column}) AS at FROM {table}")[0]
        assert abs(row["at"] / 1000 - now().timestamp()) < SOON.total_seconds()
    assert {abs(parse_instant(e["ts"]) - now()) < SOON for e in serving.events} == {True}
    assert deployment.ready(serving).status == 200
    doctor = deployment.program("doctor", **wrong)
    assert doctor.code == 0, doctor
    added = deployment.program("tenants", "pause", due.cloud_id, "--reason", "a test", **wrong)
    assert added.code == 0, added
    row = deployment.rows("SELECT paused_at FROM tenant WHERE paused_at IS NOT NULL")[0]
    assert abs(row["paused_at"] / 1000 - now().timestamp()) < SOON.total_seconds()


@pytest.fixture
def time(newest_database: ServiceDatabase) -> ServerTime:
    """A database whose server's clock can be set."""
    return ServerTime(newest_database)


@pytest.fixture
def clock(time: ServerTime) -> Iterator[DatabaseClock]:
    """A clock that follows the server."""
    database = PostgresDatabase(time.database.url)
    clock = DatabaseClock(database, measure_seconds=OFTEN_SECONDS)
    yield clock
    clock.close()
    database.close()


@pytest.fixture
def world(time: ServerTime, clock: DatabaseClock, tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A service that follows the server's clock, as its platform does."""
    rows = PostgresRows(tmp_path / "none.db", time.database)
    with World(tmp_path, keys, real_clock=clock, database=rows) as world:
        yield world


def _due(world: World, name: str, hours: float) -> JiraSite:
    site = world.site(name)
    at = iso(now() - timedelta(hours=hours))
    words = ("--installed-at", at, "--reason", "a test")
    assert world.command("tenants", "add", site.cloud_id, *words).code == 0
    return site


def _wait_for(clock: DatabaseClock, ahead: timedelta) -> None:
    wait = until()
    while abs(clock.now() - now() - ahead) > timedelta(seconds=5):
        wait.more("the clock to follow its server")


def _claims(world: World) -> list[dict[str, object]]:
    return [*world.database.rows("SELECT * FROM milestone ORDER BY cloud_id, trigger_name")]


def _is_alarmed(world: World) -> bool:
    ready = exchange(world.door.port, "GET", "/readyz")
    doctor = world.command("doctor", "--json").json()
    found = [finding["code"] for finding in doctor["findings"]]
    checks = ready.json()["checks"]
    assert (ready.status == 503) == ("CLOCK_BEHIND" in found) == (checks["clock"] != "ok")
    return ready.status == 503


def test_a_server_whose_clock_steps_back_claims_nothing_and_says_so(
    world: World, clock: DatabaseClock, time: ServerTime
) -> None:
    first, second = _due(world, "first", 13), _due(world, "second", 13)
    world.told(first, "GENERATED")
    assert not _is_alarmed(world)
    time.step(-HOUR)
    _wait_for(clock, -HOUR)
    before = _claims(world)
    for _ in range(3):
        assert world.tick(second).status == 500
        world.worker_once()
    assert not second.requests
    assert _claims(world) == before
    assert _is_alarmed(world)
    time.step(timedelta())
    _wait_for(clock, timedelta())
    assert not _is_alarmed(world)
    world.told(second, "GENERATED")
    assert world.breaches() == []


def test_a_server_that_was_an_hour_ahead_is_behind_its_own_store(
    world: World, clock: DatabaseClock, time: ServerTime
) -> None:
    """What it did in that hour stays; the mark can be lowered by hand, and all goes on."""
    hasty, later = _due(world, "hasty", 11.5), _due(world, "later", 11.5)
    world.told(hasty, "NOT_DUE")
    time.step(HOUR)
    _wait_for(clock, HOUR)
    world.told(hasty, "GENERATED")
    time.step(timedelta())
    _wait_for(clock, timedelta())
    assert world.tick(later).status == 500
    assert not later.requests
    assert _is_alarmed(world)
    with psycopg.connect(time.database.owner_url) as owner:
        lowered = owner.execute(
            "UPDATE store_clock SET high_water_at = extract(epoch FROM clock_timestamp()) * 1000 "
            "WHERE high_water_at > extract(epoch FROM clock_timestamp()) * 1000"
        )
        assert lowered.rowcount == 1
    assert not _is_alarmed(world)
    world.told(later, "NOT_DUE")
    world.worker_once()
    assert len(world.database.reports(hasty.cloud_id)) == 1
    assert world.database.reports(later.cloud_id) == []


def test_a_slow_answer_is_not_believed(clock: DatabaseClock, time: ServerTime) -> None:
    """It says when it was asked or when it answered, and nobody knows which."""
    time.step(HOUR)
    time.pause(1.2)
    wait = until(4)
    begun = clock.monotonic()
    while clock.monotonic() - begun < 3:
        assert abs(clock.now() - now()) < timedelta(seconds=5)
        wait.more("more measurements")
    database = PostgresDatabase(time.database.url)
    with pytest.raises(StoreUnavailable, match="too long"):
        DatabaseClock(database)
    database.close()
    time.pause(0)
    _wait_for(clock, HOUR)


def test_the_clock_runs_on_while_the_server_is_away(cluster: Cluster) -> None:
    """With its last offset; and follows the server as soon as that is back."""
    time = ServerTime(new_service_database(cluster=cluster))
    time.step(HOUR)
    database = PostgresDatabase(time.database.url)
    clock = DatabaseClock(database, measure_seconds=OFTEN_SECONDS)
    cluster.stop("immediate")
    begun = clock.now()
    wait = until()
    while clock.now() - begun < timedelta(seconds=1):
        wait.more("time to pass")
    assert abs(clock.now() - now() - HOUR) < timedelta(seconds=5)
    cluster.start()
    time.step(2 * HOUR)
    _wait_for(clock, 2 * HOUR)
    clock.close()
    database.close()


@pytest.mark.parametrize("zone", ZONES)
def test_no_time_zone_has_an_effect(deployment: Deployment, zone: str) -> None:
    """Neither that of the server's role, nor that of the process."""
    named = sql.Identifier(deployment.database.name)
    deployment.database.cluster.run(
        sql.SQL("ALTER DATABASE {} SET timezone = {}").format(named, sql.Literal(zone))
    )
    serving = deployment.serve(environ={"TZ": zone, "PGTZ": zone})
    due, early = deployment.due_site("due"), deployment.due_site("early", hours=11.9)
    answer = deployment.tick(serving, due).json()
    assert answer["reason"] == "GENERATED"
    assert abs(parse_instant(answer["timestamp"]) - now()) < SOON
    assert deployment.reason(serving, early) == "NOT_DUE"


def _changes(zone: str, year: int) -> list[datetime]:
    """Return the hours of a year in which the clocks of a zone are changed."""
    start, here = datetime(year, 1, 1, tzinfo=UTC), ZoneInfo(zone)
    hours = [start + timedelta(hours=hour) for hour in range(366 * 24)]
    return [
        hour
        for hour in hours
        if hour.astimezone(here).utcoffset() != (hour + HOUR).astimezone(here).utcoffset()
    ]


def test_no_change_of_clocks_has_an_effect(time: ServerTime) -> None:
    """To the millisecond, on both sides of every change of a year in six zones."""
    cluster, seen = time.database.cluster, 0
    for zone in ZONES:
        cluster.run(
            sql.SQL("ALTER DATABASE {} SET timezone = {}").format(
                sql.Identifier(time.database.name), sql.Literal(zone)
            )
        )
        database = PostgresDatabase(time.database.url)
        steps = (timedelta(milliseconds=-1), timedelta(), HOUR - timedelta(milliseconds=1), HOUR)
        for change, step in product(_changes(zone, 2026), steps):
            time.fix(change + step)
            clock = DatabaseClock(database, monotonic=lambda: 7.0)
            assert clock.now() == change + step
            clock.close()
            seen += 1
        database.close()
    assert seen == 32
