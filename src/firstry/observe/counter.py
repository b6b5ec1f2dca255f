"""What this process has counted since it began: attempts, ticks, questions to Jira.

Telemetry passes through here on its way to the log, so what is counted is what is
told. A label is a trigger or a word of a closed list; a tenant never gets near one.
"""

import threading
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from firstry.domain.policy import Trigger
from firstry.domain.tenant import Tenant
from firstry.ports.clock import Clock
from firstry.ports.telemetry import Event, Telemetry

OUTCOMES = ("completed", "failed", "deferred", "fenced", "unsettled")
STATUSES = ("200", "202", "400", "401", "413", "500")
JIRA_OUTCOMES = (
    "ok", "token_refused", "not_permitted", "throttled", "server_error", "refused",
    "timeout", "unreachable", "oversized",
)  # fmt: skip
PREVENTED = frozenset({"DONE_KEY_EXISTS", "CLAIMED_ELSEWHERE"})
"""What a tick is told where answering it once more would have made a report twice."""
BUCKETS = (0.5, 1, 2, 5, 10, 20, 30, 60, 90, 120, 300)
MOST_BEGUN = 1000
"""Attempts whose beginning is remembered; one that never ends is forgotten beyond this."""


class Counters:
    """The counters of one process. They begin at zero with it; threads may share them."""

    def __init__(
        self, registry: CollectorRegistry, clock: Clock, triggers: Sequence[Trigger]
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: dict[tuple[object, ...], float] = {}
        self.last_tick_seconds = 0.0
        self._attempts = Counter(
            "firstry_attempts",
            "Attempts that this process ended, by trigger and outcome",
            ["trigger", "outcome"],
            registry=registry,
        )
        self._duration = Histogram(
            "firstry_report_duration_seconds",
            "From the claim to the stored report, of reports that this process made",
            buckets=BUCKETS,
            registry=registry,
        )
        self._leases = Counter(
            "firstry_leases_expired",
            "Claims by this process that followed an attempt whose lease had run out",
            registry=registry,
        )
        self._fenced = Counter(
            "firstry_fenced",
            "Results of this process that were refused by a newer claim",
            registry=registry,
        )
        self._prevented = Counter(
            "firstry_duplicates_prevented",
            "Ticks to this process for a report that is made already or just being made",
            registry=registry,
        )
        self._ticks = Counter(
            "firstry_ticks",
            "Ticks that this process answered, by status",
            ["status"],
            registry=registry,
        )
        self._invalid = Counter(
            "firstry_reports_invalid",
            "Stored reports that this process did not show, because they no longer verify",
            registry=registry,
        )
        self._jira = Counter(
            "firstry_jira_requests",
            "Requests of this process to Jira",
            ["outcome"],
            registry=registry,
        )
        for status in STATUSES:
            self._ticks.labels(status)
        for outcome in OUTCOMES:
            for trigger in triggers:
                self._attempts.labels(trigger, outcome)
        for outcome in JIRA_OUTCOMES:
            self._jira.labels(outcome)

    def called(self, outcome: str) -> None:
        """See `ports.telemetry.CallWatch`."""
        self._jira.labels(outcome).inc()

    def count(self, event: Event, tenant: Tenant | None, fields: Mapping[str, object]) -> None:
        """Count an event, if it is one that counts."""
        if event is Event.ATTEMPT_CLAIMED:
            self._begin(_key(tenant, fields))
        elif event is Event.ATTEMPT_SETTLED:
            self._end(tenant, fields, str(fields["outcome"]).lower())
        elif event is Event.ATTEMPT_FENCED:
            self._fenced.inc()
            self._end(tenant, fields, "fenced")
        elif event is Event.ATTEMPT_UNSETTLED:
            self._end(tenant, fields, "unsettled")
        elif event is Event.LEASE_EXPIRED:
            self._leases.inc()
        elif event is Event.REPORT_INVALID:
            self._invalid.inc()
        elif event is Event.INVOCATION_ANSWERED and fields.get("route") == "tick":
            self._tick(fields)

    def _tick(self, fields: Mapping[str, object]) -> None:
        self._ticks.labels(str(fields["status"])).inc()
        if fields["status"] in (200, 202):
            self.last_tick_seconds = self._clock.now().timestamp()
        if fields.get("outcome") in PREVENTED:
            self._prevented.inc()

    def _begin(self, key: tuple[object, ...]) -> None:
        with self._lock:
            if len(self._begun) >= MOST_BEGUN:
                self._begun.pop(next(iter(self._begun)))
            self._begun[key] = self._clock.monotonic()

    def _end(self, tenant: Tenant | None, fields: Mapping[str, object], outcome: str) -> None:
        self._attempts.labels(str(fields["trigger"]), outcome).inc()
        with self._lock:
            began = self._begun.pop(_key(tenant, fields), None)
        if began is not None and outcome == "completed":
            self._duration.observe(self._clock.monotonic() - began)


class CountingTelemetry:
    """A `Telemetry` that counts and passes on."""

    def __init__(self, counters: Counters, onward: Telemetry) -> None:
        self._counters, self._tell = counters, onward.emit

    def emit(self, event: Event, tenant: Tenant | None = None, **fields: object) -> None:
        """See `ports.telemetry.Telemetry`."""
        self._counters.count(event, tenant, fields)
        self._tell(event, tenant, **fields)


def _key(tenant: Tenant | None, fields: Mapping[str, object]) -> tuple[object, ...]:
    return (tenant, fields["trigger"], fields["revision"], fields["fence"])
