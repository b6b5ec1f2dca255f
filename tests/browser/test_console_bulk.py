"""From a failure to the retry of all that failed alike, in a real browser."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from firstry.domain.access import Role
from firstry.domain.filter import EVERYBODY
from firstry.domain.filter_text import parse_filter
from firstry.domain.job import BulkAct, Job
from firstry.domain.ledger import OPERATOR
from firstry.domain.phase import scene_at
from firstry.domain.policy import Trigger
from firstry.domain.record import Order
from firstry.domain.tenant import Tenant
from firstry.lifecycle import bulk
from firstry.lifecycle.retry import retry_now
from firstry.sim.platform_key import KeyRing
from support.console_page import NARROW, THEMES, WIDE, Theme, opened
from support.console_scene import FAILING, Fleet, busy
from support.operator_call import Operator, operator
from support.service import World

WHY = "Jira was down, status page 4711"
PREVIEW = "/console/bulk?act=retry&filter=state%3Dbackoff"


@pytest.fixture
def world(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A running service; what it stored must break no invariant."""
    with World(tmp_path, keys) as world:
        yield world
        assert world.breaches() == []


@pytest.fixture
def fleet(world: World) -> Fleet:
    """Tenants in every state, six of them failing alike; what hit them is over."""
    fleet = busy(world)
    for site in fleet.failing:
        assert site.faults[0].hits > 0
        site.faults.clear()
    return fleet


@pytest.fixture
def person(world: World) -> Operator:
    """An operator with a token."""
    return operator(world, Role.OPERATOR, "ada")


def _order(page: Page) -> None:
    page.get_by_label("Reason").fill(WHY)
    page.get_by_role("button", name="Retry", exact=False).click()
    page.wait_for_url("**/console/bulk/j-*")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("theme", THEMES)
def test_all_that_failed_alike_is_retried_and_seen_done(
    browser: Browser, world: World, fleet: Fleet, person: Operator, theme: Theme
) -> None:
    """Failures, count, reason, job with its progress; then nothing fails any more."""
    with opened(browser, world, "/console/failures", theme=theme, person=person) as found:
        page = found.page
        row = page.locator("[data-row]")
        expect(row).to_have_count(1)
        expect(row).to_contain_text("Jira answered 503")
        page.keyboard.press("r")
        page.wait_for_url("**/console/bulk?**")
        expect(page.get_by_role("heading", name=f"Retry {FAILING} milestones")).to_be_visible()
        expect(page.locator(".targets li")).to_have_count(FAILING)
        _order(page)
        expect(page.get_by_text(f"All {FAILING} done.")).to_be_visible()
        expect(page.locator("progress")).to_have_attribute("value", str(FAILING))
        expect(page.locator("[data-busy]")).to_have_count(0)
        expect(page.locator(".facts")).to_contain_text(WHY)
        expect(page.locator(".facts")).to_contain_text("operator:ada")
        found.judge()
        for site in fleet.failing:
            world.told(site, "GENERATED")
        found.open("/console/failures")
        expect(page.get_by_text("Nothing has failed")).to_be_visible()
        found.judge()
        found.is_quiet()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_changed_count_asks_again(
    browser: Browser, world: World, fleet: Fleet, person: Operator, width: int
) -> None:
    with opened(browser, world, PREVIEW, person=person, width=width) as found:
        page = found.page
        page.get_by_label("Reason").fill(WHY)
        faster = Tenant.from_operator(fleet.failing[0].cloud_id)
        retry_now(world.parts.store, faster, Trigger("AUTO_12H"), WHY, world.now())
        with page.expect_response("**/console/bulk") as answered:
            page.get_by_role("button", name=f"Retry {FAILING} milestones").click()
        assert answered.value.status == 409
        expect(page.get_by_role("alert")).to_contain_text(f"not {FAILING} as you saw")
        expect(page.locator("#preview")).to_have_text(f"Retry {FAILING - 1} milestones")
        expect(page.get_by_label("Reason")).to_have_value(WHY)
        found.judge()
        found.fits(width)
        page.get_by_role("button", name=f"Retry {FAILING - 1} milestones").click()
        expect(page.get_by_text(f"All {FAILING - 1} done.")).to_be_visible()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("look", "theme", "width"),
    [("light", "light", WIDE), ("dark", "dark", WIDE), ("narrow", "light", NARROW)],
)
def test_what_could_not_be_done_is_told_one_by_one(
    browser: Browser,
    world: World,
    fleet: Fleet,
    person: Operator,
    screens: Path,
    look: str,
    theme: Theme,
    width: int,
) -> None:
    """Retry of everybody: what failed is retried, of the rest it is said why not."""
    path = "/console/bulk?act=retry&filter=paused%3Dno"
    with opened(browser, world, path, person=person, theme=theme, width=width) as found:
        page = found.page
        found.fits(width)
        _order(page)
        expect(page.get_by_role("status").first).to_contain_text(f"{FAILING} done;")
        expect(page.locator("table [data-row]").first).to_contain_text("CONFLICT")
        found.judge()
        found.fits(width)
        (screens / "console").mkdir(exist_ok=True)
        page.screenshot(path=screens / "console" / f"job-{look}.png", full_page=False)


