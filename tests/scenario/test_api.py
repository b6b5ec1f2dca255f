"""The operators' API over real HTTP: what it shows, what it does, how it refuses."""

import base64
import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from firstry.domain.access import Role
from firstry.domain.instant import iso
from firstry.insight.cursor import make_cursor
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from support.operator_call import Operator, nobody, operator, refused
from support.service import World

WHY = "support case 17"


@pytest.fixture
def ops(world: World) -> Operator:
    """An operator of the world."""
    return operator(world)


def _failed(world: World, name: str = "acme") -> JiraSite:
    """Return a site whose first attempt at 12 hours has failed."""
    site = world.installed(name)
    world.clock.advance(hours=12)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.told(site, "GENERATION_FAILED", 202)
    return site


def _milestone(tenant: dict[str, object], trigger: str) -> dict[str, object]:
    listed = tenant["milestones"]
    assert isinstance(listed, list)
    found: dict[str, object] = [each for each in listed if each["trigger"] == trigger][-1]
    return found


def test_a_failing_tenant_is_found_read_and_retried(world: World, ops: Operator) -> None:
    """Issue 6: find a failing tenant, read why, retry it, see it done."""
    site = _failed(world)
    page = ops.got("/tenants?filter=" + quote("state=backoff error=JIRA_UNAVAILABLE"))
    (tenant,) = page["tenants"]
    assert (tenant["cloud_id"], page["next"]) == (site.cloud_id, None)
    waiting = _milestone(tenant, "AUTO_12H")
    assert waiting["state"] == "backoff"
    assert waiting["backoff_expires_at"] == iso(world.now() + timedelta(minutes=30))
    view = ops.got(f"/tenants/{site.cloud_id}")
    kinds = [moment["kind"] for moment in view["timeline"]]
    assert kinds == ["FAILED", "CLAIMED", "INSTALLED"]
    assert "JIRA_UNAVAILABLE (Jira answered 503)" in view["timeline"][0]["sentence"]
    site.faults.clear()
    world.clock.advance(minutes=1)
    answer = ops.post(f"/tenants/{site.cloud_id}/retry", trigger="AUTO_12H", reason=WHY)
    assert answer.status == 200, answer.body
    assert answer.json()["milestone"]["next_due"] == iso(world.now())
    world.told(site, "GENERATED")
    done = ops.got(f"/tenants/{site.cloud_id}")
    assert _milestone(done["tenant"], "AUTO_12H")["state"] == "completed"
    (entry,) = ops.got("/ledger?kind=RETRY_REQUESTED")["entries"]
    assert entry["actor"] == f"operator:{ops.name}"
    assert entry["detail"]["reason"] == WHY


def test_failures_are_paged_behind_a_key(world: World, ops: Operator) -> None:
    """Of three groups the largest comes first; a page begins behind a group, not at a number."""
    kinds = 3 * [FaultKind.UNAVAILABLE] + 2 * [FaultKind.SERVER_ERROR] + [FaultKind.GARBAGE]
    sites = [world.installed(f"site{number}") for number in range(len(kinds))]
    world.clock.advance(hours=12)
    for site, kind in zip(sites, kinds, strict=True):
        site.faults.append(Fault(kind))
        world.told(site, "GENERATION_FAILED", 202)
    world.clock.skip(10)
    whole = ops.got("/failures?limit=200")
    assert (whole["groups"], whole["next"]) == (3, None)
    assert [group["count"] for group in whole["failures"]] == [3, 2, 1]
    path: str | None = "/failures?limit=1"
    found: list[dict[str, object]] = []
    while path:
        page = ops.get(path)
        assert page.status == 200, page.body
        found += page.json()["failures"]
        path = page.json()["next"]
        assert page.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
    assert found == whole["failures"]
    cursor = ops.got("/failures?limit=1")["next"].partition("cursor=")[2]
    refused(ops.get(f"/ledger?cursor={cursor}"), 400, "CURSOR_INVALID")
    refused(ops.get("/failures?cursor=x"), 400, "CURSOR_INVALID")


def test_failures_and_attention_speak_of_the_same(world: World, ops: Operator) -> None:
    for number in range(6):
        site = world.installed(f"site{number}")
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.clock.advance(hours=12)
        world.told(site, "GENERATION_FAILED", 202)
        world.clock.advance(hours=-12)
    world.clock.advance(hours=12, minutes=1)
    (group,) = ops.got("/failures")["failures"]
    assert (group["code"], group["message"], group["count"]) == (
        "JIRA_UNAVAILABLE", "Jira answered 503", 6,
    )  # fmt: skip
    seen = ops.got("/health")
    assert seen["status"] == "attention"
    concerns = {concern["code"]: concern for concern in seen["attention"]}
    assert concerns["FAILURE_RATE"]["count"] == concerns["FAILING_ALIKE"]["count"] == 6
    assert seen["attempts"]["1h"] == {"COMPLETED": 0, "FAILED": 6, "DEFERRED": 0}
    for concern in seen["attention"]:
        page = ops.got(f"/tenants?count=true&filter={quote(concern['filter'])}")
        assert page["count"]["milestones"] == concern["count"]


