"""How the page and the gadget in Jira look: built, in a real browser, before a real service."""

import json
from importlib import resources
from pathlib import Path
from struct import unpack

import pytest
from playwright.sync_api import Browser, Page

import stages
from firstry.domain.report.guard import forbidden_words
from firstry.sim.platform_key import KeyRing
from support.forge_app import JiraPage
from support.jira_scene import LOOKS, SCENES, Scene, service_of, staged

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PICTURES = stages.ROOT / "docs" / "images" / "jira"
HEIGHT = 720
TALLEST = 1400
GADGET_SCENES = [scene for scene in SCENES if scene.name in ("report", "no-administrator")]


def axe(page: Page) -> None:
    """Require that axe finds nothing, and that nothing is left for it to wonder about."""
    page.evaluate(AXE)
    found = page.evaluate(f"axe.run({{runOnly: {json.dumps(RULES)}}})")
    for kind in ("violations", "incomplete"):
        assert [(each["id"], each["nodes"][0]["html"]) for each in found[kind]] == []
    assert len(found["passes"]) > 10


def picture(page: Page, path: Path, width: int) -> None:
    """Keep the page as far as a reader would scroll, the same width everywhere."""
    path.parent.mkdir(exist_ok=True)
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    page.screenshot(
        path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height}
    )


def nothing_is_cut_off(page: Page, width: int) -> None:
    """WCAG 1.4.10: no scrolling sideways, nothing outside of the page."""
    assert page.evaluate("document.documentElement.scrollWidth") == width
    inside = page.locator("main *:not(.unseen)").evaluate_all(
        "all => Math.max(...all.map(each => each.getBoundingClientRect().right))"
    )
    assert inside <= width + 0.5


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_each_state_in_light_dark_and_narrow(
    scene: Scene, browser: Browser, tmp_path: Path, keys: KeyRing, screens: Path
) -> None:
    """Right words, axe clean, nothing cut off, nothing loaded from elsewhere; and a picture."""
    with staged(scene, tmp_path, keys) as (world, site):
        for look, (theme, width) in LOOKS.items():
            service = service_of(world, site, scene.person)
            jira = JiraPage(browser, "report-page", "page", service, theme, width, HEIGHT)
            with jira as page:
                page.wait_for_selector("#app[aria-busy=false]")
                assert page.inner_text("#headline h2") == scene.says
                picture(page, screens / "jira" / f"{scene.name}-{look}.png", width)
                axe(page)
                nothing_is_cut_off(page, width)
                assert forbidden_words(page.inner_text("main")) == ()
                assert (jira.complaints, jira.strangers) == ([], [])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scene", GADGET_SCENES, ids=lambda scene: scene.name)
def test_the_gadget_in_light_dark_and_narrow(
    scene: Scene, browser: Browser, tmp_path: Path, keys: KeyRing, screens: Path
) -> None:
    with staged(scene, tmp_path, keys) as (world, site):
        for look, (theme, width) in LOOKS.items():
            width = min(width, 480)  # a dashboard's column, or a phone
            service = service_of(world, site, scene.person)
            jira = JiraPage(browser, "report-gadget", "gadget", service, theme, width, 140)
            with jira as page:
                page.wait_for_selector("#app[aria-busy=false]")
                picture(page, screens / "jira" / f"gadget-{scene.name}-{look}.png", width)
                axe(page)
                nothing_is_cut_off(page, width)
                assert forbidden_words(page.inner_text("main")) == ()
                assert (jira.complaints, jira.strangers) == ([], [])


def test_the_pictures_of_the_docs_show_every_state() -> None:
    """`make picture` puts them into docs/images/jira."""
    names = {f"{scene.name}-{look}" for scene in SCENES for look in LOOKS}
    names |= {f"gadget-{scene.name}-{look}" for scene in GADGET_SCENES for look in LOOKS}
    assert {path.stem for path in PICTURES.glob("*.png")} == names
    for path in PICTURES.glob("*-narrow.png"):
        assert unpack(">I", path.read_bytes()[16:20]) == (320,)


def test_the_themes_differ(browser: Browser, tmp_path: Path, keys: KeyRing) -> None:
    """The colours are Jira's own, as it hands them over."""
    seen = []
    with staged(SCENES[1], tmp_path, keys) as (world, site):
        for theme in ("light", "dark"):
            with JiraPage(browser, "report-page", "page", service_of(world, site), theme) as page:
                page.wait_for_selector("#app[aria-busy=false]")
                body = "getComputedStyle(document.body)"
                seen.append(page.evaluate(f"[{body}.backgroundColor, {body}.color]"))
    assert seen[0][0] == "rgb(255, 255, 255)"
    assert not set(seen[0]) & set(seen[1])


def test_text_may_be_spaced_as_a_reader_needs_it(
    browser: Browser, tmp_path: Path, keys: KeyRing
) -> None:
    """WCAG 1.4.12: with the spacing that it names nothing is lost."""
    with staged(SCENES[0], tmp_path, keys) as (world, site):
        jira = JiraPage(browser, "report-page", "page", service_of(world, site), "light", 400)
        with jira as page:
            page.wait_for_selector("#app[aria-busy=false]")
            page.evaluate(
                "for (const e of document.querySelectorAll('p,dt,dd,h1,h2,h3,h4,li,code,button'))"
                "{ e.style.lineHeight = '1.5'; e.style.letterSpacing = '0.12em';"
                " e.style.wordSpacing = '0.16em' }"
            )
            nothing_is_cut_off(page, 400)
