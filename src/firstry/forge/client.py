"""One question to Jira: bounded in time and size, polite about limits.

A burst limit is waited out here, a few times and briefly; a spent quota is
remembered and nobody is asked until it is filled again. Waits are jittered
upward only, so that nobody comes back too early.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from firstry.domain.evidence import Dataset
from firstry.domain.tenant import Tenant
from firstry.forge.jira import Source
from firstry.forge.quota import QuotaHolds
from firstry.forge.transport import FailureKind, Request, Response, Transport, TransportFailed
from firstry.ports.clock import Clock
from firstry.ports.evidence import Throttled, Unreadable
from firstry.ports.telemetry import CallWatch, UnwatchedCalls
from firstry.ports.trace import Step, note, span
from firstry.ports.vault import SystemToken

CALL_SECONDS = 20.0
MAX_BYTES = 8 * 1024 * 1024
TRIES = 4
BURST_WAIT_SECONDS = 10.0
"""A burst limit that asks for a longer wait than this defers the attempt."""
JITTER = 0.25

_FAILURES = {
    FailureKind.TIMEOUT: Unreadable("JIRA_TIMEOUT", "Jira did not answer in time"),
    FailureKind.UNREACHABLE: Unreadable("JIRA_UNREACHABLE", "Jira could not be reached"),
    FailureKind.OVERSIZED: Unreadable("JIRA_OVERSIZED", "Jira's answer was larger than allowed"),
}

_OUTCOMES = {200: "ok", 401: "token_refused", 403: "not_permitted", 429: "throttled"}


@dataclass(frozen=True, slots=True)
class JiraClient:
    """Asks Jira in the name of one tenant at a time. Threads may share it."""

    transport: Transport
    clock: Clock
    sleep: Callable[[float], None]
    rng: random.Random
    holds: QuotaHolds = field(default_factory=QuotaHolds)
    calls: CallWatch = field(default_factory=UnwatchedCalls)

    def ask(
        self, source: Source, start: int, tenant: Tenant, token: SystemToken, deadline: float
    ) -> Response | Throttled | Unreadable:
        """Return the answer to `source` from item `start` on, whatever its status but 429."""
        return self.exchange(_request(source, start, token), tenant, deadline, source.dataset)

    def exchange(
        self, request: Request, tenant: Tenant, deadline: float, dataset: Dataset | None = None
    ) -> Response | Throttled | Unreadable:
        """Return the answer to `request`, whatever its status but 429.

        `dataset` is what it asks for, if it asks for one; only the trace shows it.
        """
        for attempt in range(1, TRIES + 1):
            now = self.clock.now()
            if (held := self.holds.held_until(tenant, now)) is not None:
                return Throttled(held)
            with span(Step.JIRA_CALL, tenant, dataset=dataset):
                answer = self._sent(request, deadline)
            if isinstance(answer, Unreadable):
                return answer
            self.holds.spend(1, now)
            if answer.status != 429:
                return answer
            wait = self._wait_for(answer.headers, tenant)
            if wait is None or attempt == TRIES or self.clock.monotonic() + wait >= deadline:
                return Throttled(_retry_at(answer.headers, self.clock.now()))
            self.sleep(wait)
        raise AssertionError("unreachable: the last try returns")

    def _sent(self, request: Request, deadline: float) -> Response | Unreadable:
        """Send `request` once, and tell how that ended."""
        left = deadline - self.clock.monotonic()
        try:
            answer = self.transport.send(request, min(CALL_SECONDS, left), MAX_BYTES)
        except TransportFailed as failure:
            found, outcome = _FAILURES[failure.kind], failure.kind.value.lower()
            note(outcome=outcome, error_code=found.code)
            self.calls.called(outcome)
            return found
        outcome = _outcome_of(answer.status)
        note(outcome=outcome, status=answer.status)
        self.calls.called(outcome)
        return answer

    def _wait_for(self, headers: Mapping[str, str], tenant: Tenant) -> float | None:
        """Return how long to wait here for a limit; None if waiting here is no use."""
        now = self.clock.now()
        if "quota" in headers.get("ratelimit-reason", ""):
            self.holds.hold(tenant, headers, _retry_at(headers, now), now)
            return None
        seconds = _retry_after(headers)
        wait = 1.0 if seconds is None else seconds
        return wait * (1 + JITTER * self.rng.random()) if wait <= BURST_WAIT_SECONDS else None


def _outcome_of(status: int) -> str:
    """Return the kind of an answer, for counting: a closed list of words."""
    return _OUTCOMES.get(status, "server_error" if status >= 500 else "refused")


def _request(source: Source, start: int, token: SystemToken) -> Request:
    headers = {"authorization": f"Bearer {token.bearer}", "accept": "application/json"}
    body = None
    if source.body is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(source.body).encode()
    return Request(source.method, token.api_base_url + source.page(start), headers, body)


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    seconds = _retry_after(headers)
    return None if seconds is None else now + timedelta(seconds=seconds)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After in seconds, at most a day; None if it is absent or no number."""
    text = headers.get("retry-after", "")
    return float(min(int(text), 86400)) if text.isascii() and text.isdigit() else None
