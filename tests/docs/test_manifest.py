"""The manifest keeps our own rules, and each of them does reject."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route as WebRoute

from docs.manifest import manifest
from docs.manifest_rule import PATHS, Manifest, faults
from docs.page import source_of
from firstry.wiring.service import build_service
from firstry.wiring.web import build_web
from support.command import settings_of
from support.service import SECRETS, StillClock

SENT = re.compile(r"(read|ask)<\w+>\(([A-Z_]+)[,)]")
APP = "forge-app"


def test_nothing_is_wrong_with_it() -> None:
    assert faults(manifest()) == []


def _at(found: Manifest, *place: str | int) -> Any:
    value: Any = found
    for each in place:
        value = value[each]
    return value


WRONG: list[tuple[str, tuple[str | int, ...], str, object, str]] = [
    ("a key", ("modules", "trigger", 0), "key", "on-install", "does not take it"),
    ("a key twice", ("modules", "trigger", 0), "key", "on-upgraded", "stands twice"),
    ("a long key", ("modules", "jira:adminPage", 0), "key", "r" * 24, "too long"),
    ("an event", ("modules", "trigger", 0), "events", ["avi:forge:installed"], "no event"),
    ("a lost event", ("modules", "trigger", 1), "events", [], "upgraded"),
    ("a scope", ("permissions",), "scopes", ["read:jira-work"], "missing"),
    (
        "a scope too many",
        ("permissions",),
        "scopes",
        [*(s for s in ("read:jira-work", "read:app-system-token", "read:app-user-token")), "x"],
        "more than is needed",
    ),
    ("a route", ("modules", "endpoint", 0, "route"), "path", "/forge/tock", "no route"),
    ("a lost route", ("modules", "endpoint", 1), "route", {}, "no route"),
    ("a route of a page", ("modules", "endpoint", 3), "route", {"path": "/"}, "no path"),
    ("another endpoint", ("modules", "scheduledTrigger", 0), "endpoint", "x", "no such endpoint"),
    ("a crossed endpoint", ("modules", "jira:adminPage", 0, "resolver"), "endpoint",
     "gadget-endpoint", "does not take it"),
    ("an interval", ("modules", "scheduledTrigger", 0), "interval", "day", "every day"),
    ("no system token", ("modules", "endpoint", 0), "auth", {}, "no system token"),
    ("no user token", ("modules", "endpoint", 3), "auth", {}, "no token"),
    ("a system token for a page", ("modules", "endpoint", 3), "auth",
     {"appSystemToken": {"enabled": True}}, "appSystemToken"),
    ("plain http", ("remotes", 0), "baseUrl", "http://firstry.example.com", "https"),
    ("another remote", ("modules", "endpoint", 0), "remote", "x", "no such remote"),
    ("another resource", ("modules", "jira:adminPage", 0), "resource", "x", "no such resource"),
    ("egress", ("permissions",), "external", {}, "elsewhere"),
    ("no runtime", ("app",), "runtime", {}, "runtime"),
    ("no app", ("app",), "id", "x", "app.id"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "name", "value", "says"), [w[1:] for w in WRONG],
                         ids=[w[0] for w in WRONG])  # fmt: skip
def test_each_rule_rejects(
    place: tuple[str | int, ...], name: str, value: object, says: str
) -> None:
    wrong = deepcopy(manifest())
    _at(wrong, *place)[name] = value
    assert any(says in fault for fault in faults(wrong)), faults(wrong)


def _served(tmp_path: Path) -> set[tuple[str, str]]:
    """Return every method and path of the application itself, not of a list of our own."""
    environ = {
        "FIRSTRY_DATABASE_URL": f"sqlite:///{tmp_path / 'firstry.db'}",
        "FIRSTRY_FORGE_APP_ID": manifest()["app"]["id"],
        **SECRETS,
    }
    service = build_service(settings_of(tmp_path, environ), StillClock())
    app, close = build_web(service, with_remote=True)
    routes = [route for route in app.routes if isinstance(route, WebRoute)]
    close()
    service.close()
    return {(method, route.path) for route in routes for method in route.methods or ()}


def test_every_path_is_a_route_of_the_service(tmp_path: Path) -> None:
    assert {("POST", path) for path in PATHS.values()} <= _served(tmp_path)


def test_every_call_of_the_pages_is_a_route_of_the_service(tmp_path: Path) -> None:
    """The paths that the pages name, each by its method: `read` is GET, `ask` is POST."""
    paths = dict(re.findall(r'export const ([A-Z]+) = "(/[^"]*)";', _source("route.ts")))
    called = set()
    for text in (_source("page.ts"), _source("gadget.ts")):
        names = {alias: name for name, alias in re.findall(r"\b([A-Z]+) as ([A-Z_]+)\b", text)}
        for verb, name in SENT.findall(text):
            method = {"read": "GET", "ask": "POST"}[verb]
            called.add((method, paths[names.get(name, name)]))
    served = {each for each in _served(tmp_path) if each[1].startswith("/forge/page/")}
    assert called == {each for each in served if each[0] != "HEAD" and not each[1].endswith("/")}
    assert {path for _, path in called} == set(paths.values())


def test_the_resources_are_what_is_built() -> None:
    paths = [each["path"].removesuffix("/dist") for each in manifest()["resources"]]
    build = json.loads(source_of(f"{APP}/package.json"))["scripts"]["build"]
    assert paths == re.findall(r"vite build (\S+)", build)


def test_nothing_of_the_pages_comes_from_elsewhere() -> None:
    """No CDN, and no registry's address in the lock: packages come from the one in use."""
    for name in ("static/page/index.html", "static/gadget/index.html"):
        assert "//" not in source_of(f"{APP}/{name}")
    lock = json.loads(source_of(f"{APP}/package-lock.json"))
    assert not any("resolved" in each for each in lock["packages"].values())
    pinned = json.loads(source_of(f"{APP}/package.json"))["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pinned.values())


def _source(name: str) -> str:
    return source_of(f"{APP}/static/source/{name}")
