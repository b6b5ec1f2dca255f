"""A whole service under load: processes, a store, and a crowd of sites, at the real time.

Nothing is simulated but Forge and Jira. Ages, waits and leases are those of a
day made short, so that a tenant lives through its day in a minute or less.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from firstry.domain.instant import parse_instant
from firstry.domain.milestone import Act
from firstry.sim.jira import new_site
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform import Platform
from firstry.sim.platform_key import KeyRing
from firstry.sim.server import SimulatorServer
from firstry.wiring.policy import policy_of
from support.command import settings_of
from support.load_crowd import Crowd, Key, Pace
from support.load_place import LoadedPlace
from support.load_process import Gang, Sizes
from support.load_verdict import Question, Verdict, verdict
from support.service import environment_of

FIRST, LAST = "AUTO_12H", "AUTO_24H"
ALL_ROLES = Sizes()
KEEP_SECONDS = 0.2
ANSWER_MILLISECONDS = 5000
"""The platform gives up after so long. The service's own measure counts: the crowd's holds
what a busy machine makes the crowd itself wait."""
DEFECTS = frozenset({"worker_tenant_failed"})
"""Events that no load and no outage explains."""
EXCUSED = frozenset({"StoreUnavailable", "CommitUnknown", "Again"})
"""What an attempt may meet unexpectedly while its store is away."""


@dataclass(frozen=True, slots=True)
class ShortDay:
    """The service's settings for a day that is over soon."""

    first_age: str
    last_age: str
    lease: str
    generation_timeout: str
    backoff: str

    def settings(self) -> dict[str, str]:
        """Return them by their names."""
        return {
            "TRIGGERS": f"{FIRST}={self.first_age},{LAST}={self.last_age}",
            "LEASE": self.lease,
            "GENERATION_TIMEOUT": self.generation_timeout,
            "BACKOFF": self.backoff,
            "ANSWER_WITHIN": "3s",
            "DATASETS": "Projects,Issues,Custom Fields",
        }


@dataclass(frozen=True, slots=True)
class Often:
    """Something that is done every so many seconds."""

    seconds: float
    act: Callable[[], None]


@dataclass(slots=True)
class Result:
    """What came of a load: the store's verdict and everything else that is not right.

    `refusals` counts the causes of answers with 500, as the service told them.
    """

    verdict: Verdict
    breaches: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def all_breaches(self) -> list[str]:
        """Everything that must not be."""
        lost = [f"lost an acknowledged completion: {' '.join(key)}" for key in self.verdict.lost]
        return [*self.breaches, *self.verdict.breaches, *lost]


