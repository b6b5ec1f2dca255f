"""Anything at all on the routes of the page: a legal answer, and nothing given away or changed."""

import string
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstry.sim.jira import JiraSite
from support.jira_page import DOWNLOAD, EVERY_ROUTE, GENERATE, REPORT, VIEWER, reported, visit
from support.service import World
from support.wire import Answer

REFUSALS = {400, 401, 403, 404, 409, 413, 429}
SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
anything = st.text(max_size=60)
printable = st.text(string.printable.strip() + " ", max_size=200)
queries = st.dictionaries(
    st.sampled_from(["report_id", "format", "cloudId", "revision", "tenant"]), anything, max_size=4
)


@dataclass(frozen=True, slots=True)
class Yard:
    """A world, and a site in it that has a report."""

    world: World
    site: JiraSite


@pytest.fixture(scope="module")
def yard(shared: World) -> Yard:
    site = reported(shared)
    site.burst.limit = 100_000  # the world's second never passes
    return Yard(shared, site)


def require_legal(answer: Answer, statuses: set[int]) -> None:
    """Require one of the statuses, and a JSON object that agrees with it."""
    content = answer.json()
    assert answer.status in statuses, (answer.status, content)
    assert content["success"] is (answer.status == 200)
    if answer.status != 200:
        assert content["error_code"] == content["reason"]
        assert not {"document", "content_base64", "triggers"} & set(content)


@SETTINGS
@given(path=st.sampled_from([REPORT, DOWNLOAD]), query=queries)
def test_any_query_of_an_administrator(yard: Yard, path: str, query: dict[str, str]) -> None:
    """Only what is there comes back, of this site alone; nothing is written."""
    before = yard.world.database.everything()
    answer = visit(yard.world, yard.site).call(path, query=query)
    require_legal(answer, {200, 400, 404})
    assert yard.world.database.everything() == before


@SETTINGS
@given(path=st.sampled_from(EVERY_ROUTE), query=queries, body=st.binary(max_size=200))
def test_anything_of_somebody_else(
    yard: Yard, path: str, query: dict[str, str], body: bytes
) -> None:
    """No query and no body makes an administrator of anybody."""
    before = yard.world.database.everything()
    answer = visit(yard.world, yard.site, VIEWER).call(path, body=body, query=query)
    require_legal(answer, {400, 403})
    assert yard.world.database.everything() == before


@SETTINGS
@given(
    path=st.sampled_from(EVERY_ROUTE),
    headers=st.dictionaries(
        st.sampled_from(["x-forge-oauth-user", "x-forge-oauth-system", "authorization", "cookie"]),
        printable,
        min_size=1,
        max_size=4,
    ),
)
def test_any_headers(yard: Yard, path: str, headers: dict[str, str]) -> None:
    """A call with any header forged is refused; one with only a strange cookie is as before."""
    forged = {name: value or " " for name, value in headers.items()}
    answer = visit(yard.world, yard.site).call(path, headers=forged)
    if {"x-forge-oauth-user", "authorization"} & set(forged):
        require_legal(answer, {401, 403})
    elif path != GENERATE:
        require_legal(answer, {200, 400})
