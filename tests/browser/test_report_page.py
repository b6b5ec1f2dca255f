"""The page of a report in a real browser: accessible, quiet, readable on any screen."""

import json
import re
import struct
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

import stages
from firstry.exports.file import export
from firstry.exports.format import Format
from support.report import forecast_report, real_site, signed, smallest
from support.signing import PUBLIC_KEY

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
REPORTS = {
    "real": signed(evidence=real_site()),
    "smallest": smallest(),
    "forecast": forecast_report(),
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PICTURE = stages.ROOT / "docs" / "images" / "report.png"
PICTURE_SIZE = (1280, 960)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported pages, one file each."""
    path = tmp_path_factory.mktemp("pages")
    for name, report in REPORTS.items():
        [file] = export(report, Format.HTML, [PUBLIC_KEY])
        (path / f"{name}.html").write_bytes(file.content)
    return path


class Opened:
    """A page that was opened from its file, and everything it asked for or complained of."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path.as_uri())

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression gives; the page itself has no script."""
        return self.page.evaluate(expression)


@pytest.fixture
def opened(browser: Browser, folder: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Open the page that the test asks for: (name, width, theme)."""
    name, width, theme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, offline=True
    )
    yield Opened(context.new_page(), folder / f"{name}.html")
    context.close()


LOOKS = [("real", width, theme) for width in (1280, 320) for theme in THEMES]
EACH = [*LOOKS, ("smallest", 1280, "light"), ("forecast", 1280, "dark")]


def named(look: tuple[str, int, str]) -> str:
    return "-".join(map(str, look))


@pytest.mark.parametrize("opened", EACH, indirect=True, ids=named)
def test_axe_finds_nothing(opened: Opened) -> None:
    """WCAG 2.2 AA, in both themes."""
    opened.page.evaluate(AXE)
    found = opened.value(f"axe.run({{runOnly: {json.dumps(RULES)}}})")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
    assert [v["id"] for v in found["incomplete"]] == []
    assert len(found["passes"]) > 15


@pytest.mark.parametrize("opened", LOOKS, indirect=True, ids=named)
def test_the_page_loads_nothing_and_has_nothing_to_complain_of(opened: Opened) -> None:
    assert [url.partition(":")[0] for url in opened.requests] == ["file"]
    assert opened.complaints == []


@pytest.mark.parametrize("opened", [(n, 320, "light") for n in REPORTS], indirect=True, ids=named)
def test_nothing_is_cut_off_on_a_narrow_screen(opened: Opened) -> None:
    """WCAG 1.4.10: 320 px, no scrolling sideways, nothing outside of the page."""
    assert opened.value("document.documentElement.scrollWidth") == 320
    outside = opened.value(
        "[...document.querySelectorAll('body *')]"
        ".filter(e => e.getBoundingClientRect().right > 320.5).length"
    )
    assert outside == 0


