"""A service that reaches its PostgreSQL through a bad network, and the truth beside it.

Each lane is a world of its own: service, proxy, sites, clock and database. What is
really stored is read past the proxy. Lanes can run side by side.
"""

import threading
from collections import Counter
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from firstry.domain.milestone import Milestone, State
from firstry.domain.policy import Trigger
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.telemetry import Event, Telemetry
from firstry.scheduler.attempt import Parts
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.postgres.store import PostgresStore
from support.invariants import Snapshot, breaches_between, breaches_of, snapshot
from support.postgres_service import SERVICE, new_service_database
from support.proxy import Fault, Point, Proxy, Trap
from support.service import World
from support.wire import Answer, until

FIRST = Trigger("AUTO_12H")
ROUNDS_AT_MOST = 8
DELAY_SECONDS = 0.05
WARM_UP_SITES = 12
"""After so many, the driver has prepared every statement that it will prepare."""
_ENDS = (Event.ATTEMPT_SETTLED, Event.ATTEMPT_FENCED, Event.ATTEMPT_UNSETTLED)


class CountingTelemetry:
    """Passes on what it is told, and counts it."""

    def __init__(self, behind: Telemetry) -> None:
        self._behind = behind
        self._lock = threading.Lock()
        self._seen: Counter[Event] = Counter()

    def emit(self, event: Event, tenant: Tenant | None = None, **fields: object) -> None:
        """See `Telemetry.emit`."""
        with self._lock:
            self._seen[event] += 1
        self._behind.emit(event, tenant, **fields)

    def count(self, *events: Event) -> int:
        """Return how often these were told."""
        with self._lock:
            return sum(self._seen[event] for event in events)


@dataclass(frozen=True, slots=True)
class Struck:
    """A tick that met a fault: its site, the answer, the trap, and what was stored then."""

    site: JiraSite
    answer: Answer
    trap: Trap
    stored: Snapshot

    @property
    def milestone(self) -> Milestone:
        """The milestone that was due."""
        return _first(self.stored)


class Lane:
    """One world behind one proxy. Use it as a context manager."""

    def __init__(self, folder: Path, keys: KeyRing, answer_within: str = "4s") -> None:
        self._database = new_service_database()
        cluster = self._database.cluster
        self.proxy = Proxy(cluster.port)
        url = cluster.url(SERVICE, self._database.name, self.proxy.port)
        self.world = World(
            folder, keys, refit=self._refit, DATABASE_URL=url, ANSWER_WITHIN=answer_within
        )
        self._direct = PostgresStore(self._database.url)
        self._names = count(1)

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        self.world.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.proxy.heal()
        self.proxy.release()
        self.world.__exit__(kind, error, trace)
        self._direct.close()
        self.proxy.__exit__(kind, error, trace)
        self._database.cluster.drop(self._database.name)

    def warm_up(self) -> None:
        """Make reports until the driver says the same for each."""
        for _ in range(WARM_UP_SITES):
            self.world.told(self.due_site(), "GENERATED")

    def due_site(self) -> JiraSite:
        """Return a new site whose first report is due now. The network must be well."""
        site = self.world.site(f"site-{next(self._names)}")
        wait = until()
        while self.world.install(site).status != 200:
            wait.more("the service to be back")
        self.world.clock.advance(hours=12)
        return site

    def strike(
        self, fault: Fault, point: Point, site: JiraSite | None = None, *, is_lasting: bool = False
    ) -> Struck:
        """Tick a site that is due while a fault waits; then the network is well again.

        Afterwards no claimed attempt is under way.
        """
        site = site or self.due_site()
        trap = self.proxy.set_trap(fault, point, DELAY_SECONDS, is_lasting=is_lasting)
        answer = self.world.tick(site)
        self.recover()
        return Struck(site, answer, trap, self.stored(site))

    def recover(self) -> None:
        """Take the fault away, let the server see who is gone, and wait for the attempts."""
        self.proxy.heal()
        self.proxy.release()
        wait = until()
        while self.told(Event.ATTEMPT_CLAIMED) > self.told(*_ENDS):
            wait.more("the attempts to end")

    def finish(self, struck: Struck) -> Snapshot:
        """Let time pass and ticks come until the report is there; return what is stored."""
        site, clock = struck.site, self.world.clock
        for _ in range(ROUNDS_AT_MOST):
            stored = self.stored(site)
            milestone = _first(stored)
            if milestone.state is State.COMPLETED:
                return stored
            ahead = milestone.next_due - self.world.now()
            clock.advance(seconds=max(0.0, ahead.total_seconds()))
            self.world.tick(site)
            self.recover()
        raise AssertionError(f"no report after {ROUNDS_AT_MOST} ticks: {self.stored(site)}")

    def breaches(self, struck: Struck) -> list[str]:
        """Finish, and return every invariant that was broken from the fault until then."""
        end = self.finish(struck)
        found = breaches_of(struck.stored, self.world.policy) + breaches_of(end, self.world.policy)
        found += breaches_between(struck.stored, end)
        made = [report for report in end.reports if report.trigger == FIRST]
        return found if len(made) == 1 else [*found, f"I1: {len(made)} reports"]

    def stored(self, site: JiraSite) -> Snapshot:
        """Return one committed state of a site, read past the proxy.

        It takes several reads; they are made again if somebody wrote meanwhile.
        """
        wait = until()
        while True:
            seen = snapshot(self._direct, self._record(site))
            if self._record(site) == seen.record:
                return seen
            wait.more("a moment without writes")

    def _record(self, site: JiraSite) -> TenantRecord:
        record = self._direct.read(Tenant.from_row(site.cloud_id))
        assert record is not None
        return record

    def told(self, *events: Event) -> int:
        """Return how often the service told these events."""
        return self._telemetry.count(*events)

    def _refit(self, parts: Parts) -> Parts:
        self._telemetry = CountingTelemetry(parts.telemetry)
        return replace(parts, telemetry=self._telemetry)


def _first(stored: Snapshot) -> Milestone:
    found = stored.record.latest(FIRST)
    assert found is not None
    return found
