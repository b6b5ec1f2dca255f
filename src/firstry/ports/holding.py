"""How much a store holds of what is counted and not looked at."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Holding:
    """Tokens that still live, those that have expired, and ledger entries of all tenants."""

    tokens_live: int
    tokens_expired: int
    ledger_entries: int


class HoldingCount(Protocol):
    """Counts over all tenants. Raises StoreUnavailable as a store does."""

    def holding(self, now: datetime) -> Holding:
        """Return what is held; a token lives while its end lies after `now`."""
        ...
