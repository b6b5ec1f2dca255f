"""The states in which the page in Jira can be found, each brought about by the real service."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from firstry.sim.jira import JiraSite
from firstry.sim.jira_content import FOUNDED, Content
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.jira_person import MY_PERMISSIONS
from firstry.sim.platform_event import uninstall_event
from firstry.sim.platform_key import KeyRing
from support.call import UNINSTALL
from support.forge_app import JiraPage, Service
from support.jira_page import ADMIN, VIEWER, visit
from support.service import World
from support.wire import Answer

PROJECTS, FIELDS, FILTERS = (f"/rest/api/3/{each}" for each in ("project", "field", "filter"))


Staged = tuple[World, JiraSite]


@dataclass(frozen=True)
class Scene:
    """A state of the page: how it comes about, what is said first, and who looks."""

    name: str
    prepare: Callable[[World], JiraSite]
    says: str
    person: str = ADMIN
    settings: dict[str, str] = field(default_factory=dict)


def installed(world: World) -> JiraSite:
    """Return a site of some size that has just installed the app."""
    held = Content(projects=37, custom_fields=164, system_fields=47, issue_types=19, statuses=58)
    held.filters, held.dashboards, held.issues = 902, 0, [(FOUNDED, 48213)]
    site = world.site("acme", held)
    site.administrators.add(ADMIN)
    assert world.install(site).status == 200
    return site


def first_report(world: World) -> JiraSite:
    """Return a site with its report after 12 hours."""
    site = installed(world)
    world.clock.advance(hours=12, minutes=7)
    world.told(site, "GENERATED")
    return site


def both_reports(world: World) -> JiraSite:
    """Return a site with both of its reports."""
    site = first_report(world)
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    return site


def generating(world: World) -> JiraSite:
    """Return a site whose second report is being made: Jira keeps it waiting for 3 seconds."""
    site = first_report(world)
    world.clock.advance(hours=12)
    slow = Fault(FaultKind.SLOW, path=PROJECTS, delay=timedelta(seconds=3), times=1)
    site.faults.append(slow)
    world.told(site, "GENERATION_IN_PROGRESS", 202)
    return site


def stuck(world: World) -> JiraSite:
    """Return a site whose second report is being made for 45 seconds, by three slow answers."""
    site = first_report(world)
    world.clock.advance(hours=12)
    for path in (PROJECTS, FIELDS, FILTERS):
        site.faults.append(Fault(FaultKind.SLOW, path=path, delay=timedelta(seconds=15), times=1))
    world.told(site, "GENERATION_IN_PROGRESS", 202)
    return site


def waiting(world: World) -> JiraSite:
    """Return a site whose first attempt has failed."""
    site = installed(world)
    world.clock.advance(hours=12, minutes=7)
    site.faults.append(Fault(FaultKind.SERVER_ERROR, path=PROJECTS, times=1))
    world.told(site, "GENERATION_FAILED", 202)
    return site


def failed(world: World) -> JiraSite:
    """Return a site that has used up its attempts."""
    site = installed(world)
    world.clock.advance(hours=24, minutes=7)
    site.faults.append(Fault(FaultKind.SERVER_ERROR, path=PROJECTS))
    world.told(site, "GENERATION_FAILED", 202)
    world.clock.advance(hours=1)
    world.told(site, "CLOSED")
    return site


def unknown(world: World) -> JiraSite:
    """Return a site of whose installation nothing was told."""
    site = world.site()
    site.administrators.add(ADMIN)
    return site


def without_token(world: World) -> JiraSite:
    """Return a site that is due while the token of its installation has run out."""
    site = installed(world)
    world.clock.advance(hours=12, minutes=7)
    return site


def paused(world: World) -> JiraSite:
    """Return a site with one report that the publisher has paused since."""
    site = first_report(world)
    pausing = world.command("tenants", "pause", site.cloud_id, "--reason", "case 17")
    assert pausing.code == 0, pausing.err
    return site


def uninstalled(world: World) -> JiraSite:
    """Return a site whose reports outlived the app there."""
    site = both_reports(world)
    event = uninstall_event(site)
    assert world.door.invoke(site, UNINSTALL, event, at=world.now()).status == 200
    return site


def silent(world: World) -> JiraSite:
    """Return a site where Jira does not say who administers it."""
    site = both_reports(world)
    site.faults.append(Fault(FaultKind.UNAVAILABLE, path=MY_PERMISSIONS))
    return site


SCENES = (
    Scene("report", both_reports, "The report is stored"),
    Scene("no-report-yet", installed, "No report yet"),
    Scene("generating", stuck, "A report is being made"),
    Scene("waiting", waiting, "A report waits for its next attempt"),
    Scene("failed", failed, "The last report could not be made", settings={"MAX_ATTEMPTS": "1"}),
    Scene("waiting-for-token", without_token, "A report waits for Jira"),
    Scene("paused", paused, "Reports are paused for this site"),
    Scene("uninstalled", uninstalled, "The app was uninstalled from this site"),
    Scene("unknown-site", unknown, "This site is not known yet"),
    Scene("no-administrator", both_reports, "You cannot see this page", VIEWER),
    Scene("jira-silent", silent, "Nothing can be shown"),
)
LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "narrow": ("light", 320)}


@contextmanager
def staged(scene: Scene, folder: Path, keys: KeyRing) -> Iterator[Staged]:
    """Bring a scene about."""
    settings: dict[str, Any] = {"ANSWER_WITHIN": "1s"} | scene.settings
    with World(folder, keys, **settings) as world:
        yield world, scene.prepare(world)


def opened(browser: Browser, found: Staged, **more: Any) -> JiraPage:
    """Return the page of a staged site, in front of its administrator."""
    return JiraPage(browser, "report-page", "page", service_of(*found), **more)


def service_of(world: World, site: JiraSite, person: str = ADMIN) -> Service:
    """Return the platform's way from a page to the service, for one person."""

    def send(module: str, method: str, path: str, body: bytes) -> Answer:
        return visit(world, site, person).call(path, method, body=body, module=module)

    return send