@pytest.mark.parametrize("opened", [("real", 1280, "light")], indirect=True, ids=named)
def test_the_text_may_be_spaced_as_a_reader_needs_it(opened: Opened) -> None:
    """WCAG 1.4.12: with the spacing that it names nothing is lost."""
    opened.page.set_viewport_size({"width": 400, "height": 900})
    for element in ("p", "dt", "dd", "h1", "h2", "h3", "li", "code"):
        opened.page.eval_on_selector_all(
            element,
            "all => all.forEach(e => { e.style.lineHeight = '1.5';"
            "e.style.letterSpacing = '0.12em'; e.style.wordSpacing = '0.16em'; })",
        )
    assert opened.value("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("opened", LOOKS, indirect=True, ids=named)
def test_screenshots(opened: Opened, screens: Path, request: pytest.FixtureRequest) -> None:
    """To be looked at: build/screens. Each shows the whole page."""
    name = request.node.callspec.id
    picture = opened.page.screenshot(path=screens / f"{name}.png", full_page=True)
    width, height = size_of(picture)
    assert width == opened.value("window.innerWidth")
    assert height > 3000
    assert len(picture) > 100_000


def test_the_themes_differ_and_the_reader_chooses(browser: Browser, folder: Path) -> None:
    seen = []
    for theme in THEMES:
        page = browser.new_page(color_scheme=theme)
        page.goto((folder / "real.html").as_uri())
        seen.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert len(set(seen)) == 2


JIRA = {
    "light": {
        "--ds-surface": "#FFFFFF",
        "--ds-surface-sunken": "#F8F8F8",
        "--ds-text": "#292A2E",
        "--ds-text-subtle": "#505258",
        "--ds-border": "#0B120E24",
        "--ds-border-bold": "#7D818A",
        "--ds-font-family-body": '"Atlassian Sans", ui-sans-serif, sans-serif',
    },
    "dark": {
        "--ds-surface": "#1F1F21",
        "--ds-surface-sunken": "#18191A",
        "--ds-text": "#CECFD2",
        "--ds-text-subtle": "#A9ABAF",
        "--ds-border": "#E3E4F21F",
        "--ds-border-bold": "#7E8188",
        "--ds-font-family-body": '"Atlassian Sans", ui-sans-serif, sans-serif',
    },
}
"""Design tokens as Jira sets them on the root of a page, by its theme."""
SET_TOKENS = """([theme, tokens]) => {
    document.documentElement.dataset.colorMode = theme;
    for (const [name, value] of Object.entries(tokens))
        document.documentElement.style.setProperty(name, value);
}"""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("opened", [("real", 1280, "light")], indirect=True, ids=named)
def test_inside_jira_its_design_tokens_decide(opened: Opened, screens: Path, theme: str) -> None:
    """Whatever the system prefers; every colour and the font are then Jira's, and axe is clean."""
    opened.page.emulate_media(color_scheme="dark" if theme == "light" else "light")
    opened.page.evaluate(SET_TOKENS, [theme, JIRA[theme]])
    looks = "getComputedStyle(document.querySelector('{}')).{}"
    tokens = JIRA[theme]
    assert hex_of(opened.value(looks.format("body", "backgroundColor"))) == tokens["--ds-surface"]
    assert hex_of(opened.value(looks.format("body", "color"))) == tokens["--ds-text"]
    assert hex_of(opened.value(looks.format(".lead", "color"))) == tokens["--ds-text-subtle"]
    assert (
        hex_of(opened.value(looks.format("pre", "backgroundColor")))
        == (tokens["--ds-surface-sunken"])
    )
    assert "Atlassian Sans" in opened.value(looks.format("body", "fontFamily"))
    assert opened.value(looks.format("html", "colorScheme")) == theme
    opened.page.evaluate(AXE)
    found = opened.value(f"axe.run({{runOnly: {json.dumps(RULES)}}})")
    assert [v["id"] for v in (*found["violations"], *found["incomplete"])] == []
    opened.page.screenshot(path=screens / f"jira-{theme}.png", full_page=True)


def hex_of(colour: str) -> str:
    """Return `rgb(1, 2, 3)` as it is written in a style sheet."""
    return "#" + "".join(f"{int(part):02X}" for part in re.findall(r"\d+", colour))


def test_paper_is_white_in_both_themes(browser: Browser, folder: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto((folder / "real.html").as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_page_one_is_one_sheet_of_paper(browser: Browser, folder: Path) -> None:
    """What gets forwarded fits on A4: the first page of the print is the cover and no more."""
    page = browser.new_page()
    page.goto((folder / "real.html").as_uri())
    whole = sheets(page.pdf(prefer_css_page_size=True))
    page.evaluate("document.querySelectorAll('main > section, footer').forEach(e => e.remove())")
    assert sheets(page.pdf(prefer_css_page_size=True)) == 1
    assert 4 <= whole <= 10
    page.close()


def sheets(pdf: bytes) -> int:
    """Return the number of pages in a PDF of Chromium."""
    return len(re.findall(rb"/Type */Page\b(?!s)", pdf))


def test_the_picture_of_the_readme(browser: Browser, folder: Path, screens: Path) -> None:
    """`make picture` puts it into docs/images; what is kept there has the size of this one."""
    width, height = PICTURE_SIZE
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    page.goto((folder / "real.html").as_uri())
    assert size_of(page.screenshot(path=screens / PICTURE.name)) == PICTURE_SIZE
    assert size_of(PICTURE.read_bytes()) == PICTURE_SIZE
    page.close()


def size_of(picture: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height
