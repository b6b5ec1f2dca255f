"""What the platform said about its limits, remembered so that nobody asks in vain.

A spent quota is the app's over all tenants or one tenant's own; either way no
request is sent until the instant at which it is filled again. The app's points
are also counted here, so that one process stops by itself before the platform
has to say so. Held in the process: after a restart, or where several processes
share the app's points, the platform's own answer tells it.
"""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from firstry.domain.tenant import CloudId, Tenant

GLOBAL = "jira-quota-global-based"
DEFAULT_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)
TENANTS_KEPT = 10_000
POINTS_AN_HOUR = 65_000
"""What Jira grants an app over all its tenants: a point a call, and one an object."""


class QuotaHolds:
    """Until when the app, or one tenant, may not ask. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._app_until: datetime | None = None
        self._tenant_until: dict[CloudId, datetime] = {}
        self._hour: datetime | None = None
        self._points = 0

    @property
    def tenants_held(self) -> int:
        """How many tenants are remembered: never more than `TENANTS_KEPT` and one."""
        with self._lock:
            return len(self._tenant_until)

    def held_until(self, tenant: Tenant, now: datetime) -> datetime | None:
        """Return when `tenant` may be asked again, or None if it may be asked now."""
        with self._lock:
            ends = (self._app_until, self._tenant_until.get(tenant.cloud_id))
            return max((end for end in ends if end is not None and now < end), default=None)

    def app_held_until(self, now: datetime) -> datetime | None:
        """Return when the app may ask anybody again, or None if it may now."""
        with self._lock:
            end = self._app_until
        return end if end is not None and now < end else None

    def spend(self, points: int, now: datetime) -> None:
        """Count points of the app; with the last of this hour's, hold everybody until the next."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            if hour != self._hour:
                self._hour, self._points = hour, 0
            self._points += points
            if self._points >= POINTS_AN_HOUR:
                self._app_until = hour + timedelta(hours=1)

    def points_left(self, now: datetime) -> int:
        """Return how many points this process may spend until the hour ends, by its own count."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            return max(POINTS_AN_HOUR - (self._points if hour == self._hour else 0), 0)

    def hold(
        self, tenant: Tenant, headers: Mapping[str, str], retry_at: datetime | None, now: datetime
    ) -> None:
        """Remember a spent quota: the app's if the platform says so, else the tenant's."""
        until = min(retry_at or now + DEFAULT_WAIT, now + LONGEST_WAIT)
        with self._lock:
            if headers.get("ratelimit-reason") == GLOBAL:
                self._app_until = max(until, self._app_until or until)
                return
            if len(self._tenant_until) >= TENANTS_KEPT:
                self._tenant_until = {k: v for k, v in self._tenant_until.items() if now < v}
            self._tenant_until[tenant.cloud_id] = until
