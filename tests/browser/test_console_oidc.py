"""Sign-in by the identity provider in a real Chromium, with the provider on another site.

The console is at 127.0.0.1 and the provider at localhost: two sites to a browser, so what
cookies do between them is what they do between two companies.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from firstry.sim.platform_key import KeyRing
from support.console_page import THEMES, Theme, tab
from support.oidc_provider import OidcProvider
from support.oidc_visit import CLOCK, visit
from support.service import World


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    """A provider on another site."""
    with OidcProvider(CLOCK.now, "localhost") as provider:
        yield provider


@pytest.fixture(scope="module")
def console(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing, provider: OidcProvider
) -> Iterator[World]:
    """A console that trusts it."""
    folder: Path = tmp_path_factory.mktemp("oidc")
    with World(folder, keys, clock=CLOCK, **provider.settings) as world:
        visit(world, provider)
        yield world


def test_from_a_link_to_the_provider_and_back_to_where_one_wanted(
    browser: Browser, console: World, provider: OidcProvider
) -> None:
    provider.be_honest()
    site = console.installed()
    with tab(browser, console) as found:
        page = found.page
        found.open(f"/console/tenants/{site.cloud_id}")
        page.get_by_role("link", name="Sign in with localhost").click()
        assert urlsplit(page.url).hostname == "localhost"
        page.get_by_role("button", name="Continue as ann@example.com").click()
        expect(page.locator(".who b")).to_have_text("oidc ann@example.com")
        assert page.url == f"{found.origin}/console/tenants/{site.cloud_id}"
        cookies = {each["name"]: each for each in page.context.cookies(found.origin)}
        assert "__Host-firstry-oidc" not in cookies, "used up"
        assert cookies["__Host-firstry"]["sameSite"] == "Strict"
        assert all(each["httpOnly"] and each["secure"] for each in cookies.values())
        page.reload()
        expect(page.locator(".who b")).to_have_text("oidc ann@example.com")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_have_text("You are signed out.")
        assert found.complaints == []


def test_the_way_back_is_shut_behind_oneself(
    browser: Browser, console: World, provider: OidcProvider
) -> None:
    """The browser's back button brings the used answer once more, and it counts for nothing."""
    provider.be_honest()
    with tab(browser, console) as found:
        page = found.page
        found.open("/console/sign-in")
        page.get_by_role("link", name="Sign in with localhost").click()
        with page.expect_response(lambda answer: "/oidc/callback" in answer.url) as back:
            page.get_by_role("button").click()
        expect(page.locator(".who b")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_be_visible()
        page.goto(back.value.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("That is not allowed")
        page.get_by_role("link", name="To the overview").click()
        expect(page.get_by_label("API token")).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
def test_pages_of_the_sign_in_are_accessible(
    browser: Browser, console: World, provider: OidcProvider, theme: Theme
) -> None:
    """The page with the link, and the one for somebody without a role; wide and narrow."""
    for width in (1280, 320):
        provider.be_honest()
        provider.person["groups"] = ["nobody"]
        with tab(browser, console, width=width, theme=theme) as found:
            found.open("/console/sign-in")
            found.judge()
            found.page.get_by_role("link", name="Sign in with localhost").click()
            found.page.get_by_role("button").click()
            expect(found.page.get_by_text("none of your groups has a role here")).to_be_visible()
            found.judge()
            if width == 320:
                found.fits()