@pytest.mark.timeout(120)
def test_a_job_is_looked_at_again_until_it_is_over(
    browser: Browser, world: World, fleet: Fleet, person: Operator
) -> None:
    """It stands still as long as a runner elsewhere holds it; then the page follows by itself."""
    path = f"/console/bulk/{_held_elsewhere(world).job_id}"
    with opened(browser, world, path, person=person) as found:
        page = found.page
        expect(page.locator("[data-busy]")).to_have_count(1)
        expect(page.get_by_text("goes on in the background")).to_be_visible()
        found.judge()
        world.clock.advance(minutes=2)
        expect(page.locator("[data-busy]")).to_have_count(0, timeout=30_000)
        expect(page.get_by_role("status").first).to_contain_text("done")
        found.is_quiet()


def _held_elsewhere(world: World) -> Job:
    """Order a job and have another runner hold it before this process looks for one."""
    parts, now = world.operators.bulk, world.now()
    scene, ordered = scene_at(now, world.policy), Order(WHY, OPERATOR, now)
    for number in range(5):
        count = bulk.preview(parts, BulkAct.PAUSE, EVERYBODY, scene)
        job = bulk.order(
            parts, f"j-{number}", BulkAct.PAUSE, EVERYBODY, count, order=ordered, scene=scene
        )
        if parts.jobs.take("elsewhere", now, now + bulk.HOLD) is not None:
            return job
    raise AssertionError("this process was always faster")


@pytest.mark.timeout(120)
def test_pausing_and_resuming_many(
    browser: Browser, world: World, fleet: Fleet, person: Operator
) -> None:
    """The other acts, and each filter counted before it is acted on."""
    with opened(browser, world, "/console/bulk", person=person) as found:
        page = found.page
        for act, given, sum_ in (("Pause", "state=backoff", 6), ("Resume", "paused=yes", 7)):
            found.open("/console/bulk")
            page.get_by_label("Act").select_option(label=act)
            page.get_by_label("Filter").fill(given)
            page.get_by_role("button", name="Count first").click()
            expect(page.locator("#preview")).to_have_text(f"{act} {sum_} tenants")
            page.get_by_label("Reason").fill(WHY)
            page.get_by_role("button", name=f"{act} {sum_} tenants").click()
            expect(page.get_by_text(f"All {sum_} done.")).to_be_visible()
        found.open("/console/bulk?act=reset&filter=state%3Dmissed")
        expect(page.locator("#preview")).to_have_text("Reset 1 milestone")
        found.is_quiet()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("theme", "width"), [("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)]
)
def test_jobs_are_listed_and_found_by_keys(
    browser: Browser, world: World, fleet: Fleet, person: Operator, theme: Theme, width: int
) -> None:
    """The newest first, more than a page of them, one of them under way; by keys to its page."""
    ordered = [_ordered(world, number) for number in range(30)]
    with opened(browser, world, "/console/bulk", person=person, theme=theme, width=width) as found:
        page = found.page
        rows = page.locator("table [data-row]")
        expect(rows).to_have_count(25)
        expect(rows.first).to_contain_text(ordered[-1].job_id)
        expect(rows.first).to_contain_text("state=backoff")
        expect(rows.first).to_contain_text("Retry 6")
        found.judge()
        found.fits(width)
        page.get_by_role("link", name="Next page").click()
        expect(rows).to_have_count(5)
        expect(rows.last).to_contain_text(ordered[0].job_id)
        found.judge()
        page.get_by_role("link", name="First page").click()
        expect(rows).to_have_count(25)
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/console/bulk/{ordered[-1].job_id}")
        expect(page.locator("progress")).to_be_visible()
        found.is_quiet()


def _ordered(world: World, number: int) -> Job:
    parts, now = world.operators.bulk, world.now() + timedelta(seconds=number)
    wanted, scene = parse_filter("state=backoff"), scene_at(world.now(), world.policy)
    job = Job(
        f"j-{number:02}", BulkAct.RETRY, "state=backoff", WHY, OPERATOR, FAILING, created_at=now
    )
    return parts.jobs.add(job, bulk.targets_of(parts, BulkAct.RETRY, wanted, scene))
