"""Who gets nothing from the page's routes, on every one of them, and why.

The door is one function, so each refusal is tried on each route all the same: a
route that forgot the door would show here.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.jira_person import MY_PERMISSIONS
from firstry.sim.platform import ABSENT
from firstry.sim.platform_key import JSONObject
from support.call import INSTALL, TICK, UNINSTALL
from support.claims import app_of
from support.jira_page import (
    ADMIN,
    EVERY_ROUTE,
    GADGET,
    GENERATE,
    METHODS,
    STATUS,
    VIEWER,
    installed,
    module_of,
    reported,
    visit,
)
from support.service import World
from support.wire import Answer

ROUTES = pytest.mark.parametrize("path", EVERY_ROUTE)
BROKEN = (
    FaultKind.UNAVAILABLE,
    FaultKind.SERVER_ERROR,
    FaultKind.GARBAGE,
    FaultKind.TRUNCATED,
    FaultKind.RESET,
    FaultKind.REDIRECT,
    FaultKind.QUOTA_TENANT,
)


@pytest.fixture
def world(shared: World) -> World:
    """One world for all of them; each test brings sites of its own."""
    return shared


def reports(world: World, site: JiraSite) -> int:
    """Return how many reports are stored of a site."""
    return len(world.database.reports(site.cloud_id))


def require(answer: Answer, status: int, reason: str) -> None:
    """Require a refusal of the page's form, that says why and gives nothing else away."""
    body = answer.json()
    assert (answer.status, body["reason"], body["error_code"]) == (status, reason, reason), body
    assert body["success"] is False
    assert len(body["message"]) > 10
    assert set(body) <= {"success", "reason", "error_code", "message", "timestamp", "after"}
    assert answer.headers["content-type"] == "application/json"


@ROUTES
def test_somebody_who_is_no_administrator(world: World, path: str) -> None:
    """403 with the reason, on every route; nothing is generated for them."""
    site = reported(world)
    answer = visit(world, site, VIEWER).call(path)
    require(answer, 403, "ADMINISTRATOR_REQUIRED")
    assert "Administer Jira" in answer.json()["message"]
    assert reports(world, site) == 1


@ROUTES
def test_the_permission_is_asked_every_time(world: World, path: str) -> None:
    """An administrator of a moment ago is none now: nothing is remembered."""
    site = reported(world)
    assert visit(world, site).call(STATUS).status == 200
    site.administrators.clear()
    require(visit(world, site).call(path), 403, "ADMINISTRATOR_REQUIRED")
    assert [each.path for each in site.requests] == [MY_PERMISSIONS] * 2


@ROUTES
def test_nobody_signed_in(world: World, path: str) -> None:
    site = reported(world)
    for principal in (None, ABSENT, "", 7, {"accountId": ADMIN}):
        answer = visit(world, site).call(path, token={"claims": _with_principal(principal)})
        require(answer, 403, "PRINCIPAL_MISSING")
    assert list(site.requests) == []


def _with_principal(value: object) -> Any:
    def edit(claims: JSONObject) -> None:
        claims.pop("principal", None)
        if value is not ABSENT:
            claims["principal"] = value

    return edit


@ROUTES
@pytest.mark.parametrize("sent", ["", "n\xf6", "a" * 9000, "a b"])
def test_no_token_of_the_person(world: World, path: str, sent: str) -> None:
    site = reported(world)
    answer = visit(world, site).call(path, headers={"x-forge-oauth-user": sent})
    require(answer, 403, "USER_TOKEN_MISSING")
    assert list(site.requests) == []


@ROUTES
def test_a_token_that_jira_does_not_know(world: World, path: str) -> None:
    site = reported(world)
    expired = world.platform.user_token(site, ADMIN, at=world.now() - timedelta(hours=2))
    for token in ("made.up.token", expired):
        answer = visit(world, site).call(path, headers={"x-forge-oauth-user": token})
        require(answer, 403, "USER_TOKEN_REFUSED")


@ROUTES
def test_the_apps_own_token_is_no_persons(world: World, path: str) -> None:
    """Jira knows the app's token, and says that the app administers nothing."""
    site = reported(world)
    token = world.platform.system_token(site, at=world.now())
    answer = visit(world, site).call(path, headers={"x-forge-oauth-user": token})
    require(answer, 403, "ADMINISTRATOR_REQUIRED")


@ROUTES
def test_an_administrator_of_another_site(world: World, path: str) -> None:
    """Whoever administers one site learns nothing of another, with any mixture of tokens."""
    acme, globex = reported(world, "acme"), reported(world, "globex")
    acme.administrators.clear()
    foreign = world.platform.user_token(globex, ADMIN, at=world.now())
    answer = visit(world, acme).call(path, headers={"x-forge-oauth-user": foreign})
    require(answer, 403, "USER_TOKEN_REFUSED")
    assert list(globex.requests) == []


