"""Failures, bulk, ledger, flags and health of the console, over real HTTP without scripts."""

import html
import json
import re
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest

from firstry.domain.access import Role
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from support.console import Browser, form_in, signed_in
from support.service import SECRETS, World
from support.wire import Answer, until

WHY = "support case 17"
RETRY = "/console/bulk?" + urlencode({"act": "retry", "filter": "state=backoff"})


def _failing(world: World, count: int = 2) -> list[JiraSite]:
    """Return sites whose first attempt failed; what hit them is over."""
    sites = [world.installed(f"site{number}") for number in range(count)]
    world.clock.advance(hours=12)
    for site in sites:
        fault = Fault(FaultKind.UNAVAILABLE)
        site.faults.append(fault)
        world.told(site, "GENERATION_FAILED", 202)
        assert fault.hits > 0
        site.faults.clear()
    world.clock.advance(minutes=5)
    return sites


@pytest.fixture
def failing(world: World) -> list[JiraSite]:
    """Two sites whose first attempt failed."""
    return _failing(world)


@pytest.fixture
def ada(world: World) -> Browser:
    """An operator who has just signed in; what takes half a day stands before her."""
    return signed_in(world, Role.OPERATOR, "ada")


def _ended(browser: Browser, answer: Answer) -> str:
    """Follow an order to its job, wait for the end and return the last page."""
    assert answer.status == 303, answer.body
    path, wait = answer.headers["location"], until()
    while "data-busy" in (page := browser.page(path)):
        wait.more("the end of the job")
    return page


def _says(answer: Answer, status: int, *words: str) -> str:
    text = html.unescape(answer.body.decode())
    assert answer.status == status, answer.status
    for word in words:
        assert word in text
    return text


def test_failures_lead_to_their_tenants_and_to_a_retry_of_them_all(
    world: World, failing: list[JiraSite], ada: Browser
) -> None:
    sites = failing
    page = ada.page("/console/failures")
    assert "JIRA_UNAVAILABLE" in page
    assert "Jira answered 503" in page
    assert min(site.cloud_id for site in sites) in page
    tenants, *_ = re.findall(r'href="(/console/tenants\?filter=[^"]+)"', page)
    found = ada.page(html.unescape(tenants))
    assert all(site.cloud_id in found for site in sites)
    (retry,) = re.findall(r'href="(/console/bulk[?][^"]+)"', page)
    preview = ada.page(html.unescape(retry))
    assert "Retry 2 milestones" in preview
    form = form_in(preview, "/console/bulk") | {"reason": WHY}
    page = _ended(ada, ada.post("/console/bulk", form))
    assert "All 2 done." in page
    for site in sites:
        world.told(site, "GENERATED")
    assert "Nothing has failed" in ada.page("/console/failures")


def test_a_viewer_sees_the_count_and_orders_nothing(world: World, failing: list[JiraSite]) -> None:
    eve = signed_in(world, Role.VIEWER, "eve")
    page = eve.page(RETRY)
    assert "Retry 2 milestones" in page
    assert 'method="post" action="/console/bulk"' not in page
    assert "Retry all" not in eve.page("/console/failures")
    assert 'action="/console/flags"' not in eve.page("/console/flags")
    assert eve.get("/console/tokens").status == 403


def test_a_count_that_changed_asks_again(
    world: World, failing: list[JiraSite], ada: Browser
) -> None:
    """409 with the present number and a form that is good again; nothing was done before."""
    first, _ = failing
    form = ada.form(RETRY, "/console/bulk", reason=WHY)
    assert form["count"] == "2"
    retried = f"/console/tenants/{first.cloud_id}"
    hidden = {"trigger": "AUTO_12H", "reason": "somebody else was faster"}
    assert ada.submit(retried, f"{retried}/retry", **hidden).status == 303
    answer = ada.post("/console/bulk", form)
    page = _says(answer, 409, "COUNT_CHANGED", "the filter means 1 now, not 2", "Retry 1 milestone")
    assert world.database.count("bulk_job") == 0
    again = form_in(page, "/console/bulk")
    assert (again["count"], again["reason"]) == ("1", WHY)
    assert "All 1 done." in _ended(ada, ada.post("/console/bulk", again))


def test_a_form_acts_once(world: World, failing: list[JiraSite], ada: Browser) -> None:
    form = ada.form(RETRY, "/console/bulk", reason=WHY)
    _ended(ada, ada.post("/console/bulk", form))
    _says(ada.post("/console/bulk", form), 403, "open the page again")
    assert world.database.count("bulk_job") == 1


