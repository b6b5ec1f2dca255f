"""The thread that looks once a minute for alerts and delivers what is to be said.

Several processes may do so at once. Each message is made, and each try to deliver it
begun, by a write that succeeds for one of them only. A process that dies while it
delivers leaves the message to whoever looks next; then it may arrive twice, with the
same key.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.insight.alert import (
    AlertName,
    delivered,
    firing,
    is_open,
    is_waiting,
    key_of,
    told,
    tried,
)
from firstry.insight.overview import InsightParts, overview
from firstry.insight.patrol import LedgerPatrol
from firstry.ports.alert import AlertBook, AlertRecord, Webhook
from firstry.ports.telemetry import Event, Telemetry, told_if_it_fails

EVERY = timedelta(minutes=1)
POLL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AlertParts:
    """What alerts need. Wired once, in `wiring`."""

    insight: InsightParts
    book: AlertBook
    webhook: Webhook
    patrol: LedgerPatrol
    telemetry: Telemetry
    public_url: str | None


def look(parts: AlertParts, now: datetime) -> None:
    """Compare what stands now with what was told, and keep what is to be told."""
    parts.patrol.step()
    found = firing(overview(parts.insight, now), parts.patrol)
    known = {record.name: record for record in parts.book.records()}
    for name in AlertName:
        before = known.get(name.value)
        if is_open(before, name, parts.patrol):
            continue
        after = told(before, name, found.get(name), now, parts.public_url)
        if after is not None:
            parts.book.put(before, after)


def deliver(parts: AlertParts, is_stopping: Callable[[], bool]) -> None:
    """Try each message that is to be delivered and whose time has come, once.

    A try may take seconds, so each is begun at its own time, and none once the process stops.
    """
    for record in parts.book.records():
        now = parts.insight.clock.now()
        if is_stopping():
            return
        if record.body is None or is_waiting(record, now):
            continue
        begun = tried(record, now)
        if parts.book.put(record, begun):
            _deliver(parts, begun, record.body, now)


def _deliver(parts: AlertParts, record: AlertRecord, body: str, now: datetime) -> None:
    refused = parts.webhook.deliver(key_of(record), body.encode())
    if refused is None:
        parts.book.put(record, delivered(record, now))
        parts.telemetry.emit(Event.ALERT_DELIVERED, detail=record.name, count=record.tries)
    else:
        said = f"{record.name}: {refused}"
        parts.telemetry.emit(Event.ALERT_UNDELIVERED, detail=said, count=record.tries)


class AlertRunner:
    """Looks every minute and delivers every few seconds. Start it once, close it at the end."""

    def __init__(self, parts: AlertParts) -> None:
        self._parts = parts
        self._told = threading.Event()
        self._looked_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="alert", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End after the delivery that is under way."""
        self._told.set()
        if self._thread.is_alive():
            self._thread.join()

    def step(self) -> None:
        """Look if a minute has passed, and deliver. Raises FirstryError as the store does."""
        now = self._parts.insight.clock.now()
        if self._looked_at is None or not timedelta() <= now - self._looked_at < EVERY:
            look(self._parts, now)
            self._looked_at = now
        deliver(self._parts, self._told.is_set)

    def _run(self) -> None:
        while not self._told.is_set():
            told_if_it_fails(self._parts.telemetry, Event.ALERT_PASS_FAILED, self.step)
            self._told.wait(POLL_SECONDS)
