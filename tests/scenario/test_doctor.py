"""`firstry doctor`: each thing that can be wrong, with the command that mends it, and its exit."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from firstry.domain.instant import to_milliseconds
from firstry.insight.concern import concerns
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.command import command
from support.operator_call import operator
from support.postgres_rows import database_in
from support.postgres_service import new_service_database
from support.receiver import Receiver
from support.service import StillClock, World
from support.wire import until

DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A service that is well, at the present: `doctor` lives by the clock of its store."""
    now = datetime.now(UTC).replace(microsecond=0)
    database = database_in(tmp_path, request.param)
    with World(tmp_path, keys, clock=StillClock(now), database=database) as world:
        yield world


def _found(world: World, code: int = 1) -> dict[str, dict[str, str]]:
    ran = world.command("doctor", "--json")
    assert ran.code == code, ran
    findings = ran.json()["findings"]
    assert all(finding["message"] and finding["remedy"] for finding in findings)
    return {finding["code"]: finding for finding in findings}


def _ago(by: timedelta) -> int:
    return to_milliseconds(datetime.now(UTC) - by)


def test_a_service_that_is_well_exits_0(world: World) -> None:
    site = world.installed()
    world.tick(site)
    assert _found(world, 0) == {}
    ran = world.command("doctor")
    assert ran.out.endswith("nothing to mend\n")


def test_what_needs_attention_is_found_in_the_same_words(tmp_path: Path, keys: KeyRing) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
    with World(tmp_path, keys, clock=StillClock(began)) as world:
        sites = [world.installed(f"site{number}") for number in range(5)]
        world.clock.advance(hours=12)
        for site in sites:
            site.faults.append(Fault(FaultKind.UNAVAILABLE))
            world.told(site, "GENERATION_FAILED", 202)
        found = _found(world)
        world.clock.skip(10)
        attention = concerns(world.operators.watch.overview())
        assert (
            [each.code.value for each in attention]
            == list(found)
            == [
                "FAILURE_RATE",
                "FAILING_ALIKE",
            ]
        )
        for each in attention:
            mine = found[each.code.value]
            assert mine["message"] == f"{each.what}: {each.why}"
            assert mine["remedy"] == each.command
        words = found["FAILING_ALIKE"]["remedy"]
        assert words == (
            'firstry tenants retry --filter "error=JIRA_UNAVAILABLE state!=completed" '
            '--all-matching --reason "..."'
        )


def test_tokens_of_operators_that_have_ended_or_soon_will(world: World) -> None:
    for name, expires in (("soon", "3d"), ("later", "30d"), ("gone", "1s")):
        words = ("--name", name, "--role", "viewer", "--expires", expires)
        assert world.command("tokens", "create", *words).code == 0
    wait = until()
    while "API_TOKEN_EXPIRED" not in (found := _found(world)):
        wait.more("the end of a token")
    assert list(found) == ["API_TOKEN_ENDS_SOON", "API_TOKEN_EXPIRED"]
    assert "soon (viewer)" in found["API_TOKEN_ENDS_SOON"]["message"]
    ended = world.command(*found["API_TOKEN_EXPIRED"]["remedy"].split()[1:])
    assert ended.code == 0, ended
    assert list(_found(world)) == ["API_TOKEN_ENDS_SOON"]


def test_no_tick_for_hours(world: World) -> None:
    world.tick(world.installed())
    world.database.write(f"UPDATE tenant SET last_tick_at = {_ago(timedelta(hours=4))}")
    assert "no tick of any site came for 4 h" in _found(world)["TICKS_SILENT"]["message"]


def test_switches_that_were_forgotten(world: World) -> None:
    site = world.installed()
    turn = ("flags", "set", "manual", "off", "--reason", "case 17")
    assert world.command(*turn, "--tenant", site.cloud_id).code == 0
    assert _found(world, 0) == {}
    world.database.write(f"UPDATE flag SET changed_at = {_ago(31 * DAY)}")
    assert _found(world)["SWITCHED_OFF_LONG"]["remedy"] == "firstry flags list"
    assert world.command(*turn).code == 0
    found = _found(world)
    assert found["SWITCHED_OFF"]["remedy"] == 'firstry flags set manual on --reason "..."'


