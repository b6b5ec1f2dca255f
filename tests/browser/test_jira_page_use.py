"""What people do with the page in Jira, and what it never does by itself."""

import json
from base64 import b64decode
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from firstry.exports.key import trusted
from firstry.exports.verify import verify
from firstry.sim.platform_key import KeyRing
from support.forge_app import JiraPage, built, ready, texts
from support.jira_page import ADMIN, DOWNLOAD, GENERATE, STATUS, VIEWER, Visit, touch, visit
from support.jira_scene import (
    Scene,
    Staged,
    both_reports,
    generating,
    opened,
    service_of,
    staged,
)
from support.process import Fleet
from support.service import World
from support.wire import Answer

BUDGET_BYTES = 130_000


def test_only_a_press_asks_for_a_report(browser: Browser, fresh: Staged) -> None:
    """P41: opening and looking send no POST; one press sends one."""
    world, site = fresh
    jira = opened(browser, fresh)
    with jira as page:
        ready(page)
        assert jira.calls == [("GET", STATUS)]
        page.get_by_role("button", name="Generate now").click()
        page.get_by_text("The report is stored and shown below.").wait_for()
        page.wait_for_selector("#report h2")
        assert [each for each in jira.calls if each[0] == "POST"] == [("POST", GENERATE)]
        assert page.inner_text("#headline h2") == "The report is stored"
    assert len(visit(world, site).told(STATUS)["reports"]) == 1


def test_a_report_that_does_not_verify_is_not_shown(
    browser: Browser, tmp_path: Path, keys: KeyRing
) -> None:
    """Nothing of it, in no place; and why."""
    world = World(tmp_path, keys)
    with world:
        site = both_reports(world)
        touch(world)
        with opened(browser, (world, site)) as page:
            ready(page)
            assert "does not verify" in page.inner_text("#notice")
            assert page.locator("#report *, #download *, #verify *").count() == 0
            assert "Done" in page.inner_text("#schedule")


@pytest.mark.parametrize("format_name", ["json", "envelope", "html", "pdf"])
def test_downloads(browser: Browser, reported: Staged, format_name: str) -> None:
    """P42: each file is what the service exports, byte for byte, under its right name."""
    found = visit(*reported).told(DOWNLOAD, format=format_name)
    with opened(browser, reported) as page:
        ready(page)
        with page.expect_download() as waiting:
            page.click(f"[data-format={format_name}]")
        file = waiting.value
        content = Path(file.path()).read_bytes()
        page.get_by_text(f"{file.suggested_filename} was handed to your browser.").wait_for()
    assert file.suggested_filename == found["name"]
    assert content == b64decode(found["content_base64"])


def test_an_earlier_report_can_be_looked_at(browser: Browser, reported: Staged) -> None:
    with opened(browser, reported) as page:
        ready(page)
        assert "AUTO_24H" in page.inner_text("#report .head")
        page.get_by_role("button", name="Show: 12 hours after installation").click()
        page.locator("#report .head", has_text="AUTO_12H").wait_for()


def test_a_report_that_is_made_appears_by_itself(
    browser: Browser, tmp_path: Path, keys: KeyRing
) -> None:
    """The page looks again while a report is made, and stops when it is there."""
    with staged(Scene("generating", generating, ""), tmp_path, keys) as found:
        jira = opened(browser, found)
        with jira as page:
            ready(page)
            assert page.inner_text("#headline h2") == "A report is being made"
            page.click("#method summary")
            page.focus("[data-format=json]")
            page.locator("#report .head", has_text="AUTO_24H").wait_for()
            assert page.inner_text("#headline h2") == "The report is stored"
            assert {method for method, _ in jira.calls} == {"GET"}


def test_everything_works_by_keyboard(browser: Browser, reported: Staged) -> None:
    with opened(browser, reported) as page:
        ready(page)
        names = []
        for _ in range(6):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.innerText"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
        assert names[:5] == ["Generate now", "PDF", "JSON", "Signature", "HTML"]


# What others send


