"""The manifest, docs/forge.md and the service name the same keys, routes, events and scopes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.routing import Route as WebRoute

from docs.code_name import resolved
from docs.manifest import PATH, manifest
from docs.page import code, codes, page
from firstry.config import READ_JIRA_WORK as DEFAULT_DATASETS
from firstry.config_value import parse_app_id
from firstry.domain.evidence import Dataset
from firstry.forge.jira import READ_JIRA_WORK, SOURCES
from firstry.forge.verifier import MODULE_KEYS
from firstry.ports.verifier import Route
from firstry.sim.platform_event import INSTALLED, UPGRADED
from firstry.web.remote.event import EventKind, parse_event
from firstry.wiring import build_service, build_web
from support.command import settings_of
from support.service import SECRETS, StillClock

PAGE = "docs/forge.md"
LONGEST_KEY = 23
PATHS = {Route.TICK: "/forge/tick", Route.LIFECYCLE: "/forge/lifecycle"} | {
    Route.UNINSTALL: "/forge/uninstall"
}


def _modules() -> dict[str, list[dict[str, Any]]]:
    modules: dict[str, list[dict[str, Any]]] = manifest()["modules"]
    return modules


def _endpoints() -> dict[str, dict[str, Any]]:
    return {endpoint["key"]: endpoint for endpoint in _modules()["endpoint"]}


def _callers() -> Iterator[tuple[str, str]]:
    """Yield each module that calls an endpoint, and the path that it calls."""
    for kind, modules in _modules().items():
        if kind != "endpoint":
            for module in modules:
                yield module["key"], _endpoints()[module["endpoint"]]["route"]["path"]


def test_each_route_is_called_with_the_keys_that_it_takes() -> None:
    keys: dict[str, set[str]] = {path: set() for path in PATHS.values()}
    for key, path in _callers():
        keys[path].add(key)
    for key, endpoint in _endpoints().items():
        keys[endpoint["route"]["path"]].add(key)
    assert keys == {PATHS[route]: set(taken) for route, taken in MODULE_KEYS.items()}


def test_each_path_of_the_manifest_is_a_route_of_the_service(tmp_path: Path) -> None:
    """The paths are compared with the application itself, not with a list of our own."""
    environ = {"FIRSTRY_FORGE_APP_ID": manifest()["app"]["id"], **SECRETS}
    service = build_service(settings_of(tmp_path, environ), StillClock())
    app, close = build_web(service, with_remote=True)
    served = {r.path for r in app.routes if isinstance(r, WebRoute) and "POST" in (r.methods or ())}
    close()
    service.close()
    assert {endpoint["route"]["path"] for endpoint in _endpoints().values()} <= served


def test_keys_are_unique_and_short() -> None:
    keys = [module["key"] for modules in _modules().values() for module in modules]
    keys += [remote["key"] for remote in manifest()["remotes"]]
    assert len(set(keys)) == len(keys)
    assert all(0 < len(key) <= LONGEST_KEY for key in keys)


def test_events_are_those_that_the_service_acts_on() -> None:
    kinds = set()
    for trigger in _modules()["trigger"]:
        for event in trigger["events"]:
            kinds.add(parse_event(json.dumps({"eventType": event}).encode()).kind)
    assert kinds == {EventKind.INSTALLED, EventKind.UPGRADED}
    assert {e for t in _modules()["trigger"] for e in t["events"]} == {INSTALLED, UPGRADED}


def test_the_schedule_brings_a_token_every_hour() -> None:
    [trigger] = _modules()["scheduledTrigger"]
    assert trigger["interval"] == "hour"
    assert _endpoints()[trigger["endpoint"]]["auth"]["appSystemToken"]["enabled"] is True


def test_scopes_are_those_of_the_default_datasets() -> None:
    scopes = manifest()["permissions"]["scopes"]
    needed = {source.scope for source in SOURCES if source.dataset in DEFAULT_DATASETS}
    assert needed == {READ_JIRA_WORK}
    assert sorted(scopes) == sorted([*needed, "read:app-system-token"])


def test_the_remote_is_reached_over_https_alone() -> None:
    [remote] = manifest()["remotes"]
    url = urlsplit(remote["baseUrl"])
    assert (url.scheme, url.path) == ("https", "")
    assert {endpoint["remote"] for endpoint in _endpoints().values()} == {remote["key"]}


def test_the_app_has_an_id_and_a_runtime() -> None:
    app = manifest()["app"]
    assert parse_app_id(app["id"])
    assert app["runtime"]["name"].startswith("nodejs")


def test_the_page_tells_the_modules_of_the_manifest() -> None:
    told = {(code(row[1]), code(row[2])) for row in page(PAGE).table("module", "key").rows}
    callers = [m for kind, ms in _modules().items() if kind != "endpoint" for m in ms]
    calls = {(module["key"], module["endpoint"]) for module in callers}
    routes = {(key, endpoint["route"]["path"]) for key, endpoint in _endpoints().items()}
    assert told == calls | routes
    assert f"]({'../' + PATH})" in page(PAGE).text


def test_the_page_tells_the_keys_of_each_route() -> None:
    told = {code(row[0]): codes(row[1]) for row in page(PAGE).table("route", "keys").rows}
    assert told == {PATHS[route]: sorted(keys) for route, keys in MODULE_KEYS.items()}


def test_the_page_tells_every_request_to_jira() -> None:
    rows = page(PAGE).table("dataset", "request", "scope").rows
    told = [(row[0], code(row[1]), code(row[2])) for row in rows]
    assert told == [(s.dataset.value, s.request, s.scope) for s in SOURCES]
    assert {dataset for dataset, _, _ in told} == set(Dataset) - {Dataset.AUTOMATION_RULES}


@pytest.mark.parametrize("header", [("fact", "held in"), ("answer", "taken as", "held in")])
def test_every_fact_names_where_it_is_held(header: tuple[str, ...]) -> None:
    tables = [table for table in page(PAGE).tables() if table.header == header]
    assert tables
    for table in tables:
        for cell in table.column("held in"):
            assert codes(cell)
            for name in codes(cell):
                assert resolved(name) is not None
