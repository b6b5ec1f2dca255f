"""What the store says, as gauges: the numbers behind console and alerts, at one instant.

Reading them takes time that grows with the number of tenants, so a scrape never waits
for that: `Numbers` are made in the background, at most every `REFRESH_SECONDS` while
somebody scrapes, and a scrape shows the last ones. Where the store is quick a scrape
has them within `PATIENCE_SECONDS`, fresh.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from firstry.domain.errors import FirstryError
from firstry.domain.flag import GENERATION
from firstry.domain.milestone import Act
from firstry.domain.phase import Phase
from firstry.domain.policy import Trigger
from firstry.insight.overview import FRESH_SECONDS, Overview, Watch
from firstry.insight.patrol import LedgerPatrol
from firstry.ports.clock import Clock
from firstry.ports.holding import Holding, HoldingCount
from firstry.ports.insight import Tally

REFRESH_SECONDS = 15.0
PATIENCE_SECONDS = 0.03
IDLE_SECONDS = 300.0
"""Without a scrape for this long nothing is refreshed any more, until the next one."""
LATE_PHASES = (Phase.DUE, Phase.DEFERRED, Phase.WAITING)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was read at one instant."""

    seen: Overview
    holding: Holding
    broken: int


@dataclass(frozen=True, slots=True)
class GaugeParts:
    """What the gauges read. `points_left` is this process's own count of Jira's quota."""

    watch: Watch
    holdings: HoldingCount
    patrol: LedgerPatrol
    clock: Clock
    points_left: Callable[[datetime], int]
    triggers: Sequence[Trigger]
    last_tick_seconds: Callable[[], float]