def test_what_a_job_could_not_do_stands_on_its_page(
    world: World, failing: list[JiraSite], ada: Browser
) -> None:
    site, _ = failing
    asked = urlencode({"act": "retry", "filter": f"site={site.cloud_id}"})
    form = ada.form(f"/console/bulk?{asked}", "/console/bulk", reason=WHY)
    page = html.unescape(_ended(ada, ada.post("/console/bulk", form)))
    assert "1 done; 1 could not be done" in page
    assert "AUTO_24H" in page
    assert "is not due yet" in page
    assert "operator:ada" in page
    assert WHY in page


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"reason": ""}, 400, "a reason is one line"),
        ({"reason": "a\nb"}, 400, "a reason is one line"),
        ({"reason": "\u202etxt"}, 400, "a reason is one line"),
        ({"count": "many"}, 400, "the form has no count"),
        ({"count": "-1"}, 400, "the form has no count"),
        ({"act": "erase"}, 400, "is no bulk act"),
        ({"filter": "state=x"}, 400, "does not parse at character 7"),
        ({"filter": ""}, 409, "not 2 as you saw"),
    ],
)
def test_an_order_that_is_not_as_it_should_be(
    world: World,
    failing: list[JiraSite],
    ada: Browser,
    changes: dict[str, str],
    status: int,
    says: str,
) -> None:
    form = ada.form(RETRY, "/console/bulk", reason=WHY) | changes
    _says(ada.post("/console/bulk", form), status, says)
    assert world.database.count("bulk_job") == 0


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/console/bulk?act=retry&filter=state%3Dx", 400, "does not parse at character 7"),
        ("/console/bulk?act=explode", 400, "is no bulk act"),
        ("/console/bulk/j-none", 404, "there is no job"),
        ("/console/bulk/%00%E2%80%AE", 404, "there is no job"),
        ("/console/ledger?tenant=%3Cb%3E", 400, "is not a cloudId"),
        ("/console/ledger?kind=%00", 400, "printable characters"),
        ("/console/ledger?cursor=abc", 400, "does not belong to this list"),
        ("/console/files/tenants/xlsx", 404, "there is no such file"),
        ("/console/files/secrets/csv", 404, "there is no such file"),
        ("/console/files/tenants/csv?filter=x", 400, "has no field and operator"),
        ("/console/files/ledger/csv?tenant=a%20b", 400, "is not a cloudId"),
    ],
)
def test_an_address_that_is_not_as_it_should_be(
    world: World, ada: Browser, path: str, status: int, says: str
) -> None:
    _says(ada.get(path), status, says)


def test_the_ledger_is_paged_and_narrowed(world: World) -> None:
    sites, ada = _failing(world, 30), signed_in(world)
    page, seen, pages = ada.page("/console/ledger?actor=scheduler"), list[str](), 1
    while True:
        seen += re.findall(r'<tr data-row id="(entry-[^"]+)"', page)
        following = re.search(r'<a href="([^"]+)" rel="next"', page)
        if following is None:
            break
        page, pages = ada.page(html.unescape(following[1])), pages + 1
    assert (len(seen), len(set(seen)), pages) == (60, 60, 2)
    one = ada.page(f"/console/ledger?kind=FAILED&tenant={sites[3].cloud_id}")
    assert len(re.findall(r'<tr data-row id="entry-', one)) == 1
    newest = world.database.rows(
        "SELECT hash FROM ledger WHERE cloud_id = ? ORDER BY sequence DESC LIMIT 1",
        sites[3].cloud_id,
    )[0]
    assert newest["hash"] in one
    assert "JIRA_UNAVAILABLE" in one
    assert "No entry is meant" in ada.page("/console/ledger?kind=NONE_SUCH")


def test_a_flag_is_turned_for_everybody_and_for_one(world: World, ada: Browser) -> None:
    site = world.installed()
    turned = {"name": "generation", "state": "off", "reason": WHY}
    answer = ada.submit("/console/flags", "/console/flags", **turned)
    assert (answer.status, answer.headers["location"]) == (303, "/console/flags?did=off")
    page = html.unescape(ada.page("/console/flags?did=off"))
    assert "Switched off." in page
    assert 'switch-off">off' in page
    assert f"{WHY}" in page
    assert "operator:ada" in page
    again = ada.submit("/console/flags", "/console/flags", **turned)
    _says(again, 409, "generation")
    turned = {"name": "trigger.AUTO_12H", "state": "off", "tenant": site.cloud_id, "reason": WHY}
    assert ada.submit("/console/flags", "/console/flags", **turned).status == 303
    assert "FLAG_SWITCHED" in world.database.kinds(site.cloud_id)
    assert site.cloud_id in ada.page("/console/flags")
    for changes, status in (
        ({"name": "nonsense"}, 400),
        ({"state": "maybe"}, 400),
        ({"tenant": "none-like-it"}, 404),
        ({"tenant": "a b"}, 400),
        ({"reason": " "}, 400),
    ):
        sent = ada.submit("/console/flags", "/console/flags", **(turned | changes))
        assert sent.status == status, (changes, sent.body)