def test_a_bulk_job_that_was_left(tmp_path: Path, keys: KeyRing) -> None:
    """No service runs any more that could take it up."""
    with World(tmp_path, keys) as world:
        world.installed()
        caller = operator(world)
        ordered = caller.post("/bulk", act="pause", filter="", reason="x", expected_count=1)
        caller.finished(ordered.json()["job"]["job_id"])
        world.database.write("UPDATE bulk_job SET held_until = 0, ended_at = NULL")
    found = _found(world)
    assert found["BULK_STUCK"]["remedy"] == "firstry serve --role web"


def test_a_ledger_that_was_changed(world: World) -> None:
    site = world.installed()
    world.database.write("DROP TRIGGER ledger_is_written_once" + _on(world, "ledger"))
    is_sqlite = "sqlite" in world.database.url
    body = "CAST(body || ' ' AS BLOB)" if is_sqlite else r"body || '\x20'::bytea"
    world.database.write(f"UPDATE ledger SET body = {body}")
    found = _found(world)
    assert found["LEDGER_BROKEN"]["remedy"] == f"firstry evidence verify {site.cloud_id}"
    assert world.command(*found["LEDGER_BROKEN"]["remedy"].split()[1:]).code == 1


def test_a_webhook_that_takes_nothing(tmp_path: Path, keys: KeyRing) -> None:
    """The clock of the service ends up at the present, by which the command judges."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12, minutes=10)
    with (
        Receiver() as receiver,
        World(
            tmp_path,
            keys,
            clock=StillClock(began),
            ALERT_WEBHOOK_URL=receiver.url,
            ALERT_BACKOFF="10m",
        ) as world,
    ):
        receiver.status = 503
        site = world.installed()
        world.clock.advance(hours=12)
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.told(site, "GENERATION_FAILED", 202)
        for _ in range(3):
            world.clock.advance(minutes=2)
            world.alert_once()
        found = _found(world)
        assert list(found) == ["BACKOFF_LONG", "WEBHOOK_UNDELIVERED"]
        assert "s3cret-path" not in json.dumps(found)
        receiver.status = 204
        world.clock.advance(minutes=10)
        world.alert_once()
        assert list(_found(world)) == ["BACKOFF_LONG"]


def test_a_role_that_owns_the_tables(tmp_path: Path) -> None:
    place = new_service_database()
    for url, expected in ((place.url, []), (place.owner_url, ["ROLE_OWNS_TABLES"])):
        environ = {"FIRSTRY_DATABASE_URL": url}
        findings = command(tmp_path, environ, "doctor", "--json").json()["findings"]
        assert [f["code"] for f in findings if f["code"] != "SETTING_INVALID"] == expected


def test_settings_that_are_missing_are_a_finding(tmp_path: Path) -> None:
    ran = command(tmp_path, {}, "doctor", "--json")
    (finding,) = ran.json()["findings"]
    assert (ran.code, finding["code"]) == (1, "SETTING_INVALID")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_store_that_cannot_be_had_exits_6(tmp_path: Path, kind: str) -> None:
    (tmp_path / "none.db").write_bytes(b"no database" * 1000)
    url = f"sqlite:///{tmp_path}/none.db"
    if kind == "postgres":
        url = "postgresql://nobody@127.0.0.1:1/none"
    ran = command(tmp_path, {"FIRSTRY_DATABASE_URL": url}, "doctor", "--json")
    assert ran.code == 6, ran
    assert "STORE_UNAVAILABLE" in [finding["code"] for finding in ran.json()["findings"]]


def test_a_schema_that_is_behind_names_the_command(tmp_path: Path) -> None:
    place = new_service_database()
    environ = {"FIRSTRY_DATABASE_URL": place.url}
    with psycopg.connect(place.admin_url, autocommit=True) as connection:
        connection.execute(
            "DELETE FROM schema_migration "
            "WHERE version = (SELECT max(version) FROM schema_migration)"
        )
    ran = command(tmp_path, environ, "doctor", "--json")
    found = {finding["code"]: finding for finding in ran.json()["findings"]}
    assert (ran.code, "firstry db upgrade" in found["STORE_UNFIT"]["remedy"]) == (1, True)


def _on(world: World, table: str) -> str:
    return "" if "sqlite" in world.database.url else f" ON {table}"