class Gauges(Collector):
    """A collector of what the store says. Threads may share it; close it at the end."""

    def __init__(self, parts: GaugeParts) -> None:
        self._parts = parts
        self._state = threading.Condition()
        self._numbers: Numbers | None = None
        self._made_at = -REFRESH_SECONDS
        self._made = 0
        self._asked_at = 0.0
        self._is_wanted = False
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; without those of the store while it does not answer."""
        numbers = self._latest()
        if self._made:
            yield _one("firstry_store_up", "1 if the store was read", numbers is not None)
        yield _one(
            "firstry_jira_quota_points_left",
            "Points of Jira's quota left in this hour, by this process's own count",
            self._parts.points_left(self._parts.clock.now()),
        )
        if numbers is not None:
            yield from _of_tally(numbers.seen, self._parts.triggers)
            yield from _of_time(numbers.seen, self._parts.last_tick_seconds())
            yield from _of_holding(numbers)

    def close(self) -> None:
        """End the background thread after the read that is under way."""
        with self._state:
            self._is_closing = True
            self._state.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _latest(self) -> Numbers | None:
        """Return the last numbers; wait a moment for new ones if these are some seconds old."""
        now = self._parts.clock.monotonic()
        with self._state:
            self._asked_at = now
            if self._thread is None and not self._is_closing:
                self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
                self._thread.start()
            if now - self._made_at >= FRESH_SECONDS:
                before, self._is_wanted = self._made, True
                self._state.notify_all()
                self._state.wait_for(lambda: self._made > before, PATIENCE_SECONDS)
            return self._numbers

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._is_wanted or self._is_closing, REFRESH_SECONDS)
                if self._is_closing:
                    return
                idle = self._parts.clock.monotonic() - self._asked_at
                if not self._is_wanted and idle > IDLE_SECONDS:
                    continue
                self._is_wanted = False
            numbers = self._read()
            with self._state:
                self._numbers = numbers
                self._made_at = self._parts.clock.monotonic()
                self._made += 1
                self._state.notify_all()

    def _read(self) -> Numbers | None:
        parts = self._parts
        try:
            parts.patrol.step()
            seen = parts.watch.overview(FRESH_SECONDS)
            return Numbers(seen, parts.holdings.holding(seen.at), parts.patrol.broken)
        except FirstryError:
            return None


def _of_tally(seen: Overview, triggers: Sequence[Trigger]) -> Iterator[Metric]:
    """Yield what is counted by trigger; what nobody is in is 0, not absent."""
    names = list(dict.fromkeys([*triggers, *(each.trigger for each in seen.tally)]))
    tenants = GaugeMetricFamily(
        "firstry_tenants", "Current milestones by state and trigger", labels=["state", "trigger"]
    )
    longest = GaugeMetricFamily(
        "firstry_backoff_seconds_max", "The longest wait after a failure", labels=["trigger"]
    )
    over = GaugeMetricFamily(
        "firstry_backoff_over_threshold", "Waits above FIRSTRY_ALERT_BACKOFF", labels=["trigger"]
    )
    late = GaugeMetricFamily(
        "firstry_reports_late",
        "Reports that are not made an hour after they were due, of tenants that are not paused",
        labels=["state", "trigger"],
    )
    ended = GaugeMetricFamily(
        "firstry_attempts_last_hour",
        "Attempts of all processes that ended within the last hour, by the ledger",
        labels=["trigger", "outcome"],
    )
    for name in names:
        mine = [each for each in seen.tally if each.trigger == name]
        for phase in Phase:
            tenants.add_metric([phase.value, name], sum(t.count for t in mine if t.phase is phase))
        for phase in LATE_PHASES:
            late.add_metric([phase.value, name], sum(t.late for t in mine if _is_late(t, phase)))
        waits = [t.longest_wait.total_seconds() for t in mine if t.longest_wait is not None]
        longest.add_metric([name], max(waits, default=0.0))
        over.add_metric([name], sum(t.over for t in mine))
        for act in (Act.COMPLETE, Act.FAIL, Act.DEFER):
            rates = (r for r in seen.rates["1h"] if (r.trigger, r.kind) == (name, act.value))
            ended.add_metric([name, act.value.lower()], sum(rate.count for rate in rates))
    yield from (tenants, longest, over, late, ended)


def _is_late(tally: Tally, phase: Phase) -> bool:
    return tally.phase is phase and not tally.is_paused


def _of_time(seen: Overview, last_tick_seconds: float) -> Iterator[Metric]:
    is_off = any(s.flag == GENERATION and s.tenant is None and not s.is_on for s in seen.switches)
    stored = seen.last_tick_at.timestamp() if seen.last_tick_at is not None else 0.0
    yield _one(
        "firstry_due_lag_seconds",
        "For how long the oldest report waits that might be claimed",
        seen.lag().total_seconds(),
    )
    yield _one(
        "firstry_last_tick_timestamp_seconds",
        "When the latest tick came, by the store (which notes one an hour a tenant) or to this "
        "process; 0 if none ever came",
        max(stored, last_tick_seconds),
    )
    yield _one("firstry_clock_behind", "1 if the clock lies behind the store", seen.is_clock_behind)
    yield _one("firstry_generation_off", "1 if nothing is to be generated, by its flag", is_off)
    yield _one("firstry_failure_rate_threshold", "FIRSTRY_ALERT_FAILURE_RATE", seen.failure_share)
    yield _one(
        "firstry_numbers_timestamp_seconds",
        "When the store was read for these gauges: in the background, every 15 s while scraped",
        seen.at.timestamp(),
    )


def _of_holding(numbers: Numbers) -> Iterator[Metric]:
    tokens = GaugeMetricFamily(
        "firstry_vault_tokens", "System tokens in the vault, by state", labels=["state"]
    )
    tokens.add_metric(["live"], numbers.holding.tokens_live)
    tokens.add_metric(["expired"], numbers.holding.tokens_expired)
    yield tokens
    yield _one(
        "firstry_ledger_height",
        "Entries in the ledgers of all tenants",
        numbers.holding.ledger_entries,
    )
    yield _one(
        "firstry_ledgers_broken",
        "Ledgers that broke when this process last walked them; it walks 50 with each reading",
        numbers.broken,
    )


def _one(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=float(value))
