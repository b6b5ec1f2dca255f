"""The console over real HTTP, without a browser: what its pages show, and where they lead."""

import html
import re
from urllib.parse import quote

import pytest

from firstry.domain.access import Role
from firstry.web.console.tenants import ROWS
from support.console import Browser, signed_in
from support.console_scene import FAILING, busy
from support.operator_call import operator
from support.receiver import Receiver
from support.service import World

WHY = "support case 17"
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"]+)"')


@pytest.fixture
def browser(world: World) -> Browser:
    """A browser in which an operator is signed in."""
    return signed_in(world, name="ada")


def _links(page: str) -> set[str]:
    return {html.unescape(link) for link in _LINK.findall(page)}


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_the_overview_says_what_the_api_says(world: World) -> None:
    """One read model: each concern with its words, its count and its tenants."""
    busy(world)
    browser = signed_in(world)
    attention = operator(world, Role.VIEWER).got("/health")["attention"]
    page = browser.page("/console")
    codes = re.findall(r'id="concern-([A-Z_]+)-', page)
    assert codes == [concern["code"] for concern in attention]
    assert {"FAILURE_RATE", "FAILING_ALIKE", "MILESTONES_MISSED"} <= set(codes)
    for concern in attention:
        for words in (concern["what"], concern["why"], concern["remedy"]):
            assert words in _text(page)
        listed = browser.page("/console/tenants?filter=" + quote(concern["filter"]))
        assert f"{concern['count']} milestones" in _text(listed)
        if concern["act"] is not None:
            asked = f"act={concern['act']}&filter={quote(concern['filter'], safe='')}"
            assert f"/console/bulk?{asked}".replace("%20", "+") in _links(page)


def test_every_link_of_every_page_leads_somewhere(world: World) -> None:
    busy(world)
    browser = signed_in(world)
    seen: set[str] = set()
    waiting = ["/console"]
    while waiting:
        path = waiting.pop()
        answer = browser.get(path)
        assert answer.status in (200, 303), (path, answer.body)
        if answer.headers.get("content-type", "").startswith("text/html"):
            links = {link.partition("#")[0] for link in _links(answer.body.decode())}
            fresh = {each for each in links if each.startswith("/console")} - seen
            seen |= fresh
            waiting += sorted(fresh)
    assert len(seen) > 40
    assert {"/console/tenants", "/console"} <= seen


def test_an_alert_leads_to_its_tenants(world: World) -> None:
    """The link of a message opens the list that the alert is about."""
    with Receiver() as receiver:
        world.environ["FIRSTRY_ALERT_WEBHOOK_URL"] = receiver.url
        world.environ["FIRSTRY_PUBLIC_URL"] = "https://firstry.example.com"
        world.restart()
        busy(world)
        world.alert_once()
        bodies = [taken.json() for taken in receiver.got]
        browser = signed_in(world)
        links = {b["alert"]: b["link"] for b in bodies}
        assert "FAILURE_RATE" in links
        for body in bodies:
            path = body["link"].removeprefix("https://firstry.example.com")
            assert f"{body['count']} milestones" in _text(browser.page(path))


def test_any_id_is_found(world: World) -> None:
    site = world.installed("acme")
    world.clock.advance(hours=12)
    report_id = world.told(site, "GENERATED")["report_id"]
    browser = signed_in(world, name="ada")
    job = operator(world).post("/bulk", act="pause", filter="", reason=WHY, expected_count=1)
    job_id = job.json()["job"]["job_id"]
    for word, to in {
        site.cloud_id: f"/console/tenants/{site.cloud_id}",
        site.cloud_id.upper(): f"/console/tenants/{site.cloud_id}",
        report_id: f"/console/tenants/{site.cloud_id}#{report_id}",
        job_id: f"/console/bulk/{job_id}",
        "acme": "/console/tenants?filter=site~acme",
    }.items():
        answer = browser.get(f"/console/tenants?filter={quote(word)}")
        assert (answer.status, answer.headers["location"]) == (303, to)
    assert "0 tenants" in _text(browser.page("/console/tenants?filter=site~acme"))


