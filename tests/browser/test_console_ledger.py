"""The ledger in a real browser: narrowed, read, paged and saved."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from firstry.domain.access import Role
from firstry.sim.platform_key import KeyRing
from support.console_page import NARROW, THEMES, Theme, opened
from support.console_scene import Fleet, busy
from support.operator_call import Operator, operator
from support.service import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[World]:
    """A running service that many have looked at."""
    with World(tmp_path_factory.mktemp("ledger"), keys) as world:
        yield world
        assert world.breaches() == []


@pytest.fixture(scope="module")
def fleet(world: World) -> Fleet:
    """Tenants in every state."""
    return busy(world)


@pytest.fixture(scope="module")
def person(world: World, fleet: Fleet) -> Operator:
    """A viewer with a token."""
    return operator(world, Role.VIEWER, "eve")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("theme", THEMES)
def test_an_entry_is_found_and_read(
    browser: Browser, world: World, fleet: Fleet, person: Operator, theme: Theme
) -> None:
    who = fleet.failing[0].cloud_id
    with opened(browser, world, "/console/ledger", theme=theme, person=person) as found:
        page = found.page
        page.get_by_label("Kind").fill("FAILED")
        page.get_by_label("Tenant").fill(who)
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**kind=FAILED**")
        row = page.locator("[data-row]")
        expect(row).to_have_count(1)
        row.locator("summary").click()
        told = row.locator("dl")
        stored = world.database.rows(
            "SELECT hash FROM ledger WHERE cloud_id = ? ORDER BY sequence DESC LIMIT 1", who
        )
        expect(told).to_contain_text(stored[0]["hash"])
        expect(told).to_contain_text("JIRA_UNAVAILABLE")
        found.judge()
        found.page.set_viewport_size({"width": NARROW, "height": 900})
        found.fits(NARROW)
        found.is_quiet()


def test_what_is_read_is_not_taken_away(
    browser: Browser, world: World, fleet: Fleet, person: Operator
) -> None:
    """As long as an entry is open the page is not made new; then it is."""
    with opened(browser, world, person=person) as found:
        page = found.page
        page.clock.install()
        found.open("/console/ledger?actor=platform")
        page.get_by_label("Refresh").select_option("10")
        entry = page.locator("[data-row] details").first
        entry.locator("summary").click()
        asked = len(found.requests)
        page.clock.fast_forward(30_000)
        assert len(found.requests) == asked, "somebody reads"
        entry.locator("summary").click()
        with page.expect_response("**/console/ledger?actor=platform"):
            page.clock.fast_forward(10_000)
        expect(entry.locator("summary")).to_be_focused()


@pytest.mark.timeout(120)
def test_lists_are_saved_as_files(
    browser: Browser, world: World, fleet: Fleet, person: Operator, tmp_path: Path
) -> None:
    """On tenants, failures and ledger, each as the filter shows it."""
    with opened(browser, world, person=person) as found:
        for path, rows in (
            ("/console/tenants?filter=state%3Dbackoff", 2 * len(fleet.failing)),
            ("/console/failures", 1),
            ("/console/ledger?kind=FAILED", len(fleet.failing)),
        ):
            found.open(path)
            for name in ("CSV", "NDJSON"):
                with found.page.expect_download() as saved:
                    found.page.get_by_role("link", name=name, exact=True).click()
                assert saved.value.suggested_filename.endswith(f".{name.lower()}")
                kept = tmp_path / saved.value.suggested_filename
                saved.value.save_as(kept)
                if name == "CSV":
                    with kept.open(newline="") as file:
                        assert len(list(csv.DictReader(file, strict=True))) == rows