class Load:
    """A service of several processes over one store, and its crowd. A context manager."""

    def __init__(
        self,
        folder: Path,
        keys: KeyRing,
        place: LoadedPlace,
        day: ShortDay,
        pace: Pace,
        tenants: int,
        sizes: Sizes = ALL_ROLES,
    ) -> None:
        rng = Random(31)
        self._folder, self.place = folder, place
        platform = Platform(rng, keys)
        self.simulator = SimulatorServer(platform, clock=lambda: datetime.now(UTC))
        self.sites = [new_site(platform, rng, f"site-{n}") for n in range(1, tenants + 1)]
        for site in self.sites:
            self.simulator.add(site)
        settings = day.settings() | {"DATABASE_URL": place.url}
        self.environ = environment_of(self.simulator, folder / "none.db", settings)
        self.gang = Gang(folder, self.environ, sizes)
        self.crowd = Crowd(platform, self.sites, self.gang.ports, pace, rng)
        self.outages: list[float] = []

    def __enter__(self) -> Self:
        self.simulator.start()
        try:
            self.gang.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self.crowd.is_running:
                self.crowd.stop()
        finally:
            self.gang.end()
            self.simulator.stop()

    def let_go_wrong(self, share: float) -> None:
        """Have Jira answer slowly, with 5xx, 429 or nonsense for a share of the sites."""
        rng = Random(37)
        for site in self.sites:
            if rng.random() < share:
                site.faults.append(replace(rng.choice(FAULTS)))

    def run(self, seconds: float, *often: Often) -> None:
        """Let the crowd live and do what is to be done often, for so long."""
        if not self.crowd.is_running:
            self.crowd.start()
        self._keep_until(lambda: False, seconds, often)

    def await_ends(self, patience_seconds: float) -> None:
        """Let everybody come to an end, with nothing more going wrong."""
        for site in self.sites:
            site.faults.clear()
        self._keep_until(lambda: self.crowd.living == 0, patience_seconds, ())
        living = self.crowd.living
        if living:
            self.gang.breaches.append(f"I10: {living} sites never saw the end of their day")
            self.crowd.stop()

    def disturb(self) -> None:
        """Restart the store at once, while everything else goes on; note the seconds it took."""
        assert self.place.disturb is not None, "there is no server to restart"
        began = time.monotonic()
        self.place.disturb()
        self.outages.append(time.monotonic() - began)

    def judge(self) -> Result:
        """Stop the service, and judge everything that is left of it."""
        self.gang.stop()
        heard = self.crowd.heard
        completions = dict(heard.completions)
        events: Counter[str] = Counter()
        refusals: Counter[str] = Counter()
        breaches = [*self.gang.breaches, *heard.breaches]
        for event in self.gang.events():
            events[event["event"]] += 1
            if event["event"] == "invocation_failed":
                refusals[str(event.get("detail"))] += 1
            breaches += _defects(event)
            key = _completed(event)
            if key is not None:
                at = parse_instant(event["ts"])
                completions[key] = min(completions.get(key, at), at)
        policy = policy_of(settings_of(self._folder, self.environ))
        question = Question(
            self.place.kind,
            self.place.place,
            policy,
            completions,
            heard.made,
            frozenset(heard.left),
        )
        found = verdict(question, sorted(heard.installed))
        faults = sum((site.hits for site in self.sites), Counter[FaultKind]())
        named = Counter({kind.value: times for kind, times in faults.items()})
        breaches += [f"unanswered: {kind} {n} times" for kind, n in heard.unanswered.items()]
        return Result(found, breaches, events, refusals, len(completions), named)

    def _keep_until(
        self, is_over: Callable[[], bool], seconds: float, often: Sequence[Often]
    ) -> None:
        ends_at = time.monotonic() + seconds
        stopped = threading.Event()
        with ThreadPoolExecutor(max(1, len(often))) as threads:
            acting = [threads.submit(_act, each, stopped) for each in often]
            try:
                while time.monotonic() < ends_at and not is_over():
                    self.gang.keep()
                    stopped.wait(KEEP_SECONDS)
            finally:
                stopped.set()
        for each in acting:
            each.result()


FAULTS = (
    Fault(FaultKind.SLOW, times=4, delay=timedelta(seconds=1.5)),
    Fault(FaultKind.UNAVAILABLE, times=2),
    Fault(FaultKind.SERVER_ERROR, times=1),
    Fault(FaultKind.BURST, times=2, retry_after=timedelta(seconds=1)),
    Fault(FaultKind.RESET, times=1),
    Fault(FaultKind.GARBAGE, times=1),
    Fault(FaultKind.HANG, times=1),
)


def _act(often: Often, stopped: threading.Event) -> None:
    while not stopped.wait(often.seconds):
        often.act()


def _completed(event: Mapping[str, object]) -> Key | None:
    """Return what an event of a service says was completed."""
    if event["event"] == "attempt_settled" and event.get("outcome") == Act.COMPLETE.value:
        return (str(event["cloud_id"]), str(event["trigger"]))
    return None


def _defects(event: Mapping[str, object]) -> list[str]:
    """Return what an event tells that no outage explains."""
    named = event["event"]
    code = str(event.get("error_code", ""))
    if named in DEFECTS or "DEFECT" in code:
        return [f"{named}: {event}"]
    if named == "invocation_answered" and int(str(event["answer_ms"])) > ANSWER_MILLISECONDS:
        return [f"I12: {event['route']} was answered after {event['answer_ms']} ms"]
    if named == "attempt_unexpected" and code not in EXCUSED:
        return [f"{named}: {code}"]
    return []
