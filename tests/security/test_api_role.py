"""Every operation of the API with every role and with none: who may what, before all else.

The operations come from the table that is served and published, so one that is added
is tried here too.
"""

import json
from dataclasses import dataclass

import pytest

from firstry.domain.access import Role
from firstry.web.api.call import ApiRoute
from firstry.web.api.route import ROUTES
from support.operator_call import Operator, nobody, operator, refused
from support.service import World

NAMES = {"tenant_id": "no-such-tenant", "report_id": "r-none", "job_id": "j-none", "name": "none"}
BROKEN = (b"", b"{", b'{"reason": 7}', b'{"reason": "ok"}')
CASES = [
    pytest.param(route, role, id=f"{route.method} {route.path} as {role or 'nobody'}")
    for route in ROUTES
    for role in (None, *Role)
]
WANTED = {
    ("GET", "/tenants"): Role.VIEWER,
    ("GET", "/tenants/{tenant_id}"): Role.VIEWER,
    ("GET", "/reports"): Role.VIEWER,
    ("GET", "/reports/{report_id}"): Role.VIEWER,
    ("GET", "/reports/{report_id}/export"): Role.VIEWER,
    ("GET", "/failures"): Role.VIEWER,
    ("GET", "/ledger"): Role.VIEWER,
    ("GET", "/flags"): Role.VIEWER,
    ("GET", "/bulk/{job_id}"): Role.VIEWER,
    ("GET", "/health"): Role.VIEWER,
    ("GET", "/health/detail"): Role.VIEWER,
    ("POST", "/tenants/{tenant_id}/retry"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/reset"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/pause"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/resume"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/generate"): Role.OPERATOR,
    ("POST", "/tenants/{tenant_id}/erase"): Role.ADMIN,
    ("POST", "/bulk"): Role.OPERATOR,
    ("PUT", "/flags/{name}"): Role.OPERATOR,
}


@dataclass(frozen=True, slots=True)
class Yard:
    """A world with somebody of each role."""

    world: World
    people: dict[Role | None, Operator]


@pytest.fixture(scope="module")
def yard(shared: World) -> Yard:
    people: dict[Role | None, Operator] = {role: operator(shared, role) for role in Role}
    people[None] = nobody(shared)
    return Yard(shared, people)


def test_the_table_is_the_one_that_is_wanted() -> None:
    assert {(route.method, route.path): route.role for route in ROUTES} == WANTED


def test_the_document_has_exactly_these_routes(yard: Yard) -> None:
    paths = json.loads(yard.people[None].get("/openapi.json").body)["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert told == {(route.method, route.address) for route in ROUTES}


@pytest.mark.parametrize(("route", "role"), CASES)
def test_a_role_may_what_it_may(yard: Yard, route: ApiRoute, role: Role | None) -> None:
    """A refusal comes before the body is looked at, and before it is known what is there."""
    path = route.address.format(**NAMES)
    for body in BROKEN if route.body is not None else (None,):
        answer = yard.people[role].send(route.method, path, body)
        if role is None:
            refused(answer, 401, "API_TOKEN_INVALID")
        elif not role.may(route.role):
            refused(answer, 403, "ROLE_INSUFFICIENT")
        else:
            assert answer.status in (200, 400, 404), answer.body
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic {}", "Bearer {}x", "Bearer x{}", "Bearer {} {}", "{}"],
)
def test_what_is_not_a_token_opens_nothing(yard: Yard, header: str) -> None:
    secret = yard.people[Role.ADMIN].secret
    sent = {"authorization": header.replace("{}", secret or "")}
    answer = Operator(yard.world.door.port, None).send("GET", "/tenants", headers=sent)
    refused(answer, 401, "API_TOKEN_INVALID")
    assert secret is not None
    assert secret.encode() not in answer.body


def test_a_viewer_changes_nothing(yard: Yard) -> None:
    """Every write with a body that would be right, by a viewer: the ledgers stay as they are."""
    site = yard.world.installed("viewed")
    before = yard.world.database.count("ledger"), yard.world.database.count("service_ledger")
    names = NAMES | {"tenant_id": site.cloud_id, "name": "generation"}
    right = {
        "trigger": "AUTO_12H", "reason": "x", "state": "off", "act": "pause",
        "filter": "", "expected_count": 1, "confirm": "x",
    }  # fmt: skip
    for route in ROUTES:
        if route.body is not None:
            body = {name: right[name] for name in route.body["required"]}
            path = route.path.format(**names)
            answer = yard.people[Role.VIEWER].send(route.method, path, body)
            refused(answer, 403, "ROLE_INSUFFICIENT")
    after = yard.world.database.count("ledger"), yard.world.database.count("service_ledger")
    assert after == before
