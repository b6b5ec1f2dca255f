"""Text that one engine could keep and the other could not is the same to both.

PostgreSQL takes no NUL, and neither takes half a surrogate pair. Each text goes
into every place from which text reaches a store, once over SQLite and once over
PostgreSQL: answers and rows are compared, and nothing of it is a fault.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_event import installed_event, upgraded_event
from firstry.sim.platform_key import JSONObject, KeyRing
from support.call import INSTALL, TICK, UNINSTALL, UPGRADE, Endpoint
from support.postgres_rows import database_in
from support.service import World

TEXTS: Mapping[str, str] = {
    "NUL": "\x00",
    "NUL inside": "1.0\x00.2",
    "high surrogate": "1.0\ud800",
    "low surrogate": "\udfff1",
    "escape": "\x1b[31m1.0",
    "delete": "1\x7f0",
    "right to left": "1\u202e0",
    "line separator": "1\u20280",
    "no character": "1\ufffe0",
    "blank": " ",
    "quotes": "1'; DROP TABLE tenant; --",
    "placeholders": "%s %(now)s :now $1 ?",
    "backslashes": "\\x00 \\u0000 \\",
    "braces": '{"a": [1,2]}',
    "commas": ",a,b,",
    "NULL": "NULL",
    "outside of the plane": "\U0001f600" * 8,
    "combined": "e\u0301" * 16,
    "longest": "\u00e9" * 64,
    "too long": "\u00e9" * 65,
    "far too long": "1" * 100_000,
}
ENGINES = ("sqlite", "postgres")
KEPT = "SELECT installation_id, app_version, uninstalled_at FROM tenant WHERE cloud_id = ?"


@pytest.fixture(scope="module")
def worlds(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> Iterator[tuple[World, World]]:
    """The same service over both engines; both platforms hand out the same ids."""
    with ExitStack() as stack:
        made = []
        for engine in ENGINES:
            folder: Path = tmp_path_factory.mktemp(engine)
            world = World(folder, keys, database=database_in(folder, engine))
            made.append(stack.enter_context(world))
        yield made[0], made[1]
        assert [world.breaches() for world in made] == [[], []]


def _said(world: World, site: JiraSite, endpoint: Endpoint, body: JSONObject, **token: Any) -> Any:
    answer = world.door.invoke(site, endpoint, body, at=world.now(), **token)
    assert answer.status in (200, 202, 400, 401), answer.body
    return answer.status, {**answer.json(), "cloudId": None}


def _with_version(event: JSONObject, text: str) -> JSONObject:
    app = event.get("app")
    assert isinstance(app, dict)
    return event | {"app": app | {"version": text}}


def _story(world: World, text: str) -> list[Any]:
    """Deliver everything that can carry `text`; return all that was answered and kept."""
    site = world.site()
    said = [_said(world, site, INSTALL, _with_version(installed_event(site), text))]
    said.append(_said(world, site, UPGRADE, _with_version(upgraded_event(site), "9" + text)))
    said.append(world.database.rows(KEPT, site.cloud_id))
    for place in ("cloudId", "context", "reason", "eventType"):
        said += [_said(world, site, route, {place: text}) for route in (TICK, INSTALL, UNINSTALL)]

    def renamed(claims: JSONObject) -> None:
        app = claims["app"]
        assert isinstance(app, dict)
        app["installationId"] = f"ari:cloud:ecosystem::installation/{text}"

    for route in (INSTALL, UNINSTALL, INSTALL):
        event = installed_event(site) if route is INSTALL else {}
        said.append(_said(world, site, route, event, claims=renamed))
        said.append(world.database.rows(KEPT, site.cloud_id))
    return said


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_the_same_to_both_engines(worlds: tuple[World, World], name: str) -> None:
    sqlite, postgres = (_story(world, TEXTS[name]) for world in worlds)
    assert sqlite == postgres


@pytest.mark.parametrize("name", ["NUL inside", "high surrogate", "escape", "right to left"])
def test_what_no_store_can_keep_is_left_out_and_not_refused(
    worlds: tuple[World, World], name: str
) -> None:
    """The event itself counts: an installation is recorded, without the text."""
    for world in worlds:
        site = world.site()
        status, body = _said(
            world, site, INSTALL, _with_version(installed_event(site), TEXTS[name])
        )
        assert (status, body["reason"]) == (200, "INSTALLATION_RECORDED")
        assert world.database.rows(KEPT, site.cloud_id)[0]["app_version"] is None


@pytest.mark.parametrize("kind", [FaultKind.GARBAGE, FaultKind.TRUNCATED, FaultKind.SERVER_ERROR])
def test_what_jira_says_reaches_both_engines_alike(
    worlds: tuple[World, World], kind: FaultKind
) -> None:
    found = []
    for world in worlds:
        site = world.installed()
        site.faults.append(Fault(kind))
        world.clock.advance(hours=12)
        found.append(_said(world, site, TICK, {})[1]["reason"])
        found.append(
            world.database.rows(
                "SELECT error_code, error_message FROM milestone WHERE cloud_id = ? "
                "AND error_code IS NOT NULL",
                site.cloud_id,
            )
        )
    assert found[:2] == found[2:]
    assert found[1], "nothing failed"


@pytest.mark.parametrize("name", TEXTS)
def test_a_word_of_an_operator_is_taken_or_refused_alike(
    worlds: tuple[World, World], name: str
) -> None:
    """No program can be handed a NUL; every other text comes as it is."""
    found = []
    for world in worlds:
        site = world.installed()
        ran = [
            world.command("tenants", "pause", site.cloud_id, "--reason", TEXTS[name]),
            world.command("tenants", "resume", site.cloud_id, "--reason", TEXTS[name]),
            world.command("tenants", "show", TEXTS[name]),
            world.command("reports", "show", TEXTS[name]),
            world.command("reports", "list", "--after", TEXTS[name]),
        ]
        found.append([(each.code, each.err) for each in ran])
        assert all(each.code in (0, 2, 3, 5) for each in ran), ran
    assert found[0] == found[1]
