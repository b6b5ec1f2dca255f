"""A simulated Jira site: what it answers, what it refuses, what it charges."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from firstry.sim.jira import COUNT, JiraSite, new_site
from firstry.sim.jira_content import COLLECTIONS, CONFIGURATION, USER, WORK, Content
from firstry.sim.jira_message import JiraAnswer, JiraRequest
from firstry.sim.jira_quota import Quota, Reason
from firstry.sim.platform import Platform
from firstry.sim.platform_key import KeyRing

AT = datetime(2026, 3, 1, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
V3 = "/rest/api/3/"
PLATFORM = Platform(Random(1), KeyRing())
PAGED = ["project/search", "field/search", "filter/search", "dashboard/search", "group/bulk"]


@pytest.fixture
def site() -> Iterator[JiraSite]:
    site = new_site(PLATFORM, Random(2), "acme")
    site.scopes |= {USER, CONFIGURATION}
    yield site
    PLATFORM.revoke(site)


def ask(
    site: JiraSite,
    path: str,
    *,
    method: str = "GET",
    at: datetime = AT,
    body: bytes = b"",
    token: str | None = None,
    kind: str = "application/json",
) -> JiraAnswer:
    bearer = PLATFORM.system_token(site, at=at) if token is None else token
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": kind}
    url = f"{site.api_base_url}{path if path.startswith('/') else V3 + path}"
    return site.respond(JiraRequest.of(method, url, headers, body), at)


def value(site: JiraSite, path: str) -> Any:
    answer = ask(site, path)
    assert answer.status == 200
    return answer.json()


def count(site: JiraSite, jql: str = 'created >= "1970-01-01"', at: datetime = AT) -> JiraAnswer:
    body = json.dumps({"jql": jql}).encode()
    return ask(site, COUNT, method="POST", body=body, at=at)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("project/search?maxResults=1", "projects"),
        ("field/search?type=custom&maxResults=1", "custom_fields"),
        ("filter/search?maxResults=1", "filters"),
        ("dashboard/search?maxResults=1", "dashboards"),
        ("group/bulk?maxResults=1", "groups"),
        ("workflows/search?maxResults=1", "workflows"),
    ],
)
def test_a_page_tells_the_total(site: JiraSite, path: str, name: str) -> None:
    before = value(site, path)["total"]
    assert before == getattr(site.content, name) > 0
    site.grow(**{name: 7})
    page = value(site, path)
    assert page["total"] == before + 7
    assert (len(page["values"]), page["maxResults"], page["isLast"]) == (1, 1, False)
    site.grow(**{name: -999})
    assert value(site, path) == {
        "maxResults": 1,
        "startAt": 0,
        "total": 0,
        "isLast": True,
        "values": [],
    }


def test_plain_lists_have_as_many_rows_as_the_site(site: JiraSite) -> None:
    content = site.content
    fields = value(site, "field")
    assert len(fields) == content.custom_fields + content.system_fields
    assert sum(field["custom"] for field in fields) == content.custom_fields
    assert len(value(site, "issuetype")) == content.issue_types
    assert len(value(site, "status")) == content.statuses
    schemes = value(site, "permissionscheme")
    assert len(schemes["permissionSchemes"]) == content.permission_schemes


def test_field_search_counts_system_fields_too_unless_custom_ones_are_asked_for(
    site: JiraSite,
) -> None:
    content = site.content
    assert value(site, "field/search")["total"] == content.custom_fields + content.system_fields
    assert value(site, "field/search?type=system")["total"] == content.system_fields
    assert not value(site, "field/search?type=system")["values"][0]["custom"]
    assert ask(site, "field/search?type=CUSTOM").status == 400


@pytest.mark.parametrize("path", PAGED)
def test_pages_lead_from_the_first_row_to_the_last(site: JiraSite, path: str) -> None:
    site.content = Content(
        projects=23, custom_fields=20, system_fields=3, filters=23, dashboards=23, groups=23
    )
    rows: list[dict[str, object]] = []
    for start in range(0, 30, 10):
        page = value(site, f"{path}?startAt={start}&maxResults=10")
        assert page["isLast"] == (start == 20)
        rows += page["values"]
    assert len({json.dumps(row) for row in rows}) == len(rows) == 23
    assert value(site, f"{path}?startAt=99")["values"] == []


def test_users_come_as_an_array_in_pages_until_one_is_empty(site: JiraSite) -> None:
    site.content = Content(users=2500)
    sizes = [
        len(value(site, f"users/search?startAt={start}&maxResults=5000"))
        for start in (0, 1000, 2000, 3000)
    ]
    assert sizes == [1000, 1000, 500, 0]
    assert len(value(site, "users/search")) == 50


@pytest.mark.parametrize("path", PAGED)
def test_a_page_is_never_larger_than_its_cap(site: JiraSite, path: str) -> None:
    site.content = Content(projects=300, custom_fields=300, filters=300, dashboards=300, groups=300)
    assert len(value(site, path)["values"]) == 50
    page = value(site, f"{path}?maxResults=300")
    assert (len(page["values"]), page["maxResults"], page["isLast"]) == (100, 100, False)


@pytest.mark.parametrize(
    "query", ["startAt=-1", "startAt=x", "maxResults=0", "maxResults=-1", "maxResults=1.5"]
)
def test_a_page_out_of_range_is_refused(site: JiraSite, query: str) -> None:
    assert ask(site, f"project/search?{query}").status == 400


def test_issues_are_counted_by_their_creation_and_late(site: JiraSite) -> None:
    site.content.issues = [(AT - timedelta(days=900), 40)]
    site.create_issues(7, AT - timedelta(hours=2))
    site.create_issues(5, AT + HOUR)
    assert count(site).json() == {"count": 47}
    assert count(site, "created >= -1d").json() == {"count": 7}
    site.index_lag = 3 * HOUR
    assert count(site).json() == {"count": 40}
    assert count(site, at=AT + 9 * HOUR).json() == {"count": 52}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"jql": ""}', "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"jql": "order by created"}', "application/json", 400),
        (b'{"jql": "created >="}', "application/json", 400),
        (b'{"jql": 5}', "application/json", 400),
        (b'{"jql": "created > -1d", "maxResults": 1}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"jql": "created > -1d"}', "text/plain", 415),
        (b'{"jql": "created > -1d"}', "application/json; charset=utf-8", 200),
    ],
)
def test_a_count_needs_json_with_a_bounded_query(
    site: JiraSite, body: bytes, kind: str, status: int
) -> None:
    answer = ask(site, COUNT, method="POST", body=body, kind=kind)
    assert answer.status == status
    if status == 400:
        assert set(answer.json()) == {"errorMessages", "errors"}


@pytest.mark.parametrize("header", [{}, {"authorization": "Basic x"}, {"authorization": "Bearer "}])
def test_no_bearer_no_answer(site: JiraSite, header: dict[str, str]) -> None:
    url = f"{site.api_base_url}/rest/api/3/field"
    answer = site.respond(JiraRequest.of("GET", url, header), AT)
    assert (answer.status, answer.json()) == (401, {"code": 401, "message": "Unauthorized"})


def test_unknown_expired_revoked_and_foreign_tokens_are_refused(site: JiraSite) -> None:
    other = new_site(PLATFORM, Random(3), "globex")
    token = PLATFORM.system_token(site, at=AT)
    assert ask(site, "field", token=token).status == 200
    assert ask(site, "field", token="unknown").status == 401
    assert ask(site, "field", token=PLATFORM.system_token(other, at=AT)).status == 401
    assert ask(site, "field", token=token, at=AT + 4 * HOUR).status == 401
    PLATFORM.revoke(site)
    assert ask(site, "field", token=token).status == 401


@pytest.mark.parametrize("path", [*COLLECTIONS, COUNT])
def test_a_missing_scope_is_forbidden(site: JiraSite, path: str) -> None:
    needed = WORK if path == COUNT else COLLECTIONS[path].scope
    site.scopes.discard(needed)
    answer = count(site) if path == COUNT else ask(site, path)
    assert answer.status == 403
    assert needed in answer.body.decode()
    site.missing_scope_status = 401
    answer = count(site) if path == COUNT else ask(site, path)
    assert (answer.status, b"scope does not match" in answer.body) == (401, True)


def test_a_denied_path_is_forbidden_and_others_are_not(site: JiraSite) -> None:
    site.denied.add("/rest/api/3/permissionscheme")
    assert ask(site, "permissionscheme").status == 403
    assert ask(site, "field").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/rest/api/3/search", 410),
        ("POST", "/rest/api/3/search", 410),
        ("PUT", "/rest/api/3/search", 405),
        ("GET", COUNT, 405),
        ("POST", "/rest/api/3/field", 405),
        ("DELETE", "/rest/api/3/project/search", 405),
        ("HEAD", "/rest/api/3/field", 405),
        ("GET", "/rest/api/3/nothing", 404),
        ("GET", "/rest/api/3/field/", 404),
        ("GET", "/rest/api/2/field", 404),
        ("GET", "/gateway/api/automation/public/jira/rules", 404),
    ],
)
def test_wrong_routes_are_refused(site: JiraSite, method: str, path: str, status: int) -> None:
    answer = ask(site, path, method=method)
    assert answer.status == status
    assert site.requests[-1].points == 0


def test_a_route_of_another_site_is_not_found(site: JiraSite) -> None:
    token = PLATFORM.system_token(site, at=AT)
    for place in ("/ex/jira/other", f"/ex/jira/{site.cloud_id}0", f"/{site.cloud_id}"):
        url = f"https://api.atlassian.com{place}/rest/api/3/field"
        request = JiraRequest.of("GET", url, {"Authorization": f"Bearer {token}"})
        assert site.respond(request, AT).status == 404
    assert not site.requests, "it never reached the site"


def test_points_are_one_a_call_and_one_an_object_or_two_a_person(site: JiraSite) -> None:
    site.content = Content(projects=9, users=9, groups=9)
    points = {
        path: (ask(site, path), site.requests[-1].points)[1]
        for path in ("project/search?maxResults=1", "project/search", "users/search", "group/bulk")
    }
    assert list(points.values()) == [2, 10, 19, 19]
    assert count(site).status == 200
    assert site.requests[-1].points == 1
    assert site.quota.used(AT) == 51


def test_a_used_up_quota_refuses_everything_until_the_next_hour(site: JiraSite) -> None:
    site.quota = Quota(limit=40, reason=Reason.TENANT)
    assert "X-RateLimit-NearLimit" not in ask(site, "project/search?maxResults=1").headers
    assert ask(site, "field").headers["X-RateLimit-NearLimit"] == "true"
    refused = ask(site, "project/search")
    assert refused.status == 429
    assert refused.headers["RateLimit-Reason"] == "jira-quota-tenant-based"
    assert refused.headers["Retry-After"] == "2400"
    assert refused.headers["X-RateLimit-Reset"] == "2026-03-01T13:00:00Z"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert ask(site, "project/search", at=AT + timedelta(minutes=40)).status == 200


def test_the_global_pool_is_shared_by_all_sites(site: JiraSite) -> None:
    other = new_site(PLATFORM, Random(3), "globex")
    site.pool = other.pool = Quota(limit=10)
    assert ask(site, "field").status == 200
    refused = ask(other, "field")
    assert refused.headers["RateLimit-Reason"] == "jira-quota-global-based"


def test_a_burst_on_one_endpoint_is_refused_for_a_second(site: JiraSite) -> None:
    site.burst.limit = 3
    statuses = [ask(site, "status").status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert ask(site, "field").headers["X-RateLimit-Remaining"] == "2"
    refused = ask(site, "status")
    assert refused.headers["RateLimit-Reason"] == "jira-burst-based"
    assert refused.headers["Retry-After"] == "1"
    assert ask(site, "status", at=AT + timedelta(seconds=1)).status == 200


def test_requests_are_logged_without_tokens_and_within_bounds(site: JiraSite) -> None:
    site.burst.limit = 10_000
    for _ in range(1200):
        ask(site, "project/search?maxResults=1", token="secret")
    last = site.requests[-1]
    assert len(site.requests) == 1000
    assert (last.method, last.path, last.query) == ("GET", V3 + "project/search", "maxResults=1")
    assert (last.status, last.fault) == (401, None)
    assert "secret" not in repr(site.requests)


def test_the_rows_of_two_sites_never_look_alike(site: JiraSite) -> None:
    other = new_site(PLATFORM, Random(3), "globex")
    other.scopes |= site.scopes
    for path in COLLECTIONS:
        assert b"acme" in ask(site, path).body
        assert b"acme" not in ask(other, path).body
