"""How an attempt ended. Three ends, all expected, all values."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.ledger import Entry
from firstry.domain.policy import DeferralKind
from firstry.domain.record import StoredReport

TOKEN_WAIT = timedelta(minutes=15)
"""How long a refused token puts an attempt off; a later tick brings a new token."""
QUOTA_WAIT_MIN = timedelta(minutes=1)
QUOTA_WAIT_MAX = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Completed:
    """The report is made. `evidence` are the ledger entries that it cites."""

    report: StoredReport
    evidence: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Deferred:
    """Put off for a cause outside the tenant's reach; the attempt is given back.

    `retry_at` is when the platform said to come back, if it said so.
    """

    kind: DeferralKind
    message: str
    retry_at: datetime | None = None

    def wait_end(self, now: datetime) -> datetime:
        """Return until when it waits: never at once, never longer than a day."""
        if self.kind is DeferralKind.TOKEN:
            return now + TOKEN_WAIT
        wished = self.retry_at or now
        return min(max(wished, now + QUOTA_WAIT_MIN), now + QUOTA_WAIT_MAX)


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not work. `code` is stable, `message` may be shown to anybody."""

    code: str
    message: str


Outcome = Completed | Deferred | Failed
