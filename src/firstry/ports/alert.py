"""What a webhook was told of alerts, kept so that a restart neither repeats nor forgets it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert. `sequence` counts its messages from 1; `told_at` is when the latest was made.

    `body` is the latest message while it is yet to be delivered, else None; `tries`
    counts how often that was begun, and the next one may begin at `next_try_at`.
    """

    name: str
    sequence: int
    is_firing: bool
    since: datetime
    told_at: datetime
    body: str | None
    tries: int
    next_try_at: datetime
    delivered_at: datetime | None = None


class AlertBook(Protocol):
    """One record for each alert. Raises StoreUnavailable as a store does."""

    def records(self) -> Sequence[AlertRecord]:
        """Return every record there is, at most one for each name."""
        ...

    def put(self, before: AlertRecord | None, after: AlertRecord) -> bool:
        """Write `after` if `before` is still what is stored; return whether it was.

        Of several processes that put a successor of the same record, one succeeds.
        """
        ...


class Webhook(Protocol):
    """Delivers messages to somewhere outside."""

    def deliver(self, key: str, body: bytes) -> str | None:
        """Return None if it was taken, else in a few words why not. Bounded in time.

        `key` is the same for each try of one message, so a receiver can tell repeats.
        """
        ...
