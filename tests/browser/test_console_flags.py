"""Switches, settings, health and tokens in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from firstry.domain.access import Role
from firstry.sim.platform_key import KeyRing
from support.console_page import NARROW, THEMES, WIDE, Theme, opened
from support.operator_call import operator
from support.service import SECRETS, World

WHY = "support case 17"


@pytest.fixture
def world(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A running service; what it stored must break no invariant."""
    with World(tmp_path, keys) as world:
        yield world
        assert world.breaches() == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_flag_is_turned_off_and_on_again(
    browser: Browser, world: World, theme: Theme, width: int
) -> None:
    person = operator(world, Role.OPERATOR, "ada")
    with opened(browser, world, "/console/flags", person=person, theme=theme, width=width) as found:
        page = found.page
        page.emulate_media(reduced_motion="reduce")
        row = page.locator("[id='flag-generation']")
        row.locator("summary").click()
        found.judge()
        found.fits(width)
        row.get_by_label("Reason").fill(WHY)
        row.get_by_role("button", name="Switch off for everybody").click()
        page.wait_for_url("**?did=off")
        expect(page.get_by_role("status").first).to_have_text("Switched off.")
        expect(row.locator(".switch")).to_have_text("off")
        expect(row).to_contain_text(WHY)
        expect(row).to_contain_text("operator:ada")
        found.judge()
        found.fits(width)
        row.locator("summary").click()
        row.get_by_label("Reason").fill(WHY)
        row.get_by_role("button", name="Switch on for everybody").click()
        page.wait_for_url("**?did=on")
        expect(row.locator(".switch")).to_have_text("on")
        found.is_quiet()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_flag_of_one_tenant(browser: Browser, world: World, width: int) -> None:
    site = world.installed()
    person = operator(world, Role.OPERATOR, "ada")
    with opened(browser, world, "/console/flags", person=person, width=width) as found:
        page = found.page
        form = page.locator("#one-tenant")
        for tenant, says in (("none-like-it", "there is no tenant"), (site.cloud_id, "")):
            if not form.get_by_label("Tenant").is_visible():
                form.locator("summary").click()
            form.get_by_label("Flag").select_option("trigger.AUTO_12H")
            form.get_by_label("State").select_option("off")
            form.get_by_label("Tenant").fill(tenant)
            form.get_by_label("Reason").fill(WHY)
            form.get_by_role("button", name="Turn it").click()
            if says:
                expect(page.get_by_role("alert")).to_contain_text(says)
        page.wait_for_url("**?did=off")
        own = page.locator("[id='flag-trigger.AUTO_12H'] .own li")
        expect(own).to_contain_text(site.cloud_id)
        found.judge()
        found.fits(width)
        own.locator("summary").click()
        own.get_by_label("Reason").fill(WHY)
        own.get_by_role("button", name="Switch on for this tenant").click()
        page.wait_for_url("**?did=on")
        expect(own).to_have_count(0)
        assert world.database.kinds(site.cloud_id)[-2:] == ["FLAG_SWITCHED", "FLAG_SWITCHED"]


def test_settings_show_their_source_and_no_secret(browser: Browser, world: World) -> None:
    with opened(browser, world, "/console/flags") as found:
        row = found.page.locator("#setting-FIRSTRY_SECRET_KEYS")
        expect(row).to_contain_text("(hidden)")
        expect(row).to_contain_text("environment")
        expect(found.page.locator("#setting-FIRSTRY_BACKOFF")).to_contain_text("default")
        for secret in SECRETS.values():
            assert secret.partition(":")[2] not in found.page.content()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_health_when_well_and_when_not(
    browser: Browser, world: World, theme: Theme, width: int
) -> None:
    admin = operator(world, Role.ADMIN, "root")
    with opened(browser, world, "/console/health", person=admin, theme=theme, width=width) as found:
        page = found.page
        expect(page.get_by_text("Everything is well.")).to_be_visible()
        found.judge()
        page.get_by_role("link", name="API tokens").click()
        expect(page.locator("table")).to_contain_text("root")
        found.judge()
        found.fits(width)
        world.installed()
        world.clock.advance(hours=-1)
        world.operators.watch.forget()
        found.open("/console/health")
        expect(page.locator("#part-clock .ill")).to_contain_text("lies behind the store")
        expect(page.locator("#alert-CLOCK_BEHIND")).to_contain_text("critical")
        found.judge()
        found.fits(width)
        found.is_quiet()
