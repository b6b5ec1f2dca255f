"""What Jira grants an app, and how it refuses more.

Points per hour (over all tenants, or per tenant) come back at the top of each UTC hour; until
then everything is refused, not only some calls. Bursts are counted per endpoint and second.
Source: FORGE.md and Atlassian's page on rate limiting.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from firstry.sim.jira_message import JiraAnswer, json_answer

POINTS_AN_HOUR = 65_000
CALLS_A_SECOND = 100
NEAR = 0.2


class Reason(StrEnum):
    """Values of `RateLimit-Reason`."""

    GLOBAL = "jira-quota-global-based"
    TENANT = "jira-quota-tenant-based"
    BURST = "jira-burst-based"


@dataclass(slots=True)
class Quota:
    """Points used in the present UTC hour; share one between sites for the global pool."""

    limit: int = POINTS_AN_HOUR
    reason: Reason = Reason.GLOBAL
    _hour: datetime | None = None
    _used: int = 0

    def used(self, at: datetime) -> int:
        hour = _hour_of(at)
        if hour != self._hour:
            self._hour, self._used = hour, 0
        return self._used

    def charge(self, points: int, at: datetime) -> None:
        self._used = self.used(at) + points

    def refusal(self, at: datetime) -> JiraAnswer | None:
        """Return the refusal of any call, once the points of this hour are used up."""
        if self.used(at) < self.limit:
            return None
        return throttled(self.reason, at, limit=self.limit)

    def is_near(self, at: datetime) -> bool:
        return self.limit - self.used(at) < NEAR * self.limit


@dataclass(slots=True)
class Burst:
    """Calls in the present second, per endpoint."""

    limit: int = CALLS_A_SECOND
    _second: int = 0
    _calls: dict[str, int] = field(default_factory=dict)

    def left(self, endpoint: str, at: datetime) -> int:
        """Count one call and return how many more the second allows; -1 refuses this one."""
        second = int(at.timestamp())
        if second != self._second:
            self._second, self._calls = second, {}
        calls = self._calls.get(endpoint, 0) + 1
        if calls > self.limit:
            return -1
        self._calls[endpoint] = calls
        return self.limit - calls


def throttled(
    reason: Reason, at: datetime, *, retry_after: timedelta | None = None, limit: int | None = None
) -> JiraAnswer:
    """Return a 429. By default a burst waits one second, and a quota for its next hour."""
    if retry_after is None:
        reset = _hour_of(at) + timedelta(hours=1)
        retry_after = timedelta(seconds=1) if reason is Reason.BURST else reset - at
    seconds = -(-retry_after // timedelta(seconds=1))
    reset_at = (at + timedelta(seconds=seconds)).astimezone(UTC)
    bound = limit or (CALLS_A_SECOND if reason is Reason.BURST else POINTS_AN_HOUR)
    headers = {
        "Retry-After": str(seconds),
        "RateLimit-Reason": reason.value,
        "X-RateLimit-Limit": str(bound),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": reset_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return json_answer(429, {"errorMessages": ["Rate limit exceeded."], "errors": {}}, headers)


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
