"""What stands at one instant, over all tenants: the numbers behind every screen and alert.

Console, API, metrics and alerts read the same `Overview`, so they say the same thing
at the same minute. Making one takes time that grows with the number of tenants;
`Watch` makes it at most every few seconds, and whoever asks in between gets that one.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.due import is_behind
from firstry.domain.flag import Switch
from firstry.domain.milestone import Act
from firstry.domain.phase import LONG_BACKOFF, Phase, scene_at
from firstry.domain.policy import Policy, Trigger
from firstry.insight.fingerprint import FailureGroup, grouped
from firstry.insight.plan_watch import PlanWatch
from firstry.ports.clock import Clock
from firstry.ports.flag import FlagBoard
from firstry.ports.insight import Insight, Rate, Tally
from firstry.ports.store import PAGE_LIMIT, Store

LATE = timedelta(hours=1)
"""A report that is not made this long after it was due is late."""
FAILURE_SHARE = 0.5
"""More than this share of the attempts of an hour failing is too much."""
ERASURE_GRACE = timedelta(days=1)
FRESH_SECONDS = 5.0
STALE_SECONDS = 10.0
"""Nobody is shown an overview that is older than this."""
SPANS: Mapping[str, timedelta] = {"1h": timedelta(hours=1), "24h": timedelta(hours=24)}


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands at `at`. `rates` are by span, the keys of `SPANS`."""

    at: datetime
    tally: Sequence[Tally]
    failures: Sequence[FailureGroup]
    rates: Mapping[str, Sequence[Rate]]
    switches: Sequence[Switch]
    next_due_at: datetime | None
    last_tick_at: datetime | None
    is_clock_behind: bool
    long_backoff: timedelta = LONG_BACKOFF
    failure_share: float = FAILURE_SHARE
    outdated_plans: int = 0
    overdue_erasures: int = 0
    """Tenants that were to be erased by themselves and are still there a day later."""

    def count(self, *phases: Phase, is_paused: bool | None = None) -> int:
        """Return how many current milestones are in `phases`; paused or not, if asked."""
        return sum(
            each.count
            for each in self.tally
            if each.phase in phases and is_paused in (None, each.is_paused)
        )

    def attempts(self, span: str) -> Mapping[str, int]:
        """Return how many attempts ended within a span, by `COMPLETED`, `FAILED`, `DEFERRED`."""
        ends = (Act.COMPLETE, Act.FAIL, Act.DEFER)
        return {
            act.value: sum(rate.count for rate in self.rates[span] if rate.kind == act.value)
            for act in ends
        }

    def failure_rate(self, span: str, trigger: Trigger | None = None) -> tuple[int, int]:
        """Return failed and all charged attempts of a trigger, or of all, within a span."""
        counted = [r for r in self.rates[span] if trigger is None or r.trigger == trigger]
        failed = sum(rate.count for rate in counted if rate.kind == Act.FAIL.value)
        completed = sum(rate.count for rate in counted if rate.kind == Act.COMPLETE.value)
        return failed, failed + completed

    def lag(self) -> timedelta:
        """Return for how long the oldest milestone waits that might be claimed now."""
        due = (t for t in self.tally if t.phase is Phase.DUE and not t.is_paused)
        since = min((t.earliest_next_due for t in due if t.earliest_next_due), default=self.at)
        return max(self.at - since, timedelta())


@dataclass(frozen=True, slots=True)
class InsightParts:
    """What the read model reads. Wired once, in `wiring`."""

    store: Store
    insight: Insight
    flags: FlagBoard
    clock: Clock
    policy: Policy
    plan: PlanWatch
    long_backoff: timedelta = LONG_BACKOFF
    failure_share: float = FAILURE_SHARE


def overview(parts: InsightParts, now: datetime) -> Overview:
    """Return what stands at `now`."""
    scene = scene_at(now, parts.policy, parts.long_backoff)
    return Overview(
        now,
        parts.insight.tally(scene, now - LATE),
        grouped(parts.insight.failures(PAGE_LIMIT)),
        {name: parts.insight.rates(now - span) for name, span in SPANS.items()},
        parts.flags.switches(),
        parts.insight.next_due_at(now),
        parts.insight.last_tick_at(),
        is_behind(parts.store.check(), now),
        parts.long_backoff,
        parts.failure_share,
        parts.plan.outdated(now),
        _overdue_erasures(parts, now),
    )


def _overdue_erasures(parts: InsightParts, now: datetime) -> int:
    """Return how many tenants are kept too long, as far as one page tells it."""
    kept = parts.policy.retention
    if kept is None:
        return 0
    return len(parts.insight.to_erase(now - kept - ERASURE_GRACE, PAGE_LIMIT))


class Watch:
    """The latest overview. Threads may share it.

    Whoever asks for one that is a few seconds old gets it at once, and has the next one
    made in the background; only where there is none that is recent enough does anybody
    wait, and then all wait for the same one.
    """

    def __init__(self, parts: InsightParts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="overview")
        self._latest: Overview | None = None
        self._began_at = 0.0
        self._making: Future[Overview] | None = None
        self._turn = 0

    def begin(self) -> None:
        """Have the first one made, so that whoever comes first need not wait for it."""
        with self._lock:
            self._ensure_making()

    def overview(self, oldest_seconds: float = STALE_SECONDS) -> Overview:
        """Return an overview that is younger than `oldest_seconds`.

        Raises what the store raises, if there is none and it cannot be made.
        """
        with self._lock:
            latest, age = self._latest, self._parts.clock.monotonic() - self._began_at
            if latest is not None and age < FRESH_SECONDS:
                return latest
            making = self._ensure_making()
        return latest if latest is not None and age < oldest_seconds else making.result()

    def forget(self) -> None:
        """Have the next caller wait for a new one, because somebody has just changed something."""
        with self._lock:
            self._turn += 1
            self._latest = self._making = None

    def _ensure_making(self) -> Future[Overview]:
        """Return the overview that is being made; the caller holds the lock."""
        if self._making is None:
            self._making = self._threads.submit(self._make, self._turn)
        return self._making

    def _make(self, turn: int) -> Overview:
        """Make an overview, and keep it unless it was begun before somebody changed something."""
        made, began_at = None, self._parts.clock.monotonic()
        try:
            made = overview(self._parts, self._parts.clock.now())
            return made
        finally:
            with self._lock:
                if turn == self._turn:
                    self._making = None
                    self._latest, self._began_at = made, began_at
