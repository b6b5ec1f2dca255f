"""Where evidence comes from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from firstry.domain.evidence import Evidence
from firstry.domain.tenant import Tenant


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The site refused our token: "not yet", not a failure of the site."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """The platform said to come back later, at `retry_at` if it named a time."""

    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An enabled dataset could not be read. `code` is stable, `message` may be shown."""

    code: str
    message: str


Collected = Evidence | TokenRefused | Throttled | Unreadable


class EvidenceSource(Protocol):
    """Reads what a site lets the app see."""

    def held_until(self, now: datetime) -> datetime | None:
        """Return until when no site at all may be asked, or None if sites may be asked."""
        ...

    def collect(self, tenant: Tenant, deadline: float) -> Collected:
        """Return what was read, every enabled dataset or none.

        Ends before `deadline` (on the clock's `monotonic`), as Unreadable if
        there was not enough time. Opens no transaction.
        """
        ...
