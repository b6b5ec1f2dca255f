"""`/health/detail` over real HTTP: each part says what it is, and what is wrong with it."""

from pathlib import Path
from typing import Any

from firstry.domain.access import Role
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.migration import migrations
from support.call import TICK
from support.command import command
from support.operator_call import Operator, nobody, operator, refused
from support.process import Fleet
from support.service import World
from support.wire import exchange

PATH = "/health/detail"


def _seen(who: Operator) -> dict[str, Any]:
    return who.got(PATH)


def _says(seen: dict[str, Any]) -> dict[str, str]:
    return {name: part["says"] for name, part in seen["parts"].items()}


def test_a_service_that_is_well(world: World) -> None:
    world.told(world.installed(), "NOT_DUE")
    world.pulse.beat()
    seen = _seen(operator(world, Role.VIEWER))
    assert set(_says(seen).values()) == {"ok"}
    assert (seen["status"], seen["at"]) == ("ok", "2026-03-01T09:00:00.000Z")
    parts = seen["parts"]
    names = [step.name for step in migrations()]
    assert (parts["schema"]["head"], parts["schema"]["applied"]) == (names[-1], names)
    assert parts["store"]["product"].startswith("SQLite 3.")
    connections = parts["store"]["connections"]
    assert 0 <= connections["in_use"] <= connections["open"] <= connections["most"] == 8
    assert parts["clock"]["high_water_at"] == "2026-03-01T09:00:00.000Z"
    assert parts["worker"]["silent_seconds"] >= 0
    assert (parts["ticks"]["last_at"], parts["ticks"]["seconds_ago"]) == (
        "2026-03-01T09:00:00.000Z", 0,
    )  # fmt: skip
    assert seen["versions"].keys() == {"firstry", "python"}


def test_what_needs_attention_is_named_as_in_the_alerts(world: World) -> None:
    site = world.installed()
    who = operator(world, Role.VIEWER)
    world.clock.advance(hours=12)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.told(site, "GENERATION_FAILED", 202)
    world.clock.advance(hours=12)
    world.clock.skip(10)
    seen = _seen(who)
    attention = [each["code"] for each in who.got("/health")["attention"]]
    assert "TICKS_SILENT" in attention
    assert (seen["status"], seen["parts"]["alerts"]["codes"]) == ("attention", attention)
    assert "see whether Forge reaches the service" in seen["parts"]["ticks"]["says"]
    assert seen["parts"]["ticks"]["seconds_ago"] == 12 * 3600


def test_a_clock_that_stepped_back_and_a_worker_that_hangs(world: World) -> None:
    who = operator(world, Role.VIEWER)
    world.installed()
    world.pulse.beat()
    world.clock.advance(minutes=-10)
    world.clock.skip(100)
    seen = _seen(who)
    ready = exchange(world.door.port, "GET", "/readyz").json()["checks"]
    assert seen["status"] == "not ready"
    assert "behind the store" in seen["parts"]["clock"]["says"]
    assert "start the process anew" in seen["parts"]["worker"]["says"]
    assert {
        name: says for name, says in _says(seen).items() if name in ready
    }.keys() == ready.keys()
    assert seen["parts"]["clock"]["says"] == ready["clock"], "one source for both"


def test_a_process_without_a_worker_says_so_and_is_ready(world: World) -> None:
    seen = _seen(operator(world, Role.VIEWER))
    assert seen["parts"]["worker"] == {
        "says": "there is none in this process", "silent_seconds": None,
    }  # fmt: skip
    assert seen["status"] == "ok"


def test_a_schema_that_is_behind_is_told(world: World) -> None:
    who = operator(world, Role.VIEWER)
    newest = migrations()[-1]
    with world.database.connected() as beside:
        beside.execute("DELETE FROM schema_migration WHERE version = ?", (newest.version,))
    seen = _seen(who)
    assert seen["status"] == "not ready"
    assert "firstry db upgrade" in seen["parts"]["schema"]["says"]
    assert seen["parts"]["schema"]["head"] == newest.name not in seen["parts"]["schema"]["applied"]
    assert seen["parts"]["ticks"]["says"] == "not checked"


def test_it_is_for_who_has_a_token_and_names_no_tenant(world: World) -> None:
    site = world.installed()
    refused(nobody(world).get(PATH), 401, "API_TOKEN_INVALID")
    who = operator(world, Role.VIEWER)
    refused(who.send("POST", PATH, {}), 405, "METHOD_NOT_ALLOWED")
    refused(who.get(f"{PATH}?x=1"), 400, "FIELD_INVALID")
    answer = who.get(PATH)
    assert site.cloud_id.encode() not in answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert TICK.path.encode() not in answer.body


def test_a_store_that_is_away_is_a_problem(world: World) -> None:
    who = operator(world, Role.VIEWER)
    away = world.path.with_name("away.db")
    world.path.rename(away)
    refused(who.get(PATH), 503, "STORE_UNAVAILABLE")
    away.rename(world.path)
    assert who.get(PATH).status == 200


def test_a_worker_tells_of_itself_and_serves_nothing_else(tmp_path: Path, keys: KeyRing) -> None:
    with Fleet(tmp_path, keys) as fleet:
        serving = fleet.serve("worker")
        assert exchange(serving.port, "GET", "/readyz").json()["checks"]["worker"] == "ok"
        made = command(fleet.folder, fleet.environ, "tokens", "create", "--name", "v", "--role",
                       "viewer", "--json")  # fmt: skip
        who = Operator(serving.port, made.json()["token"])
        assert _seen(who)["parts"]["worker"]["says"] == "ok"
        refused(Operator(serving.port, None).get(PATH), 401, "API_TOKEN_INVALID")
        assert who.get("/tenants").status == 404
        assert who.get("/openapi.json").status == 404
        serving.stop()