HOSTILE = ("<img src=x onerror=alert(1)>", "\u202etxt.exe", "</script><script>alert(1)</script>")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(
    browser: Browser, reported: Staged, text: str
) -> None:
    """P37: whatever a text says, it is read and never run, also where a message carries it."""
    honest = service_of(*reported)

    def spoiled(module: str, method: str, path: str, body: bytes) -> Answer:
        answer = honest(module, method, path, body)
        content = answer.json()
        if path == STATUS:
            content["triggers"][0]["trigger"] = text
            error = {"code": "OTHER", "message": text, "at": content["timestamp"], "attempt": 1}
            content["triggers"][0]["last_error"] = error
        else:
            content["document"]["parts"][0]["items"][0]["label"] = text
        return Answer(answer.status, answer.headers, json.dumps(content).encode(), answer.elapsed)

    jira = JiraPage(browser, "report-page", "page", spoiled)
    with jira as page:
        ready(page)
        assert page.locator(f"text={text}").count() >= 2 or text in page.inner_text("#schedule")
        assert text in texts(page, "#report")
        assert page.locator("main img, main script").count() == 0
    assert (jira.complaints, jira.strangers) == ([], [])


@pytest.mark.parametrize("drops_error_bodies", [False, True])
def test_who_may_not_is_told_so(
    browser: Browser, reported: Staged, drops_error_bodies: bool
) -> None:
    """Also where the platform passes only the status of a refusal on."""
    world, site = reported
    service = service_of(world, site, VIEWER)
    jira = JiraPage(browser, "report-page", "page", service, drops_error_bodies=drops_error_bodies)
    with jira as page:
        ready(page)
        assert page.inner_text("#headline h2") == "You cannot see this page"
        assert "Administer Jira" in page.inner_text("#headline p")
        assert page.locator("#report *, #schedule *").count() == 0


def test_a_service_that_is_away_is_said_and_asked_again(browser: Browser, reported: Staged) -> None:
    honest, is_away = service_of(*reported), [True]

    def service(module: str, method: str, path: str, body: bytes) -> Answer:
        if is_away[0]:
            return Answer(502, {}, b"{}", 0.0)
        return honest(module, method, path, body)

    with JiraPage(browser, "report-page", "page", service) as page:
        ready(page)
        assert "did not answer" in page.inner_text("#headline")
        is_away[0] = False
        page.get_by_role("button", name="Try again").click()
        page.wait_for_selector("#report h2")


def test_outside_of_jira_it_says_so(browser: Browser, reported: Staged) -> None:
    jira = opened(browser, reported, with_bridge=False)
    with jira as page:
        page.get_by_text("This page works inside Jira only.").wait_for()
    assert jira.calls == []


def test_the_gadget_loads_itself_anew_when_jira_asks(browser: Browser, fresh: Staged) -> None:
    world, site = fresh
    jira = JiraPage(browser, "report-gadget", "gadget", service_of(world, site), width=480)
    with jira as page:
        ready(page)
        assert page.locator("#gadget dd").all_inner_texts() == [
            "None yet",
            "12 hours after installation: Not due yet, not before 1 Mar 2026, 21:00 UTC",
        ]
        world.clock.advance(hours=12, minutes=7)
        world.told(site, "GENERATED")
        page.evaluate("__told.listeners.JIRA_DASHBOARD_GADGET_REFRESH.forEach(each => each({}))")
        page.get_by_text("12 hours after installation, made on 1 Mar 2026, 21:07 UTC").wait_for()


# Against the program itself


@pytest.mark.timeout(120)
def test_before_firstry_serve(browser: Browser, tmp_path: Path, keys: KeyRing) -> None:
    """A process of its own: press, read, take the JSON away, and verify it."""
    with Fleet(tmp_path, keys) as fleet:
        serving = fleet.serve("all")
        site = fleet.installed(serving)
        site.administrators.add(ADMIN)
        port = serving.port

        def service(module: str, method: str, path: str, body: bytes) -> Answer:
            now = fleet.clock.now()
            return Visit(port, fleet.platform, site, now).call(
                path, method, body=body, module=module
            )

        with JiraPage(browser, "report-page", "page", service) as page:
            ready(page)
            page.get_by_role("button", name="Generate now").click()
            page.wait_for_selector("#report h2")
            files = {}
            for name in ("json", "envelope"):
                with page.expect_download() as waiting:
                    page.click(f"[data-format={name}]")
                files[name] = Path(waiting.value.path()).read_bytes()
        serving.stop()
        keyring = trusted(fleet.database.store().public_keys())
    assert verify(files["json"], files["envelope"], keyring).holds


# Small and quick


def test_something_is_there_before_any_script_runs(browser: Browser) -> None:
    """The first content is in the page itself, and the page is small."""
    folder = built() / "static" / "page" / "dist"
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.route("**/*", lambda route: route.fulfill(body="", content_type="text/css"))
    page.set_content((folder / "index.html").read_text("utf-8"))
    assert page.inner_text("h1") == "Trust report"
    assert "Asking Jira" in page.inner_text("main")
    context.close()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < BUDGET_BYTES
