"""People on a simulated site: whose token opens what, and what Jira tells them."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from firstry.sim.jira import JiraSite, new_site
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.jira_message import JiraAnswer, JiraRequest
from firstry.sim.jira_person import MY_PERMISSIONS
from firstry.sim.platform import Platform

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ADMIN, VIEWER = "5b10a2844c20165700ede21f", "5b10ac8d82e05b22cc7d4ef5"


@pytest.fixture(scope="module")
def platform() -> Platform:
    """One platform; its key takes long to make."""
    return Platform(Random(5))


@pytest.fixture
def site(platform: Platform) -> JiraSite:
    """A site with one administrator."""
    found = new_site(platform, Random(6), "acme")
    found.administrators.add(ADMIN)
    return found


def asked(
    site: JiraSite, token: str | None, query: str = "permissions=ADMINISTER", at: datetime = AT
) -> JiraAnswer:
    """Ask a site what the owner of a token may do."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    url = f"{site.api_base_url}{MY_PERMISSIONS}?{query}"
    return site.respond(JiraRequest.of("GET", url, headers), at)


def held(answer: JiraAnswer) -> object:
    """Return whether the answer says that the permission is held."""
    assert answer.status == 200, answer.body
    return answer.json()["permissions"]["ADMINISTER"]["havePermission"]


def test_only_an_administrator_is_one(platform: Platform, site: JiraSite) -> None:
    assert held(asked(site, platform.user_token(site, ADMIN, at=AT))) is True
    assert held(asked(site, platform.user_token(site, VIEWER, at=AT))) is False
    assert held(asked(site, platform.system_token(site, at=AT))) is False


def test_a_token_is_good_for_its_site_and_its_time(platform: Platform, site: JiraSite) -> None:
    other = new_site(platform, Random(7), "globex")
    other.administrators.add(ADMIN)
    token = platform.user_token(other, ADMIN, at=AT)
    assert asked(site, token).status == 401
    assert asked(other, token).status == 200
    assert asked(other, token, at=AT + timedelta(hours=1)).status == 401
    assert [asked(site, None).status, asked(site, "x.y.z").status] == [401, 401]


@pytest.mark.parametrize("query", ["", "permissions=", "permissions=NO_SUCH", "other=1"])
def test_permissions_have_to_be_named(platform: Platform, site: JiraSite, query: str) -> None:
    assert asked(site, platform.user_token(site, ADMIN, at=AT), query).status == 400


def test_the_scope_is_needed(platform: Platform, site: JiraSite) -> None:
    site.scopes.clear()
    assert asked(site, platform.user_token(site, ADMIN, at=AT)).status == 403


def test_faults_reach_it_too(platform: Platform, site: JiraSite) -> None:
    site.faults.append(Fault(FaultKind.WRONG_TYPES, path=MY_PERMISSIONS, value="true"))
    assert held(asked(site, platform.user_token(site, ADMIN, at=AT))) == "true"
    assert site.hits[FaultKind.WRONG_TYPES] == 1
