"""I9, T12: three tenants on every route of Forge, each naming the others, with PostgreSQL below."""

import json
from collections.abc import Iterator
from itertools import permutations

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.platform_event import installed_event, upgraded_event
from firstry.sim.platform_key import JSONObject, KeyRing
from support.call import INSTALL, TICK, UNINSTALL, UPGRADE, Endpoint, headers_of
from support.jira_page import EVERY_ROUTE, FORMATS, GENERATE, installed, visit
from support.postgres_rows import database_in
from support.service import World

NAMES = ("anna", "ben", "cleo")
PAIRS = list(permutations(range(3), 2))
ROUTES = {"tick": TICK, "install": INSTALL, "upgrade": UPGRADE, "uninstall": UNINSTALL}
OWN_TABLES = ("tenant", "token", "milestone", "report", "marker", "ledger")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[World]:
    """A service on PostgreSQL, whose tables have three sites with a report and a due one each."""
    folder = tmp_path_factory.mktemp("three")
    with World(folder, keys, database=database_in(folder, "postgres")) as world:
        yield world
        assert world.breaches() == []


@pytest.fixture(scope="module")
def sites(world: World) -> list[JiraSite]:
    """The three sites, their first report made."""
    sites = [installed(world, name) for name in NAMES]
    world.clock.advance(hours=12, minutes=7)
    for site in sites:
        world.told(site, "GENERATED")
    return sites


def _rows_of(world: World, site: JiraSite) -> dict[str, list[dict[str, object]]]:
    return {
        table: world.database.rows(
            f"SELECT * FROM {table} WHERE cloud_id = ? ORDER BY 1, 2, 3, 4",
            site.cloud_id,
        )
        for table in OWN_TABLES
    }


def _named(endpoint: Endpoint, own: JiraSite, foreign: JiraSite, place: str) -> JSONObject:
    """Return what the platform would send for `own`, with `foreign` named in one place."""
    events = {INSTALL: installed_event, UPGRADE: upgraded_event}
    body = dict(events[endpoint](own)) if endpoint in events else {}
    if place == "body":
        return body | {"cloudId": foreign.cloud_id}
    if place == "payload":
        return body | {"payload": body | {"cloudId": foreign.cloud_id}}
    if place == "context":
        return body | {"context": {"cloudId": foreign.cloud_id}}
    return body | {"context": f"ari:cloud:jira::site/{foreign.cloud_id}"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{NAMES[pair[0]]} names {NAMES[pair[1]]}")
@pytest.mark.parametrize("route", ROUTES)
def test_a_call_that_names_another_tenant_does_nothing(
    world: World, sites: list[JiraSite], route: str, pair: tuple[int, int]
) -> None:
    own, foreign = sites[pair[0]], sites[pair[1]]
    before = [_rows_of(world, site) for site in sites]
    for place in ("body", "payload", "context", "site ARI"):
        body = _named(ROUTES[route], own, foreign, place)
        answer = world.door.invoke(own, ROUTES[route], body, at=world.now())
        assert answer.status == 400, (place, answer.body)
        assert foreign.cloud_id not in answer.body.decode()
    assert [_rows_of(world, site) for site in sites] == before


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{NAMES[pair[0]]} as {NAMES[pair[1]]}")
def test_a_call_changes_and_shows_its_own_tenant_only(
    world: World, sites: list[JiraSite], pair: tuple[int, int]
) -> None:
    """Every route in turn, with the other tenant's system token beside the own invocation."""
    own, foreign = sites[pair[0]], sites[pair[1]]
    others = [site for site in sites if site is not own]
    before = [_rows_of(world, site) for site in others]
    asked = len(foreign.requests)
    for endpoint in (TICK, INSTALL, UPGRADE, UNINSTALL, INSTALL):
        token = world.platform.invocation_token(own, endpoint.module, at=world.now())
        system = world.platform.system_token(foreign, at=world.now())
        body = json.dumps(_named(endpoint, own, own, "body")).encode()
        answer = world.door.send(endpoint, headers_of(token, system), body)
        assert answer.status in (200, 202, 400, 401), answer.body
        assert foreign.cloud_id not in answer.body.decode()
    assert [_rows_of(world, site) for site in others] == before
    assert len(foreign.requests) == asked


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{NAMES[pair[0]]} asks {NAMES[pair[1]]}")
def test_a_page_shows_no_report_of_another_tenant(
    world: World, sites: list[JiraSite], pair: tuple[int, int]
) -> None:
    own, foreign = sites[pair[0]], sites[pair[1]]
    theirs = world.database.rows("SELECT * FROM report WHERE cloud_id = ?", foreign.cloud_id)
    report_id, digest = theirs[0]["report_id"], theirs[0]["digest"]
    others = [_rows_of(world, site) for site in sites if site is not own]
    page = visit(world, own)
    for path in EVERY_ROUTE:
        for name in FORMATS if path.endswith("download") else ("json",):
            wanted = {"report_id": report_id, "format": name, "cloudId": foreign.cloud_id}
            body = json.dumps({"cloudId": foreign.cloud_id}).encode() if path == GENERATE else None
            answer = page.call(path, body=body, **wanted)
            for secret in (foreign.cloud_id, digest, foreign.name):
                assert secret not in answer.body.decode(), (path, name)
            if path.endswith(("report", "download")):
                assert answer.status == 404, (path, answer.body)
    assert [_rows_of(world, site) for site in sites if site is not own] == others
