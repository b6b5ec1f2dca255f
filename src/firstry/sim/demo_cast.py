"""Who takes part in the demo: Jira sites, each with one peculiarity.

Names, cloudIds, numbers and minutes follow from one seed, so every run tells the same
story. A site installs the app shortly before its own hourly tick: its reports are then due
just before a tick too, and the service's worker seldom gets there first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from firstry.domain.canonical import Json
from firstry.sim.delivery import HOUR, tick_phase
from firstry.sim.jira import COUNT, JiraSite
from firstry.sim.jira_content import FOUNDED, Content
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform import Platform, new_uuid

NOON: Final = timedelta(hours=12)
INSTALLED_BEFORE_TICK: Final = timedelta(seconds=40)
LATEST_SECOND: Final = 20
"""Ticks of the named sites fall into the first seconds of their minute."""

SLOW_ANSWER: Final = timedelta(seconds=9)
"""Longer than the service waits before it answers a tick: the kill falls in between."""
SLOWISH_ANSWER: Final = timedelta(seconds=4.6)
"""Too long for the tick's answer, short enough for the attempt."""


class Part(StrEnum):
    """What is peculiar about a site."""

    INTERRUPTED = "interrupted"
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    FORBIDDEN = "forbidden"
    EMPTY = "empty"
    STRANDED = "stranded"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class Role:
    """One line of the programme.

    `minute` is when its tick falls, counted from the start of the day; Forge delivers the
    first tick with something due twice where `is_doubled`.
    """

    name: str
    part: Part
    minute: int
    sentence: str
    projects: int
    issues: int
    custom_fields: int
    is_doubled: bool = False


ROLES: Final = (
    Role(
        "heron",
        Part.INTERRUPTED,
        3,
        "Jira is slow; the service is killed in mid-report",
        14,
        6_120,
        37,
    ),
    Role("cinder", Part.UNAVAILABLE, 40, "Jira answers 503 for two hours", 9, 2_804, 21, True),
    Role("willow", Part.THROTTLED, 50, "Jira's quota is used up in hour 12 (429)", 22, 11_350, 58),
    Role(
        "marlin",
        Part.FORBIDDEN,
        19,
        "the app may not count issues (403): disclosed, not 0",
        6,
        940,
        12,
    ),
    Role("pebble", Part.EMPTY, 26, "no project, no issue, no custom field: a true zero", 0, 0, 0),
    Role(
        "raven", Part.STRANDED, 4, "healthy; its tick meets a service that is down", 31, 18_077, 64
    ),
    Role("larch", Part.HEALTHY, 12, "healthy; Forge delivers a tick twice", 120, 48_213, 211, True),
    Role("otter", Part.HEALTHY, 33, "healthy", 4, 377, 9),
)
"""The named sites, in the order in which `--tenants` takes them."""


@dataclass(frozen=True, slots=True)
class Member:
    """A site with its role, and when it installs the app."""

    site: JiraSite
    part: Part
    sentence: str
    installs_at: datetime
    is_named: bool = False
    is_doubled: bool = False

    @property
    def name(self) -> str:
        """The site's name, which no other site has."""
        return self.site.name

    def is_first_due(self, now: datetime) -> bool:
        """Whether a tick at `now` is the one that finds the first report due."""
        return NOON <= now - self.installs_at < NOON + HOUR

    def holds(self, at: datetime) -> dict[str, Json]:
        """Return the three numbers of section A as the site has them; None where it refuses."""
        content = self.site.content
        issues = sum(number for made, number in content.issues if made <= at)
        return {
            "projects_scanned": content.projects,
            "issues_scanned": None if COUNT in self.site.denied else issues,
            "fields_detected": content.custom_fields,
        }


def cast_of(platform: Platform, rng: Random, number: int, start: datetime) -> tuple[Member, ...]:
    """Return `number` sites for a day that begins at `start`: the named ones, then others."""
    named = [_member(platform, rng, role, start) for role in ROLES[:number]]
    others = [_other(platform, rng, n, start) for n in range(len(ROLES) + 1, number + 1)]
    return (*named, *others)


def _member(platform: Platform, rng: Random, role: Role, start: datetime) -> Member:
    cloud_id = next(each for each in _cloud_ids(rng) if _falls_at(each, role.minute, start))
    content = Content(
        projects=role.projects,
        custom_fields=role.custom_fields,
        issues=[(FOUNDED, role.issues)],
    )
    site = JiraSite(platform, cloud_id, role.name, new_uuid(rng), content)
    site.faults = _faults_of(role.part, start)
    site.denied = {COUNT} if role.part is Part.FORBIDDEN else set()
    installs_at = _installs_at(cloud_id, start)
    return Member(site, role.part, role.sentence, installs_at, True, role.is_doubled)


def _other(platform: Platform, rng: Random, number: int, start: datetime) -> Member:
    cloud_id = next(_cloud_ids(rng))
    content = Content(
        projects=rng.randint(1, 60),
        custom_fields=rng.randint(0, 120),
        issues=[(FOUNDED, rng.randint(10, 30_000))],
    )
    site = JiraSite(platform, cloud_id, f"site-{number:03}", new_uuid(rng), content)
    return Member(site, Part.HEALTHY, "healthy", _installs_at(cloud_id, start))


def _cloud_ids(rng: Random) -> Iterator[str]:
    while True:
        yield new_uuid(rng)


def _falls_at(cloud_id: str, minute: int, start: datetime) -> bool:
    minutes, seconds = divmod(int(_first_tick(cloud_id, start).total_seconds()), 60)
    return minutes == minute and seconds < LATEST_SECOND


def _first_tick(cloud_id: str, start: datetime) -> timedelta:
    """Return how long after `start` the site's first tick falls: less than an hour."""
    since_hour = timedelta(minutes=start.minute, seconds=start.second)
    return (tick_phase(cloud_id) - since_hour) % HOUR


def _installs_at(cloud_id: str, start: datetime) -> datetime:
    return start + (_first_tick(cloud_id, start) - INSTALLED_BEFORE_TICK) % HOUR


def _faults_of(part: Part, start: datetime) -> list[Fault]:
    noon, one = start + NOON, start + NOON + HOUR
    match part:
        case Part.INTERRUPTED:
            return [
                Fault(FaultKind.SLOW, noon, one, 1, COUNT, delay=SLOW_ANSWER),
                Fault(FaultKind.SLOW, one, None, 1, COUNT, delay=SLOWISH_ANSWER),
            ]
        case Part.UNAVAILABLE:
            return [Fault(FaultKind.UNAVAILABLE, noon, one + HOUR)]
        case Part.THROTTLED:
            # Jira fills its quotas at the top of the UTC hour, and tells so in Retry-After.
            return [Fault(FaultKind.QUOTA_TENANT, noon, one + HOUR / 2)]
        case _:
            return []
