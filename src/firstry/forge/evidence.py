"""Collect evidence from one site: every enabled dataset, or the reason why not.

Calls go one after the other under one deadline. 403 is an answer ("not
permitted"), 401 and a spent quota put the attempt off, everything else that is
not the documented answer fails it.
"""

from dataclasses import dataclass
from datetime import datetime

from firstry.domain.evidence import (
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    NotCollectedCause,
    NotPermitted,
    Reading,
)
from firstry.domain.flag import of_dataset
from firstry.domain.tenant import Tenant
from firstry.forge.client import JiraClient
from firstry.forge.jira import SOURCES, Malformed, Source, count_from
from firstry.forge.transport import Response
from firstry.ports.clock import Clock
from firstry.ports.evidence import Collected, Throttled, TokenRefused, Unreadable
from firstry.ports.failpoint import Failpoint, reach
from firstry.ports.flag import FlagBoard
from firstry.ports.vault import SystemToken, Vault

PAGES = 100
Stopped = TokenRefused | Throttled | Unreadable


@dataclass(frozen=True, slots=True)
class JiraEvidence:
    """An `EvidenceSource` over Jira Cloud REST v3.

    `datasets` are those to collect, less what `flags` has switched off for a tenant.
    """

    client: JiraClient
    vault: Vault
    clock: Clock
    datasets: frozenset[Dataset]
    flags: FlagBoard | None = None

    def held_until(self, now: datetime) -> datetime | None:
        """See `ports.evidence.EvidenceSource`."""
        return self.client.holds.app_held_until(now)

    def collect(self, tenant: Tenant, deadline: float) -> Collected:
        """See `ports.evidence.EvidenceSource`."""
        now = self.clock.now()
        token = self.vault.open(tenant, now)
        if token is None:
            return TokenRefused()
        reach(Failpoint.EVIDENCE_TOKEN_OPENED)
        off = self.flags.off_for(tenant) if self.flags is not None else frozenset()
        readings: dict[Dataset, Reading] = {}
        for source in SOURCES:
            if source.dataset not in self.datasets or of_dataset(source.dataset) in off:
                continue
            read = self._read(source, tenant, token, deadline)
            if isinstance(read, TokenRefused):
                self.vault.forget(tenant, self.clock.now(), token)
            if not isinstance(read, Reading):
                return read
            readings[source.dataset] = read
            reach(Failpoint.EVIDENCE_READ)
        return Evidence(tuple(readings.get(d) or _not_collected(d) for d in Dataset))

    def _read(
        self, source: Source, tenant: Tenant, token: SystemToken, deadline: float
    ) -> Reading | Stopped:
        """Read one dataset; page by page to its end where Jira gives no total (P46)."""
        asked_at = self.clock.now()
        read = 0
        for _ in range(PAGES):
            answer = self.client.ask(source, read, tenant, token, deadline)
            if not isinstance(answer, Response):
                return answer
            count = _count_of(source, answer)
            if isinstance(count, TokenRefused | Unreadable):
                return count
            if isinstance(count, Count):
                self._spend(source, count)
            if source.page_size is None or isinstance(count, NotPermitted):
                return _reading(source, asked_at, answer, count)
            if count.value == 0:
                whole = Count(read, read, read, CountMethod.READ)
                return _reading(source, asked_at, answer, whole)
            read += count.value
        return Unreadable("JIRA_TOO_MANY", f"Jira lists more {source.dataset} than are read")

    def _spend(self, source: Source, count: Count) -> None:
        """Count the objects that an answer listed; a number that Jira gave lists one at most."""
        objects = count.value if count.method is CountMethod.READ else 1
        self.client.holds.spend(objects * source.points_each, self.clock.now())


def _count_of(source: Source, answer: Response) -> Count | NotPermitted | TokenRefused | Unreadable:
    """Return what one answer says."""
    if answer.status == 403 or _is_scope_missing(answer):
        return NotPermitted()
    if answer.status == 401:
        return TokenRefused()
    if answer.status >= 500:
        return Unreadable("JIRA_UNAVAILABLE", f"Jira answered {answer.status}")
    if answer.status != 200:
        return Unreadable("JIRA_REFUSED", f"Jira answered {answer.status}")
    try:
        return count_from(source, answer.body)
    except Malformed:
        return Unreadable("JIRA_MALFORMED", f"Jira's answer for {source.dataset} has another shape")


def _is_scope_missing(answer: Response) -> bool:
    """Whether a 401 speaks of one missing scope: the gateway's other way to say 403."""
    return answer.status == 401 and b"scope does not match" in answer.body


def _reading(
    source: Source, asked_at: datetime, answer: Response, content: Count | NotPermitted
) -> Reading:
    return Reading(source.dataset, source.request, source.scope, asked_at, answer.status, content)


def _not_collected(dataset: Dataset) -> NotCollected:
    if dataset is Dataset.AUTOMATION_RULES:
        return NotCollected(dataset, NotCollectedCause.NO_SUPPORTED_SOURCE)
    return NotCollected(dataset, NotCollectedCause.NOT_ENABLED)