def test_pages_go_on_by_their_links(world: World, ops: Operator) -> None:
    expected = sorted(world.installed(f"site{number}").cloud_id for number in range(5))
    found, pages = [], 0
    path: str | None = "/tenants?limit=2&filter=state=scheduled"
    while path:
        answer = ops.get(path)
        page = answer.json()
        found += [tenant["cloud_id"] for tenant in page["tenants"]]
        link = answer.headers.get("link")
        assert link == (f'<{page["next"]}>; rel="next"' if page["next"] else None)
        path, pages = page["next"], pages + 1
    assert (found, pages) == (expected, 3)


def test_a_cursor_of_another_list_is_refused(world: World, ops: Operator) -> None:
    for number in range(3):
        world.installed(f"site{number}")
    cursor = ops.got("/tenants?limit=1")["next"].partition("cursor=")[2]
    refused(ops.get(f"/ledger?cursor={cursor}"), 400, "CURSOR_INVALID")
    refused(ops.get(f"/tenants?filter=paused=no&cursor={cursor}"), 400, "CURSOR_INVALID")


@pytest.mark.parametrize("sequence", [-1, 2**53 + 1, 2**63, 2**200])
def test_a_cursor_with_a_number_beyond_all_stores_is_refused(
    world: World, ops: Operator, sequence: int
) -> None:
    world.installed()
    given = ops.got("/ledger?limit=1")["next"].partition("cursor=")[2]
    question, *key, _ = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    made = make_cursor(question, [*key, sequence])
    refused(ops.get(f"/ledger?cursor={made}"), 400, "CURSOR_INVALID")
    assert world.command("ledger", "list", "--after", made, "--json").error["code"] == (
        "CURSOR_INVALID"
    )


def test_a_report_is_listed_shown_and_exported(world: World, ops: Operator) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    report_id = world.told(site, "GENERATED")["report_id"]
    (listed,) = ops.got(f"/reports?tenant={site.cloud_id}")["reports"]
    assert listed["report_id"] == report_id
    shown = ops.got(f"/reports/{report_id}")
    assert shown["report"]["report_id"] == report_id
    file = ops.get(f"/reports/{report_id}/export?format=json")
    assert file.headers["content-disposition"].endswith('-AUTO_12H-2026-03-01.json"')
    assert json.loads(file.body) == shown["report"]
    page = ops.get(f"/reports/{report_id}/export?format=html")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == "sandbox"
    refused(ops.get(f"/reports/{report_id}/export?format=docx"), 400, "INPUT_INVALID")
    refused(ops.get("/reports/r-none"), 404, "NO_REPORT_AVAILABLE")


def test_a_reset_makes_the_next_revision(world: World, ops: Operator) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    answer = ops.post(f"/tenants/{site.cloud_id}/reset", trigger="AUTO_12H", reason=WHY)
    assert (answer.status, answer.json()["milestone"]["revision"]) == (200, 2)
    world.told(site, "GENERATED")
    assert len(world.database.reports(site.cloud_id)) == 2


def test_a_paused_tenant_is_left_alone_until_it_is_resumed(world: World, ops: Operator) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    assert ops.post(f"/tenants/{site.cloud_id}/pause", reason=WHY).status == 200
    world.told(site, "PAUSED")
    again = ops.post(f"/tenants/{site.cloud_id}/pause", reason=WHY)
    problem = refused(again, 409, "CONFLICT")
    assert problem["tenant"]["paused"] is True
    assert ops.post(f"/tenants/{site.cloud_id}/resume", reason=WHY).status == 200
    world.told(site, "GENERATED")


def test_a_report_is_asked_for_as_often_as_the_rate_allows(world: World, ops: Operator) -> None:
    site = world.installed()
    for _ in range(6):
        answer = ops.post(f"/tenants/{site.cloud_id}/generate", reason=WHY)
        assert (answer.status, answer.json()["milestone"]["state"]) == (202, "due")
        world.worker_once()
        world.clock.advance(seconds=1)
    answer = ops.post(f"/tenants/{site.cloud_id}/generate", reason=WHY)
    problem = refused(answer, 429, "RATE_EXCEEDED")
    assert answer.headers["retry-after"]
    assert problem["tenant"]["cloud_id"] == site.cloud_id
    kinds = world.database.kinds(site.cloud_id)
    assert kinds.count("MANUAL_REQUESTED") == 6


@pytest.mark.parametrize(
    ("text", "position", "example"),
    [
        ("stat=backoff", 1, "state=backoff"),
        ("state=backof", 7, "state=backoff,deferred"),
        ("paused=yes  backoff>2hours", 21, "backoff>2h"),
        ("site~acme acme", 11, "site~acme"),
        ("site>acme", 5, "site~acme"),
        ("late>1h late>2h", 9, "late>1h"),
    ],
)
def test_a_filter_that_does_not_parse_names_its_place(
    shared: World, text: str, position: int, example: str
) -> None:
    ops = operator(shared, Role.VIEWER, f"viewer {position} {len(text)}")
    answer = ops.get("/tenants?filter=" + quote(text))
    problem = refused(answer, 400, "FILTER_INVALID")
    assert (problem["position"], problem["example"]) == (position, example)


