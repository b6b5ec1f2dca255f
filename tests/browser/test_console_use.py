"""What operators do in the console, in a real browser: by mouse, by keys, without scripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from firstry.domain.access import Role
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.console_page import NARROW, opened, tab
from support.operator_call import Operator, operator
from support.service import World

WHY = "support case 17"


@pytest.fixture
def world(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A running service; what it stored must break no invariant."""
    with World(tmp_path, keys) as world:
        yield world
        assert world.breaches() == []


@pytest.fixture
def person(world: World) -> Operator:
    """An operator with a token."""
    return operator(world, Role.OPERATOR, "ada")


@pytest.fixture
def failing(world: World) -> JiraSite:
    """A site whose first attempt failed, among others that are well; its fault is over."""
    for name in ("lark", "wren"):
        world.installed(name)
    site = world.installed("heron")
    world.clock.advance(hours=12)
    fault = Fault(FaultKind.UNAVAILABLE)
    site.faults.append(fault)
    world.told(site, "GENERATION_FAILED", 202)
    assert fault.hits > 0
    site.faults.clear()
    world.clock.advance(minutes=5)
    return site


def test_by_keys_alone_a_failure_is_found_read_retried_and_seen_done(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    """Issue 6, without a pointer: from the sign-in to the report."""
    with tab(browser, world) as found:
        page, keys = found.page, found.page.keyboard
        found.open("/console/tenants")
        assert person.secret is not None
        keys.press("Tab")
        _until_focused(page, "#token")
        keys.insert_text(person.secret)
        keys.press("Enter")
        page.wait_for_url("**/console/tenants")
        keys.press("/")
        keys.insert_text("state=backoff")
        keys.press("Enter")
        page.wait_for_url("**filter=state*")
        expect(page.locator("[data-row]")).to_have_count(1)
        keys.press("j")
        expect(page.locator("[data-row] a.id")).to_be_focused()
        keys.press("Enter")
        page.wait_for_url(f"**/tenants/{failing.cloud_id}")
        expect(page.locator(".why")).to_contain_text("JIRA_UNAVAILABLE Jira answered 503")
        keys.press("r")
        expect(page.locator("#retry-AUTO_12H input[name=reason]")).to_be_focused()
        keys.insert_text(WHY)
        keys.press("Enter")
        expect(page.get_by_role("status").first).to_contain_text("Retry ordered")
        expect(page.locator("#milestone-AUTO_12H .state")).to_have_text("due")
        world.told(failing, "GENERATED")
        page.reload()
        expect(page.locator("#milestone-AUTO_12H .state")).to_have_text("completed")
        expect(page.locator(".timeline")).to_contain_text(f"retry ordered: {WHY}")
        found.is_quiet()


def _until_focused(page: Page, selector: str) -> None:
    for _ in range(20):
        if page.evaluate("s => document.activeElement?.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tab key does not lead to {selector}")


def test_keys_move_over_rows_and_tell_themselves(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    with opened(browser, world, "/console/tenants", person=person) as found:
        page, keys = found.page, found.page.keyboard
        rows = page.locator("[data-row] a.id")
        expect(rows).to_have_count(3)
        for key, at in (("j", 0), ("j", 1), ("j", 2), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
            keys.press(key)
            expect(rows.nth(at)).to_be_focused()
        keys.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        found.judge()
        keys.press("j")
        keys.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        keys.press("/")
        keys.insert_text("jjrr?")
        expect(page.locator("#filter")).to_have_value("jjrr?")
        expect(page.get_by_role("dialog")).to_be_hidden()
        keys.press("Escape")
        expect(page.locator("#filter")).not_to_be_focused()
        keys.press("r")
        page.wait_for_url(f"**/tenants/{failing.cloud_id}#retry-AUTO_12H")
        expect(page.locator("#retry-AUTO_12H input[name=reason]")).to_be_focused()
        found.judge()


def test_the_skip_link_is_first_and_focus_is_seen(
    browser: Browser, world: World, person: Operator
) -> None:
    with opened(browser, world, person=person) as found:
        found.page.bring_to_front()
        found.page.wait_for_load_state("networkidle")
        found.page.keyboard.press("Tab")
        skip = found.page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        found.page.keyboard.press("Enter")
        expect(found.page.locator("#live")).to_be_focused()
        for _ in range(3):
            found.page.keyboard.press("Tab")
            outline = found.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"


def test_every_act_on_a_tenant(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    path = f"/console/tenants/{failing.cloud_id}"
    with opened(browser, world, path, person=person) as found:
        page = found.page
        _act(page, "pause", "Pause the tenant")
        expect(page.get_by_role("status").first).to_contain_text("Paused")
        expect(page.locator(".facts")).to_contain_text("Paused")
        _act(page, "resume", "Resume the tenant")
        expect(page.get_by_role("status").first).to_contain_text("Resumed")
        _act(page, "retry-AUTO_12H", "Retry AUTO_12H now")
        world.told(failing, "GENERATED")
        page.reload()
        expect(page.locator(".reports")).to_contain_text("AUTO_12H revision 1")
        page.locator("#reset-AUTO_12H summary").click()
        expect(page.locator("#reset-AUTO_12H")).to_contain_text(
            "Revision 2 will be made. Revision 1 stays as it is."
        )
        _fill(page, "reset-AUTO_12H", "Reset AUTO_12H")
        expect(page.locator("#milestone-AUTO_12H")).to_contain_text("revision 2")
        expect(page.locator("#earlier summary")).to_have_text("1 earlier revision")
        _act(page, "generate", "Ask for a report")
        expect(page.locator("#milestone-MANUAL")).to_be_visible()
        kinds = ("paused", "resumed", "retry ordered", "reset by an operator", "report asked for")
        for kind in kinds:
            expect(page.locator(".timeline")).to_contain_text(f"{kind}: {WHY}")
        expect(page.locator(".timeline")).to_contain_text("operator:ada")
        found.judge()
        found.is_quiet()


def _act(page: Page, anchor: str, button: str) -> None:
    page.locator(f"#{anchor} summary").click()
    _fill(page, anchor, button)


def _fill(page: Page, anchor: str, button: str) -> None:
    page.locator(f"#{anchor}").get_by_label("Reason").fill(WHY)
    page.locator(f"#{anchor}").get_by_role("button", name=button).click()
    page.wait_for_url("**?did=*")


@pytest.mark.parametrize("width", [1280, NARROW])
def test_a_conflict_shows_the_present_state(
    browser: Browser, world: World, person: Operator, failing: JiraSite, width: int
) -> None:
    """Somebody else was faster: 409, what stands now, and a form that is good again."""
    path = f"/console/tenants/{failing.cloud_id}"
    with opened(browser, world, path, person=person, width=width) as found:
        page = found.page
        page.locator("#retry-AUTO_12H summary").click()
        page.locator("#retry-AUTO_12H").get_by_label("Reason").fill(WHY)
        world.clock.advance(minutes=30)
        world.told(failing, "GENERATED")
        with page.expect_response("**/retry") as answered:
            page.get_by_role("button", name="Retry AUTO_12H now").click()
        assert answered.value.status == 409
        expect(page.get_by_role("alert")).to_contain_text("there is nothing to retry")
        expect(page.locator("#milestone-AUTO_12H .state")).to_have_text("completed")
        expect(page.locator("#retry-AUTO_12H")).to_have_count(0)
        expect(page.locator("#generate").get_by_label("Reason")).to_have_value(WHY)
        found.fits(width)
        found.judge()


def test_what_is_open_is_made_new_without_losing_the_place(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    """The refresh goes on by itself, keeps the focus, and waits while one types or looks away."""
    path = f"/console/tenants/{failing.cloud_id}"
    with tab(browser, world) as found:
        page = found.page
        page.clock.install()
        page.add_init_script(
            "window.away = false;"
            "Object.defineProperty(document, 'hidden', {get: () => window.away})"
        )
        found.open(path)
        found.sign_in(person)
        state = page.locator("#milestone-AUTO_12H .state")
        expect(state).to_have_text("backoff")
        page.get_by_label("Refresh").select_option("10")
        link = page.locator(".timeline + p a")
        link.focus()
        page.evaluate("window.away = true")
        world.clock.advance(minutes=30)
        world.told(failing, "GENERATED")
        asked = len(found.requests)
        page.clock.fast_forward(30_000)
        assert len(found.requests) == asked, "nobody looks"
        page.evaluate("window.away = false")
        page.clock.fast_forward(10_000)
        expect(state).to_have_text("completed")
        expect(link).to_be_focused()
        page.locator("#generate summary").click()
        page.locator("#generate").get_by_label("Reason").fill("half a sen")
        asked = len(found.requests)
        page.clock.fast_forward(60_000)
        assert len(found.requests) == asked, "somebody types"
        expect(page.locator("#generate").get_by_label("Reason")).to_have_value("half a sen")
        page.get_by_label("Refresh").select_option("0")
        page.locator("#generate summary").click()
        page.clock.fast_forward(120_000)
        assert len(found.requests) == asked, "it is off"
        page.reload()
        expect(page.get_by_label("Refresh")).to_have_value("0")


def test_a_session_that_ended_leads_to_the_sign_in_and_back(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    path = f"/console/tenants/{failing.cloud_id}"
    with tab(browser, world) as found:
        found.page.clock.install()
        found.open(path)
        found.sign_in(person)
        expect(found.page.locator("h1")).to_have_text(failing.cloud_id)
        (token,) = world.command("tokens", "list", "--json").json()["tokens"]
        assert world.command("tokens", "revoke", token["token_id"]).code == 0
        found.page.clock.fast_forward(31_000)
        found.page.wait_for_url("**/console/sign-in?to=*")
        found.sign_in(operator(world, Role.VIEWER))
        expect(found.page.locator("h1")).to_have_text(failing.cloud_id)


def test_the_browser_keeps_the_cookie_as_it_is_meant(
    browser: Browser, world: World, person: Operator
) -> None:
    with opened(browser, world, person=person) as found:
        (cookie,) = [
            each for each in found.page.context.cookies() if each["name"] == "__Host-firstry"
        ]
        rules = (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"])
        assert rules == (True, True, "Strict", "/")
        assert cookie["expires"] == -1
        assert found.page.evaluate("document.cookie") == ""
        found.page.get_by_role("button", name="Sign out").click()
        expect(found.page.get_by_role("status")).to_have_text("You are signed out.")
        found.open("/console")
        expect(found.page.locator("h1")).to_have_text("Sign in")


def test_a_link_from_another_site_finds_who_is_signed_in(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    """An alert's link: the strict cookie does not come along, so the page asks once more."""
    with opened(browser, world, person=person) as found:
        page, origin = found.page, found.origin
        link = f"{origin}/console/tenants?filter=state%3Dbackoff"
        page.goto(f"http://localhost:{world.door.port}/healthz")
        page.evaluate("url => { location.href = url }", link)
        page.wait_for_url(link)
        expect(page.locator("h1")).to_have_text("Tenants")
        expect(page.locator("[data-row]")).to_have_count(1)
        page.context.clear_cookies()
        page.goto(f"http://localhost:{world.door.port}/healthz")
        page.evaluate("url => { location.href = url }", link)
        page.wait_for_url("**/console/sign-in?to=*")
        found.sign_in(person)
        page.wait_for_url(link)


def test_without_scripts_everything_works_too(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{world.door.port}/console/tenants")
    assert person.secret is not None
    page.get_by_label("API token").fill(person.secret)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Filter, or any id").fill("error=JIRA_UNAVAILABLE")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name=failing.cloud_id).click()
    page.locator("#retry-AUTO_12H summary").click()
    page.locator("#retry-AUTO_12H").get_by_label("Reason").fill(WHY)
    page.get_by_role("button", name="Retry AUTO_12H now").click()
    expect(page.get_by_role("status").first).to_contain_text("Retry ordered")
    expect(page.locator(".bar")).to_be_hidden()
    context.close()


def test_a_report_is_looked_at_and_saved(
    browser: Browser, world: World, person: Operator, failing: JiraSite
) -> None:
    world.clock.advance(minutes=30)
    report_id = world.told(failing, "GENERATED")["report_id"]
    with opened(browser, world, f"/console/tenants/{failing.cloud_id}", person=person) as found:
        page = found.page
        for format_name, ending in (("json", ".json"), ("pdf", ".pdf"), ("envelope", ".dsse")):
            with page.expect_download() as saved:
                page.get_by_role("link", name=f"Save {format_name} of AUTO_12H").click()
            assert saved.value.suggested_filename.endswith(ending)
        page.get_by_role("link", name="AUTO_12H revision 1", exact=True).click()
        page.wait_for_url(f"**/reports/{report_id}/html")
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none"
        assert page.evaluate("window.origin") == "null", "it is in a sandbox"
