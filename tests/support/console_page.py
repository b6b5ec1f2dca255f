"""The console in a real browser: signed in, watched, judged by axe."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Literal

from playwright.sync_api import Browser, Page

from firstry.domain.access import Role
from support.operator_call import Operator, operator
from support.service import World

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
WIDE, NARROW = 1280, 320


class Tab:
    """One tab of a browser, and everything that it asked for or complained of."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str) -> None:
        """Open an address of the service."""
        self.page.goto(self.origin + path)

    def sign_in(self, person: Operator) -> None:
        """Sign in with an API token on the page that is open."""
        assert person.secret is not None
        self.page.get_by_label("API token").fill(person.secret)
        self.page.get_by_role("button", name="Sign in").click()

    def judge(self) -> None:
        """Require that axe finds nothing: WCAG 2.2 AA and its best practices."""
        # As the tools of a browser do it: the page's own policy runs no text as a script.
        found = self.page.evaluate(f"{AXE}; axe.run({{runOnly: {json.dumps(RULES)}}})")
        for verdict in ("violations", "incomplete"):
            told = [(v["id"], [n["html"] for n in v["nodes"]]) for v in found[verdict]]
            assert not told, f"{verdict} at {self.page.url}: {told}"
        assert len(found["passes"]) > 15

    def fits(self, width: int = NARROW) -> None:
        """Require that nothing has to be scrolled sideways or is cut off (WCAG 1.4.10)."""
        assert self.page.evaluate("document.documentElement.scrollWidth") == width
        outside = self.page.evaluate(
            "width => [...document.querySelectorAll('body *')]"
            ".filter(e => e.checkVisibility() && !e.closest('thead, .skip'))"
            ".filter(e => e.getBoundingClientRect().right > width + 0.5)"
            ".map(e => e.outerHTML.slice(0, 200))",
            width,
        )
        assert outside == []

    def is_quiet(self) -> None:
        """Require that nothing was asked of anybody else and nothing was complained of."""
        assert [url for url in self.requests if not url.startswith(self.origin)] == []
        assert self.complaints == []


@contextmanager
def tab(
    browser: Browser, world: World, *, width: int = WIDE, theme: Theme = "light"
) -> Iterator[Tab]:
    """Lend a tab of a fresh profile, signed in nowhere."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    try:
        yield Tab(context.new_page(), f"http://127.0.0.1:{world.door.port}")
    finally:
        context.close()


@contextmanager
def opened(
    browser: Browser,
    world: World,
    path: str = "/console",
    *,
    width: int = WIDE,
    theme: Theme = "light",
    person: Operator | None = None,
) -> Iterator[Tab]:
    """Lend a tab in which somebody, by default a new operator, is signed in and at `path`."""
    someone = person or operator(world, Role.OPERATOR)
    with tab(browser, world, width=width, theme=theme) as found:
        found.open(path)
        found.sign_in(someone)
        yield found