def test_a_filter_that_does_not_parse_shows_the_place(browser: Browser) -> None:
    page = browser.page("/console/tenants?filter=" + quote("paused=no state>backoff"), 400)
    text = _text(page)
    assert "at character 16: state does not take >" in text
    assert f"paused=no state&gt;backoff\n{' ' * 15}^ here" in page
    assert "/console/tenants?filter=state%3Dbackoff%2Cdeferred" in _links(page)
    assert 'aria-invalid="true"' in page


def test_pages_go_on_behind_a_key(world: World, browser: Browser) -> None:
    expected = sorted(world.installed(f"site{n}").cloud_id for n in range(ROWS + 3))
    found = []
    path = "/console/tenants?filter=" + quote("state=scheduled")
    while path:
        page = browser.page(path)
        found += re.findall(r'id="row-([^"]+)"', page)
        onward = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(onward[1]) if onward else ""
        assert f"{ROWS + 3} tenants" in _text(page)
    assert found == expected
    last = browser.page("/console/tenants?cursor=nonsense", 400)
    assert "the cursor does not belong to this list" in last


def test_text_from_outside_can_neither_act_nor_hide(world: World, browser: Browser) -> None:
    site = world.installed()
    page = f"/console/tenants/{site.cloud_id}"
    hostile = "<script>alert(1)</script>\"' onx=1 {{ 7*7 }}"
    assert browser.submit(page, f"{page}/pause", reason=hostile).status == 303
    shown = browser.page(page)
    assert "<script>alert" not in shown
    assert html.escape(hostile).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in shown
    for hidden in ("\u202e", "\u200b"):
        answer = browser.submit(page, f"{page}/resume", reason=f"a{hidden}b")
        assert answer.status == 400
        assert hidden not in answer.body.decode()
        answer = browser.get(f"/console/tenants?filter={quote(f'site~{hidden}')}")
        assert (answer.status, hidden in answer.body.decode()) == (400, False)


def test_a_reset_says_which_revision_will_be_made(world: World) -> None:
    fleet = busy(world)
    browser = signed_in(world)
    done = _text(browser.page(f"/console/tenants/{fleet.missed[0].cloud_id}"))
    assert done.count("Revision 2 will be made. Revision 1 stays as it is.") == 2
    failing = _text(browser.page(f"/console/tenants/{fleet.failing[0].cloud_id}"))
    assert "Revision 1 starts over without its attempts." in failing
    assert len(fleet.failing) == FAILING


def test_foreign_and_missing_ids_are_not_there(world: World, browser: Browser) -> None:
    site = world.installed()
    for path in (
        "/console/tenants/nobody",
        "/console/tenants/a%20b",
        "/console/tenants/null",
        "/console/reports/r-none/json",
        "/console/nowhere",
    ):
        assert "What to do" in browser.page(path, 404)
    page = f"/console/tenants/{site.cloud_id}"
    form = browser.form(page, f"{page}/pause", reason=WHY)
    assert browser.post("/console/tenants/nobody/pause", form).status == 403, "it is for another"


def test_a_rate_that_is_spent_shows_when_to_come_back(world: World, browser: Browser) -> None:
    site = world.installed()
    page = f"/console/tenants/{site.cloud_id}"
    for _ in range(6):
        assert browser.submit(page, f"{page}/generate", reason=WHY).status == 303
        world.told(site, "GENERATED")
    answer = browser.submit(page, f"{page}/generate", reason=WHY)
    assert (answer.status, "ask again after" in answer.body.decode()) == (429, True)


def test_a_store_that_does_not_answer_is_told_as_a_page(world: World, browser: Browser) -> None:
    site = world.installed()
    page = f"/console/tenants/{site.cloud_id}"
    form = browser.form(page, f"{page}/pause", reason=WHY)
    with world.database.locked():
        answer = browser.post(f"{page}/pause", form)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "What to do" in answer.body.decode()
        assert answer.headers["content-type"].startswith("text/html")
    assert browser.submit(page, f"{page}/pause", reason=WHY).status == 303
