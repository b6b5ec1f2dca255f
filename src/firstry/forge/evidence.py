"""Collect evidence from one site: every enabled dataset, or the reason why not.

Calls go one after the other, each bounded in time and size, all under one
deadline. 403 is an answer ("not permitted"), 401 and a spent quota put the
attempt off, everything else that is not the documented answer fails it.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.evidence import (
    Count,
    Dataset,
    Evidence,
    NotCollected,
    NotCollectedCause,
    NotPermitted,
    Reading,
)
from firstry.domain.tenant import Tenant
from firstry.forge.jira import SOURCES, Malformed, Source, count_from
from firstry.forge.transport import FailureKind, Request, Response, Transport, TransportFailed
from firstry.ports.clock import Clock
from firstry.ports.evidence import Collected, Throttled, TokenRefused, Unreadable
from firstry.ports.vault import SystemToken, Vault

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


@dataclass(frozen=True, slots=True)
class JiraEvidence:
    """An `EvidenceSource` over Jira Cloud REST v3. `datasets` are those to collect."""

    transport: Transport
    vault: Vault
    clock: Clock
    datasets: frozenset[Dataset]
    sleep: Callable[[float], None]
    rng: random.Random

    def collect(self, tenant: Tenant, deadline: float) -> Collected:
        """See `ports.evidence.EvidenceSource`."""
        now = self.clock.now()
        token = self.vault.open(tenant, now)
        if token is None:
            self.vault.forget(tenant, now, None)
            return TokenRefused()
        readings: dict[Dataset, Reading] = {}
        for source in SOURCES:
            if source.dataset not in self.datasets:
                continue
            read = self._read(source, token, deadline)
            if isinstance(read, TokenRefused):
                self.vault.forget(tenant, self.clock.now(), token)
            if not isinstance(read, Reading):
                return read
            readings[source.dataset] = read
        return Evidence(tuple(readings.get(d) or _not_collected(d) for d in Dataset))

    def _read(
        self, source: Source, token: SystemToken, deadline: float
    ) -> Reading | TokenRefused | Throttled | Unreadable:
        asked_at = self.clock.now()
        answer = self._ask(source, token, deadline)
        if not isinstance(answer, Response):
            return answer
        if answer.status == 403 or _is_scope_missing(answer):
            return _reading(source, asked_at, answer.status, NotPermitted())
        if answer.status == 401:
            return TokenRefused()
        if answer.status >= 500:
            return Unreadable("JIRA_UNAVAILABLE", f"Jira answered {answer.status}")
        if answer.status != 200:
            return Unreadable("JIRA_REFUSED", f"Jira answered {answer.status}")
        try:
            return _reading(source, asked_at, 200, count_from(source, answer.body))
        except Malformed:
            name = source.dataset.value
            return Unreadable("JIRA_MALFORMED", f"Jira's answer for {name} has another shape")

    def _ask(
        self, source: Source, token: SystemToken, deadline: float
    ) -> Response | Throttled | Unreadable:
        """Send one request, again after a burst limit as often as allowed."""
        for attempt in range(1, TRIES + 1):
            left = deadline - self.clock.monotonic()
            try:
                answer = self.transport.send(
                    _request(source, token), min(CALL_SECONDS, left), MAX_BYTES
                )
            except TransportFailed as failure:
                return _FAILURES[failure.kind]
            if answer.status != 429:
                return answer
            wait = _burst_wait(answer.headers)
            if wait is None or attempt == TRIES:
                return Throttled(_retry_at(answer.headers, self.clock.now()))
            wait *= 1 + JITTER * self.rng.random()
            if self.clock.monotonic() + wait >= deadline:
                return Throttled(_retry_at(answer.headers, self.clock.now()))
            self.sleep(wait)
        raise AssertionError("unreachable: the last try returns")


def _request(source: Source, token: SystemToken) -> Request:
    headers = {"authorization": f"Bearer {token.bearer}", "accept": "application/json"}
    body = None
    if source.body is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(source.body).encode()
    return Request(source.method, token.api_base_url + source.path, headers, body)


def _reading(source: Source, at: datetime, status: int, answer: Count | NotPermitted) -> Reading:
    return Reading(source.dataset, source.request, source.scope, at, status, answer)


def _is_scope_missing(answer: Response) -> bool:
    """Whether a 401 speaks of one missing scope: the gateway's other way to say 403."""
    return answer.status == 401 and b"scope does not match" in answer.body


def _burst_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait for a burst limit; None if waiting here is no use."""
    if "quota" in headers.get("ratelimit-reason", ""):
        return None
    seconds = _retry_after(headers)
    wait = 1.0 if seconds is None else seconds
    return wait if wait <= BURST_WAIT_SECONDS else None


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    seconds = _retry_after(headers)
    return None if seconds is None else now + timedelta(seconds=seconds)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After in seconds, at most a day; None if it is absent or no number."""
    text = headers.get("retry-after", "")
    return float(min(int(text), 86400)) if text.isascii() and text.isdigit() else None


def _not_collected(dataset: Dataset) -> NotCollected:
    if dataset is Dataset.AUTOMATION_RULES:
        return NotCollected(dataset, NotCollectedCause.NO_SUPPORTED_SOURCE)
    return NotCollected(dataset, NotCollectedCause.NOT_ENABLED)
