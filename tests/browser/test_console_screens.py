"""Every screen of the console in a real browser: accessible, quiet, readable on any screen."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import stages
from firstry.domain.access import Role
from firstry.domain.evidence import Dataset
from firstry.domain.flag import of_dataset
from firstry.domain.ledger import OPERATOR
from firstry.domain.tenant import Tenant
from firstry.sim.platform_key import KeyRing
from support.console_page import NARROW, THEMES, WIDE, Tab, Theme, opened, tab
from support.console_scene import Fleet, busy
from support.operator_call import Operator, operator
from support.service import World

PICTURES = stages.ROOT / "docs" / "images" / "console"
LOOKS: dict[str, tuple[Theme, int]] = {
    "light": ("light", WIDE),
    "dark": ("dark", WIDE),
    "narrow": ("dark", NARROW),
}
"""What is kept of each screen. `make picture` puts them into docs/images/console."""


@dataclass(frozen=True, slots=True)
class Yard:
    """A service with tenants in every state, and somebody of each role."""

    world: World
    fleet: Fleet
    people: dict[Role, Operator]

    def path(self, screen: str) -> str:
        """Return where a screen of SCREENS is."""
        failing, done = self.fleet.failing[0].cloud_id, self.fleet.missed[0].cloud_id
        return SCREENS[screen].format(failing=failing, done=done)


SCREENS = {
    "overview": "/console",
    "tenants": "/console/tenants",
    "filtered": "/console/tenants?filter=state%3Dbackoff%20backoff%3E10m",
    "unmeant": "/console/tenants?filter=state%3Ddiscarded",
    "tenant": "/console/tenants/{failing}",
    "reported": "/console/tenants/{done}",
    "failures": "/console/failures",
    "bulk": "/console/bulk?act=retry&filter=state%3Dbackoff",
    "unasked": "/console/bulk",
    "ledger": "/console/ledger?actor=scheduler",
    "narrowed": "/console/ledger?tenant={failing}",
    "flags": "/console/flags",
    "health": "/console/health",
}
HEIGHT, TALLEST = 900, 1800
KEPT = ("overview", "tenants", "tenant", "failures", "bulk", "ledger", "flags", "health")


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[Yard]:
    with World(tmp_path_factory.mktemp("console"), keys) as world:
        fleet = busy(world)
        turned = Tenant.from_operator(fleet.waiting[0].cloud_id)
        filters, why = of_dataset(Dataset.FILTERS), "the site asked for it"
        world.operators.insight.flags.turn(
            filters, turned, to_on=False, reason=why, actor=OPERATOR, now=world.now()
        )
        yield Yard(world, fleet, {role: operator(world, role, f"{role}-ada") for role in Role})
        assert world.breaches() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("look", LOOKS)
def test_every_screen_in_light_dark_and_narrow(
    browser: Browser, yard: Yard, screens: Path, look: str
) -> None:
    """axe finds nothing, nothing is cut off, nothing is asked of anybody else; and a picture."""
    theme, width = LOOKS[look]
    (screens / "console").mkdir(exist_ok=True)
    person = yard.people[Role.OPERATOR]
    with opened(browser, yard.world, width=width, theme=theme, person=person) as found:
        for name in SCREENS:
            found.open(yard.path(name))
            found.judge()
            found.fits(width)
            if name in KEPT:
                picture = screens / "console" / f"{name}-{look}.png"
                tall = found.page.evaluate("document.documentElement.scrollHeight")
                height = min(tall, TALLEST) if look == "narrow" else HEIGHT
                found.page.screenshot(
                    path=picture,
                    full_page=look == "narrow",
                    clip={"x": 0, "y": 0, "width": width, "height": height},
                )
                assert _width(picture) == width
        found.is_quiet()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_signing_in_and_what_goes_wrong(
    browser: Browser, yard: Yard, theme: Theme, width: int
) -> None:
    """The pages that stand alone, and the error pages, keep to the same rules."""
    with tab(browser, yard.world, width=width, theme=theme) as found:
        found.open("/console/sign-in")
        _is_right(found, width)
        found.page.get_by_label("API token").fill("not a token")
        found.page.get_by_role("button", name="Sign in").click()
        expect(found.page.get_by_role("alert")).to_contain_text("this is no token of this service")
        _is_right(found, width)
        found.sign_in(yard.people[Role.VIEWER])
        for path, says in {
            "/console/nowhere": "the console has no such page",
            "/console/tenants/none-like-it": "there is no tenant",
            "/console/tenants?filter=state%3Dbackof": "at character 7",
            "/console/tenants?filter=state%3Dbackoff%20nope%3D1": "is no field",
            "/console/bulk?act=retry&filter=late": "has no field and operator",
            "/console/bulk/j-none": "there is no job",
            "/console/ledger?tenant=a%20b": "is not a cloudId",
        }.items():
            found.open(path)
            expect(found.page.get_by_role("alert")).to_contain_text(says)
            _is_right(found, width)


def _is_right(found: Tab, width: int) -> None:
    found.judge()
    found.fits(width)


def test_the_pictures_of_the_docs_are_these() -> None:
    assert {path.stem for path in PICTURES.glob("*.png")} >= {
        f"{name}-{look}" for name in KEPT for look in LOOKS
    }
    for name in KEPT:
        assert _width(PICTURES / f"{name}-narrow.png") == NARROW


def _width(picture: Path) -> int:
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    (width,) = struct.unpack(">I", content[16:20])
    return int(width)


@pytest.mark.timeout(120)
def test_the_reader_chooses_the_theme(browser: Browser, yard: Yard) -> None:
    """By the system, or by the choice at the bottom of the page, which stays."""
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    seen: dict[str, str] = {}
    person = yard.people[Role.VIEWER]
    for theme in THEMES:
        with opened(browser, yard.world, theme=theme, person=person) as found:
            seen[theme] = found.page.evaluate(ground)
            other = "dark" if theme == "light" else "light"
            found.page.get_by_label("Theme").select_option(other)
            seen[f"{theme}, {other} chosen"] = found.page.evaluate(ground)
            found.page.reload()
            assert found.page.evaluate(ground) == seen[f"{theme}, {other} chosen"]
            expect(found.page.get_by_label("Theme")).to_have_value(other)
            found.judge()
            found.page.get_by_label("Theme").select_option("auto")
            assert found.page.evaluate(ground) == seen[theme]
    assert seen["light"] != seen["dark"]
    assert seen["light, dark chosen"] == seen["dark"]
    assert seen["dark, light chosen"] == seen["light"]


def test_text_may_be_spaced_as_a_reader_needs_it(browser: Browser, yard: Yard) -> None:
    """WCAG 1.4.12: with the spacing that it names nothing is lost."""
    person = yard.people[Role.OPERATOR]
    with opened(browser, yard.world, width=400, person=person) as found:
        for name in SCREENS:
            found.open(yard.path(name))
            found.page.evaluate(
                "for (const e of document.querySelectorAll('p,dt,dd,h1,h2,li,code,button,th,td'))"
                "{ e.style.lineHeight = '1.5'; e.style.letterSpacing = '0.12em';"
                " e.style.wordSpacing = '0.16em' }"
            )
            assert found.page.evaluate("document.documentElement.scrollWidth") <= 400, name


def test_an_instant_shows_its_utc_on_hover_and_on_focus(browser: Browser, yard: Yard) -> None:
    person = yard.people[Role.VIEWER]
    with opened(browser, yard.world, yard.path("tenant"), person=person) as found:
        instant = found.page.locator("time[title]").first
        assert instant.get_attribute("title") == "2026-03-02 09:00:00 UTC"
        assert instant.inner_text() == "12 h ago"
        instant.focus()
        shown = instant.evaluate("e => getComputedStyle(e, '::after').content")
        assert shown == '" 2026-03-02 09:00:00 UTC"'


RUN_TEXT = """() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = 1';
    document.body.append(script);
    document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.ran = 1">');
}"""
ASK_ELSEWHERE = "fetch('http://elsewhere.invalid/').then(() => 'sent', () => 'refused')"


def test_the_policy_holds_in_the_browser(browser: Browser, yard: Yard) -> None:
    """No text becomes code, and nothing is asked of anybody else; htmx does not try."""
    with opened(browser, yard.world, person=yard.people[Role.VIEWER]) as found:
        assert found.complaints == []
        found.page.evaluate(RUN_TEXT)
        assert found.page.evaluate(ASK_ELSEWHERE) == "refused"
        assert found.page.evaluate("window.ran") is None
        told = " ".join(found.complaints)
        assert told.count("violates the following Content Security Policy directive") >= 3
        assert found.page.evaluate("htmx.config.includeIndicatorCSS") is False
