"""Every address of the console with every role and with none: who may what, before all else.

The addresses come from the table that is served, so one that is added is tried here too.
"""

from dataclasses import dataclass

import pytest

from firstry.domain.access import Role
from firstry.web.console.render import POLICY
from firstry.web.console.route import NAVIGATION, ROUTES
from firstry.web.console.visit import BASE, ConsoleRoute
from support.console import Browser, form_in, signed_in, visitor
from support.service import World

WANTED = {
    ("GET", ""): Role.VIEWER,
    ("GET", "/tenants"): Role.VIEWER,
    ("GET", "/tenants/{tenant_id}"): Role.VIEWER,
    ("GET", "/reports/{report_id}/{format}"): Role.VIEWER,
    ("GET", "/failures"): Role.VIEWER,
    ("GET", "/bulk"): Role.VIEWER,
    ("GET", "/bulk/{job_id}"): Role.VIEWER,
    ("GET", "/ledger"): Role.VIEWER,
    ("GET", "/flags"): Role.VIEWER,
    ("GET", "/health"): Role.VIEWER,
    ("GET", "/tokens"): Role.ADMIN,
    ("GET", "/files/{list}/{format}"): Role.VIEWER,
    ("POST", "/sign-out"): Role.VIEWER,
    ("POST", "/tenants/{tenant_id}/retry"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/reset"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/pause"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/resume"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/generate"): Role.OPERATOR,
    ("POST", "/bulk"): Role.OPERATOR,
    ("POST", "/flags"): Role.OPERATOR,
}
"""What each address is to ask for. A new one is one line here."""
NAMES = {"tenant_id": "no-such-tenant", "report_id": "r-none", "job_id": "j-none"} | {
    "list": "tenants",
    "format": "json",
}
CASES = [
    pytest.param(route, role, id=f"{route.method} {route.path} as {role or 'nobody'}")
    for route in ROUTES
    for role in (None, *Role)
]
EACH = [pytest.param(route, id=f"{route.method} {route.path}") for route in ROUTES]
ALONE = ("/console/sign-in", "/console/static/console.css", "/console/nowhere", "/console/static/x")


@dataclass(frozen=True, slots=True)
class Yard:
    """A world with somebody of each role signed in."""

    world: World
    people: dict[Role | None, Browser]


@pytest.fixture(scope="module")
def yard(shared: World) -> Yard:
    people: dict[Role | None, Browser] = {role: signed_in(shared, role) for role in Role}
    people[None] = visitor(shared)
    return Yard(shared, people)


def _path(route: ConsoleRoute) -> str:
    return BASE + route.path.format(**NAMES)


def test_the_table_is_the_one_that_is_wanted() -> None:
    assert {(route.method, route.path): route.role for route in ROUTES} == WANTED


@pytest.mark.parametrize(("route", "role"), CASES)
def test_a_role_may_what_it_may(yard: Yard, route: ConsoleRoute, role: Role | None) -> None:
    """A refusal comes before the form is looked at, and before it is known what is there."""
    person, path = yard.people[role], _path(route)
    if route.method == "GET":
        answer = person.get(path)
        if role is None:
            assert (answer.status, answer.headers["location"].partition("?")[0]) == (
                303, "/console/sign-in",
            )  # fmt: skip
        elif not role.may(route.role):
            assert (answer.status, b"ROLE_INSUFFICIENT" in answer.body) == (403, True)
        else:
            assert answer.status in (200, 404), answer.body
        return
    for form, headers in (({}, {}), ({"form": "x"}, {"origin": "https://elsewhere.example"})):
        answer = person.post(path, form, headers)
        if role is None:
            assert (answer.status, b"NOT_SIGNED_IN" in answer.body) == (401, True)
        elif not role.may(route.role):
            assert (answer.status, b"ROLE_INSUFFICIENT" in answer.body) == (403, True)
        else:
            assert answer.status == 403
            assert b"ROLE_INSUFFICIENT" not in answer.body


@pytest.mark.parametrize("route", EACH)
def test_nothing_that_changes_state_answers_to_get(yard: Yard, route: ConsoleRoute) -> None:
    """An address takes the methods of the table; what acts is opened by nobody."""
    methods = {each.method for each in ROUTES if each.path == route.path}
    allowed = methods | ({"HEAD"} if "GET" in methods else set())
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = yard.people[Role.ADMIN].send(method, _path(route))
        if method in allowed:
            assert answer.status != 405
        else:
            assert answer.status == 405, (method, answer.body)
            assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("route", EACH)
def test_every_answer_has_the_policy(yard: Yard, route: ConsoleRoute) -> None:
    for role in (None, *Role):
        for method in ("GET", "POST"):
            _is_guarded(yard.people[role].send(method, _path(route)).headers)


@pytest.mark.parametrize("path", ALONE)
def test_so_has_what_needs_no_session(yard: Yard, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        _is_guarded(yard.people[None].send(method, path).headers)


def _is_guarded(headers: object) -> None:
    assert isinstance(headers, dict)
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize("route", NAVIGATION, ids=lambda route: route.nav)
def test_a_page_holds_nothing_that_the_policy_forbids(yard: Yard, route: ConsoleRoute) -> None:
    """No inline script, style or handler: the page is whole under the strict policy."""
    page = yard.people[Role.ADMIN].page(BASE + route.path)
    lowered = page.lower()
    assert "<style" not in lowered
    assert " style=" not in lowered
    assert " on" not in {part[:3] for part in lowered.split('"') if part.startswith(" on")}
    assert lowered.count("<script") == lowered.count("<script src=")


def test_a_viewer_changes_nothing(yard: Yard) -> None:
    """Every act with a form that an operator could send: the ledgers stay as they are."""
    world = yard.world
    site = world.installed("viewed")
    page = f"/console/tenants/{site.cloud_id}"
    before = world.database.count("ledger"), world.database.count("service_ledger")
    operators_page = yard.people[Role.OPERATOR].page(page)
    assert "<form" in operators_page
    acts = [r for r in ROUTES if r.method == "POST" and "{tenant_id}" in r.path]
    for route in acts:
        path = BASE + route.path.format(tenant_id=site.cloud_id)
        form = {
            "reason": "x",
            "trigger": "AUTO_12H",
            "form": form_in(operators_page, f"{page}/pause")["form"],
        }
        answer = yard.people[Role.VIEWER].post(path, form)
        assert answer.status == 403
        assert b"ROLE_INSUFFICIENT" in answer.body
    viewers_page = yard.people[Role.VIEWER].page(page)
    assert f'action="{page}' not in viewers_page
    after = world.database.count("ledger"), world.database.count("service_ledger")
    assert (len(acts) >= 5, after) == (True, before)