def test_what_is_asked_wrongly_is_refused_with_its_field(world: World, ops: Operator) -> None:
    site = world.installed()
    path = f"/tenants/{site.cloud_id}/pause"
    before = world.database.count("ledger")
    assert refused(ops.post(path), 400, "FIELD_INVALID")["field"] == "reason"
    assert refused(ops.post(path, reason=7), 400, "FIELD_INVALID")["field"] == "reason"
    assert refused(ops.post(path, reason="a", x="b"), 400, "FIELD_INVALID")["field"] == "'x'"
    assert refused(ops.get("/tenants?limit=0"), 400, "FIELD_INVALID")["field"] == "limit"
    assert refused(ops.get("/tenants?nolimit=1"), 400, "FIELD_INVALID")
    refused(ops.post(path, reason="two\nlines"), 400, "INPUT_INVALID")
    refused(ops.send("POST", path, b"{"), 400, "INPUT_INVALID")
    refused(ops.send("POST", path, b"[" * 100_000), 400, "INPUT_INVALID")
    refused(ops.get("/tenants?limit=1&limit=2"), 400, "INPUT_INVALID")
    refused(ops.send("POST", path, b" " * (1 << 20) + b"{}"), 413, "BODY_TOO_LARGE")
    assert world.database.count("ledger") == before


def test_a_field_that_is_there_twice_is_refused(world: World, ops: Operator) -> None:
    """As in a query: of two values nobody can say which was meant."""
    path = f"/tenants/{world.installed().cloud_id}/pause"
    answer = ops.send("POST", path, b'{"reason": "one", "reason": "two"}')
    refused(answer, 400, "INPUT_INVALID")
    assert b"is there twice" in answer.body


def test_what_is_not_there_is_404(world: World, ops: Operator) -> None:
    for path in ("/tenants/no-such", "/tenants/%20", "/tenants/null", "/reports/x", "/bulk/x"):
        assert ops.get(path).status == 404, path
    refused(ops.post("/tenants/no-such/pause", reason=WHY), 404, "NOT_FOUND")
    refused(ops.get("/nothing"), 404, "NOT_FOUND")
    refused(ops.get("/tenants/"), 404, "NOT_FOUND")


def test_a_method_that_a_path_does_not_take_is_405(world: World, ops: Operator) -> None:
    answer = ops.send("DELETE", "/tenants")
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD"
    site = world.installed()
    for act in ("retry", "reset", "pause", "resume", "generate"):
        assert ops.get(f"/tenants/{site.cloud_id}/{act}").status == 405
    assert ops.get("/bulk").status == ops.get("/flags/generation").status == 405


def test_a_store_that_takes_no_write_is_503_and_says_when_to_come_back(
    world: World, ops: Operator
) -> None:
    site = world.installed()
    with world.database.locked():
        answer = ops.post(f"/tenants/{site.cloud_id}/pause", reason=WHY)
    refused(answer, 503, "STORE_UNAVAILABLE")
    assert answer.headers["retry-after"]
    assert "PAUSED" not in world.database.kinds(site.cloud_id)


def test_the_token_is_hashed_at_rest_and_its_use_is_noted(world: World, ops: Operator) -> None:
    """I16: neither the file nor the log holds a token; a use is written once a minute."""
    assert ops.secret is not None
    ops.got("/tenants")
    assert not [
        name for name, held in world.database.files().items() if ops.secret.encode() in held
    ]
    (row,) = world.database.rows("SELECT last_used_at FROM api_token")
    world.clock.advance(seconds=59)
    ops.got("/tenants")
    assert world.database.rows("SELECT last_used_at FROM api_token") == [row]
    world.clock.advance(seconds=1)
    ops.got("/tenants")
    assert world.database.rows("SELECT last_used_at FROM api_token") != [row]


def test_a_token_ends_by_its_time_or_by_being_revoked(world: World) -> None:
    made = world.command(
        "tokens", "create", "--name", "short", "--role", "viewer", "--expires", "300d", "--json"
    ).json()
    short = Operator(world.door.port, made["token"])
    assert short.get("/flags").status == 200
    world.clock.advance(days=700)
    refused(short.get("/flags"), 401, "API_TOKEN_INVALID")
    ops = operator(world)
    (listed,) = [t for t in world.command("tokens", "list", "--json").json()["tokens"]
                 if t["name"] == ops.name]  # fmt: skip
    assert world.command("tokens", "revoke", listed["token_id"]).code == 0
    refused(ops.get("/flags"), 401, "API_TOKEN_INVALID")
    kinds = [entry["kind"] for entry in operator(world, Role.VIEWER).got("/ledger")["entries"]]
    assert kinds.count("API_TOKEN_CREATED") == 3
    assert kinds.count("API_TOKEN_REVOKED") == 1


def test_nobody_sees_anything(world: World) -> None:
    answer = nobody(world).get("/tenants")
    refused(answer, 401, "API_TOKEN_INVALID")
    assert answer.headers["www-authenticate"] == "Bearer"