@ROUTES
@pytest.mark.parametrize("kind", BROKEN)
def test_jira_that_does_not_answer_is_no_yes(world: World, path: str, kind: FaultKind) -> None:
    """Jira down: said so, and nothing shown or made."""
    site = reported(world)
    site.faults.append(Fault(kind, path=MY_PERMISSIONS))
    require(visit(world, site).call(path), 503, "PERMISSION_UNKNOWN")
    assert site.hits[kind] >= 1  # a connection that breaks is tried once more
    assert reports(world, site) == 1


@pytest.mark.parametrize("held", ["true", 1, None, "yes", [], {}])
def test_a_permission_of_another_type_is_no_yes(world: World, held: object) -> None:
    site = reported(world)
    site.faults.append(Fault(FaultKind.WRONG_TYPES, path=MY_PERMISSIONS, value=held))
    answer = visit(world, site).call(STATUS)
    assert answer.status == 503


def test_jira_that_hangs_is_given_up_far_below_25_seconds(world: World) -> None:
    site = reported(world)
    site.faults.append(Fault(FaultKind.HANG, path=MY_PERMISSIONS))
    answer = visit(world, site).call(STATUS)
    require(answer, 503, "PERMISSION_UNKNOWN")
    assert site.hits[FaultKind.HANG] == 1


@ROUTES
@pytest.mark.parametrize(
    "module", [TICK.module, INSTALL.module, UNINSTALL.module, "tick-endpoint", "another"]
)
def test_a_token_of_another_module(world: World, path: str, module: str) -> None:
    """401: a token of a trigger opens no page, whoever it names."""
    site = reported(world)
    require(visit(world, site).call(path, module=module), 401, "INVOCATION_TOKEN_INVALID")


def test_page_and_gadget_take_each_their_own(world: World) -> None:
    site = reported(world)
    for path in EVERY_ROUTE:
        other = "report-page" if path == GADGET else "report-gadget"
        require(visit(world, site).call(path, module=other), 401, "INVOCATION_TOKEN_INVALID")
        endpoint = "gadget-endpoint" if path == GADGET else "page-endpoint"
        assert visit(world, site).call(path, module=endpoint).status in (200, 400)


@pytest.mark.parametrize("endpoint", [TICK, INSTALL, UNINSTALL])
def test_a_token_of_the_page_opens_no_other_route(world: World, endpoint: Any) -> None:
    site = reported(world)
    answer = visit(world, site).call(endpoint.path, "POST", module="report-page", body=b"{}")
    assert (answer.status, answer.json()["reason"]) == (401, "INVOCATION_TOKEN_INVALID")


@ROUTES
def test_no_certain_tenant(world: World, path: str) -> None:
    """400, as on every Forge route; nothing is asked of any site."""

    def elsewhere(claims: JSONObject) -> None:
        app_of(claims)["apiBaseUrl"] = "https://evil.example/ex/jira/x"

    site = reported(world)
    other: Mapping[str, Any] = {"context": {"cloudId": "another-site"}}
    for token in (other, {"claims": elsewhere}):
        answer = visit(world, site).call(path, token=token)
        require(answer, 400, "TENANT_CONTEXT_UNAVAILABLE")
    body = json.dumps({"cloudId": "another-site"}).encode()
    require(visit(world, site).call(path, body=body), 400, "TENANT_CONTEXT_UNAVAILABLE")
    assert list(site.requests) == []


@ROUTES
def test_other_methods(world: World, path: str) -> None:
    """Asking for a report is a POST and nothing else; reading is never one (P41)."""
    site = reported(world)
    others = {"GET", "POST", "PUT", "PATCH", "DELETE"} - {METHODS[path]}
    for method in others:
        answer = visit(world, site).call(path, method)
        assert (answer.status, answer.json()["reason"]) == (405, "METHOD_NOT_ALLOWED")
    assert reports(world, site) == 1


@ROUTES
def test_nothing_redirects_and_nothing_is_cached(world: World, path: str) -> None:
    site = reported(world)
    answer = visit(world, site).call(path + "/", METHODS[path], module=module_of(path))
    assert answer.status in (200, 400)
    assert answer.headers["cache-control"] == "no-store"


def test_a_body_over_one_mebibyte_is_413(world: World) -> None:
    site = reported(world)
    answer = visit(world, site).call(GENERATE, body=b" " * (1024 * 1024 + 1))
    assert (answer.status, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert reports(world, site) == 1


def test_a_system_token_from_a_page_is_not_kept(world: World) -> None:
    """Whoever looks at the page can send headers of their own: none of them reaches the vault."""
    site = installed(world)
    world.clock.advance(hours=1)
    before = world.database.rows("SELECT * FROM tenant WHERE cloud_id = ?", site.cloud_id)
    planted = world.platform.system_token(site, at=world.now() + timedelta(hours=3))
    for path in EVERY_ROUTE[:3]:
        visit(world, site).call(path, headers={"x-forge-oauth-system": planted})
    after = world.database.rows("SELECT * FROM tenant WHERE cloud_id = ?", site.cloud_id)
    assert after == before
