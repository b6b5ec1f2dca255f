"""Faults of a simulated site: what each one does, when, and that it is counted."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from firstry.sim.jira import COUNT, JiraSite, new_site
from firstry.sim.jira_fault import OVERSIZE_BYTES, WRONG_VALUES, Fault, FaultKind
from firstry.sim.jira_message import Ending, JiraAnswer, JiraRequest
from firstry.sim.platform import Platform
from firstry.sim.platform_key import KeyRing

AT = datetime(2026, 3, 1, 12, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PLATFORM = Platform(Random(1), KeyRing())
PROJECTS = "/rest/api/3/project/search"
BODY = json.dumps({"jql": "created >= 1970-01-01"}).encode()


@pytest.fixture
def site() -> JiraSite:
    return new_site(PLATFORM, Random(2), "acme")


def ask(site: JiraSite, path: str = PROJECTS, at: datetime = AT) -> JiraAnswer:
    headers = {
        "Authorization": f"Bearer {PLATFORM.system_token(site, at=at)}",
        "Content-Type": "application/json",
    }
    method = "POST" if path == COUNT else "GET"
    request = JiraRequest.of(method, site.api_base_url + path, headers, BODY)
    return site.respond(request, at)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.UNAUTHORIZED, 401),
        (FaultKind.FORBIDDEN, 403),
        (FaultKind.BURST, 429),
        (FaultKind.QUOTA_TENANT, 429),
        (FaultKind.QUOTA_GLOBAL, 429),
        (FaultKind.UNAVAILABLE, 503),
        (FaultKind.SERVER_ERROR, 500),
        (FaultKind.REDIRECT, 302),
    ],
)
def test_a_refusing_fault_takes_the_place_of_the_answer(
    site: JiraSite, kind: FaultKind, status: int
) -> None:
    site.faults.append(Fault(kind))
    assert ask(site).status == status
    assert site.hits == {kind: 1}
    assert (site.requests[-1].fault, site.requests[-1].points) == (kind, 0)


@pytest.mark.parametrize(
    ("kind", "reason", "wait"),
    [
        (FaultKind.BURST, "jira-burst-based", 1),
        (FaultKind.QUOTA_TENANT, "jira-quota-tenant-based", 2400),
        (FaultKind.QUOTA_GLOBAL, "jira-quota-global-based", 2400),
    ],
)
def test_a_429_names_its_limit_and_when_to_come_back(
    site: JiraSite, kind: FaultKind, reason: str, wait: int
) -> None:
    site.faults.append(Fault(kind, times=1))
    headers = ask(site).headers
    assert (headers["RateLimit-Reason"], headers["Retry-After"]) == (reason, str(wait))
    reset = datetime.fromisoformat(headers["X-RateLimit-Reset"])
    assert reset == AT + timedelta(seconds=wait)
    site.faults.append(Fault(kind, retry_after=timedelta(seconds=6.2)))
    assert ask(site).headers["Retry-After"] == "7"


def test_an_unavailable_site_may_say_when_to_come_back(site: JiraSite) -> None:
    site.faults += [
        Fault(FaultKind.UNAVAILABLE, times=1),
        Fault(FaultKind.UNAVAILABLE, retry_after=30 * SECOND),
    ]
    assert "Retry-After" not in ask(site).headers
    assert ask(site).headers["Retry-After"] == "30"


def test_garbage_is_a_200_that_is_no_json(site: JiraSite) -> None:
    site.faults.append(Fault(FaultKind.GARBAGE))
    answer = ask(site)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("path", [PROJECTS, COUNT, "/rest/api/3/field"])
def test_truncated_json_does_not_parse(site: JiraSite, path: str) -> None:
    site.faults.append(Fault(FaultKind.TRUNCATED))
    answer = ask(site, path)
    assert (answer.status, len(answer.body) > 0) == (200, True)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_an_oversized_answer_is_valid_and_far_too_big(site: JiraSite) -> None:
    honest = ask(site)
    site.faults.append(Fault(FaultKind.OVERSIZED))
    answer = ask(site)
    assert len(answer.body) > OVERSIZE_BYTES
    assert answer.json() == honest.json()


def test_wrong_types_stand_in_turn_where_the_count_belongs(site: JiraSite) -> None:
    site.faults.append(Fault(FaultKind.WRONG_TYPES))
    totals = [ask(site).json()["total"] for _ in WRONG_VALUES]
    assert totals == list(WRONG_VALUES)
    assert site.hits[FaultKind.WRONG_TYPES] == len(WRONG_VALUES)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (COUNT, {"count": -3}),
        ("/rest/api/3/permissionscheme", {"permissionSchemes": -3}),
        ("/rest/api/3/field", {"values": -3}),
    ],
)
def test_a_wrong_type_can_be_chosen_for_every_shape(
    site: JiraSite, path: str, expected: object
) -> None:
    site.faults.append(Fault(FaultKind.WRONG_TYPES, value=-3))
    assert ask(site, path).json() == expected


def test_slow_is_an_honest_answer_later(site: JiraSite) -> None:
    honest = ask(site)
    site.faults.append(Fault(FaultKind.SLOW, delay=9 * SECOND))
    slow = ask(site)
    assert (slow.delay, slow.ending) == (9 * SECOND, Ending.ANSWERED)
    assert slow.json() == honest.json()
    assert site.requests[-1].points > 0


@pytest.mark.parametrize(
    ("kind", "ending"), [(FaultKind.HANG, Ending.HANGING), (FaultKind.RESET, Ending.RESET)]
)
def test_a_broken_connection_has_no_answer(site: JiraSite, kind: FaultKind, ending: Ending) -> None:
    site.faults.append(Fault(kind))
    assert (ask(site).ending, ask(site).body) == (ending, b"")


def test_a_redirect_leads_to_another_host(site: JiraSite) -> None:
    site.faults.append(Fault(FaultKind.REDIRECT, location="http://127.0.0.1:1/elsewhere"))
    assert ask(site).headers["Location"] == "http://127.0.0.1:1/elsewhere"


def test_a_fault_keeps_to_its_time_its_number_and_its_path(site: JiraSite) -> None:
    timed = Fault(FaultKind.SERVER_ERROR, start=AT, end=AT + 10 * SECOND, path=PROJECTS)
    site.faults = [timed, Fault(FaultKind.UNAVAILABLE, times=2, path=COUNT)]
    moments = (AT - SECOND, AT, AT + 9 * SECOND, AT + 10 * SECOND)
    assert [ask(site, at=at).status for at in moments] == [200, 500, 500, 200]
    assert [ask(site, COUNT).status for _ in range(3)] == [503, 503, 200]
    assert ask(site, "/rest/api/3/field").status == 200
    assert site.hits == {FaultKind.SERVER_ERROR: 2, FaultKind.UNAVAILABLE: 2}
    assert timed.hits == 2


def test_what_spoils_nothing_is_no_hit(site: JiraSite) -> None:
    site.denied.add(PROJECTS)
    for kind in (FaultKind.TRUNCATED, FaultKind.OVERSIZED, FaultKind.WRONG_TYPES):
        site.faults = [Fault(kind, times=1)]
        assert ask(site).status == 403
        assert site.requests[-1].fault is None
    assert not site.hits


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_does_something(site: JiraSite, kind: FaultKind) -> None:
    honest = ask(site)
    site.faults.append(Fault(kind))
    assert ask(site) != honest
    assert site.hits[kind] == 1