def test_settings_are_told_with_where_they_come_from_and_no_secret(
    world: World, ada: Browser
) -> None:
    page = ada.page("/console/flags")
    rows = dict(re.findall(r'id="setting-FIRSTRY_(\w+)">(.*?)</tr>', page, re.DOTALL))
    assert "environment" in rows["DATABASE_URL"]
    assert world.database.url in html.unescape(rows["DATABASE_URL"])
    assert "default" in rows["BACKOFF"]
    assert "30m,2h,24h" in rows["BACKOFF"]
    assert "(hidden)" in rows["SECRET_KEYS"]
    assert "not set" in rows["METRICS_TOKEN"]
    for secret in SECRETS.values():
        assert secret.partition(":")[2] not in page


def test_health_tells_each_part_and_what_fires(world: World) -> None:
    page = signed_in(world, name="early").page("/console/health")
    assert "Everything is well." in page
    for name in ("store", "schema", "clock", "worker", "ticks", "ledgers"):
        assert f'id="part-{name}"' in page
    _failing(world, 6)
    world.operators.watch.forget()
    ada = signed_in(world, name="late")
    page = ada.page("/console/health")
    assert "something needs attention" in page
    assert "FAILURE_RATE" in page
    assert "docs/operations.md#failure_rate" in page
    world.clock.advance(hours=-1)
    world.operators.watch.forget()
    page = html.unescape(ada.page("/console/health"))
    assert "the clock lies behind the store" in page
    assert "CLOCK_BEHIND" in page


def test_a_broken_ledger_is_told(world: World, ada: Browser) -> None:
    site = world.installed()
    (kept,) = world.database.rows("SELECT body FROM ledger")
    walls = world.database.rows(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'ledger'"
    )
    with world.database.connected() as connection:
        for wall in walls:
            connection.execute(f'DROP TRIGGER "{wall["name"]}"')
        forged = json.dumps(json.loads(kept["body"]) | {"actor": "somebody else"}).encode()
        connection.execute("UPDATE ledger SET body = ?", (forged,))
    try:
        page = ada.page("/console/health")
        assert "1 broken" in page
        assert f"/console/ledger?tenant={site.cloud_id}" in page
        assert "LEDGER_BROKEN" in page
    finally:
        with world.database.connected() as connection:
            connection.execute("UPDATE ledger SET body = ?", (kept["body"],))
            for wall in walls:
                connection.execute(wall["sql"])


def test_lists_are_saved_as_the_filter_shows_them(
    world: World, failing: list[JiraSite], ada: Browser
) -> None:
    first, second = failing
    world.clock.advance(minutes=25)
    world.told(first, "GENERATED")
    asked = quote("error=JIRA_UNAVAILABLE")
    page = ada.page(f"/console/tenants?filter={asked}")
    links = [html.unescape(path) for path in re.findall(r'href="(/console/files/[^"]+)"', page)]
    assert len(links) == 2
    for link, media_type in zip(links, ("text/csv", "application/x-ndjson"), strict=True):
        answer = ada.get(link)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(media_type)
        assert "attachment" in answer.headers["content-disposition"]
        assert second.cloud_id in answer.body.decode()
        assert first.cloud_id not in answer.body.decode()
    for name in ("failures", "ledger"):
        page = ada.page(f"/console/{name}")
        (csv_link, _) = re.findall(r'href="(/console/files/[^"]+)"', page)
        assert second.cloud_id in ada.get(html.unescape(csv_link)).body.decode()
        head = ada.send("HEAD", html.unescape(csv_link))
        assert (head.status, head.body) == (200, b"")


def test_an_admin_sees_the_tokens_without_their_secrets(world: World) -> None:
    root = signed_in(world, Role.ADMIN, "root")
    made = world.command("tokens", "create", "--name", "ops", "--role", "viewer", "--json").json()
    assert world.command("tokens", "revoke", made["token_id"]).code == 0
    page = root.page("/console/tokens")
    assert made["token_id"] in page
    assert "revoked" in page
    assert made["token"] not in page


def test_a_job_goes_on_after_a_restart_and_is_found_by_its_id(
    world: World, failing: list[JiraSite], ada: Browser
) -> None:
    answer = ada.submit(RETRY, "/console/bulk", reason=WHY)
    path = answer.headers["location"]
    world.restart()
    again = signed_in(world, Role.VIEWER, "eve")
    wait = until()
    while "data-busy" in (page := again.page(path)):
        world.clock.advance(seconds=timedelta(seconds=61).total_seconds())
        wait.more("the end of the job")
    assert "All 2 done." in page
    found = again.get(f"/console/tenants?filter={path.rpartition('/')[2]}")
    assert (found.status, found.headers["location"]) == (303, path)
