"""The records of alerts behave alike on every SQL store: of two successors one is written."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.insight.alert import AlertName, Firing, delivered, told, tried
from firstry.insight.patrol import LedgerPatrol
from firstry.ports.alert import AlertRecord
from firstry.ports.holding import Holding
from firstry.stores.clock import HostClock
from firstry.stores.sql.alert import SqlAlerts
from firstry.stores.sql.holding import SqlHolding
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.store import SqlStore
from support.backing import BACKINGS, SHARED
from support.domain import at, install, known, tenant

FOUND = Firing("what", "why", "mend it", 3, at(1), "state=backoff")


@pytest.fixture(params=SHARED)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty SQL store of every kind."""
    opened = BACKINGS[request.param](tmp_path).open()
    assert isinstance(opened, SqlStore)
    yield opened
    opened.close()


def _begun() -> AlertRecord:
    record = told(None, AlertName.BACKOFF_LONG, FOUND, at(2), "https://example.com")
    assert record is not None
    return record


def test_a_record_is_read_as_it_was_written(store: SqlStore) -> None:
    book, record = SqlAlerts(store.database), _begun()
    assert book.records() == []
    assert book.put(None, record)
    assert book.records() == [record]
    begun = tried(record, at(2))
    assert book.put(record, begun)
    done = delivered(begun, at(3))
    assert book.put(begun, done)
    assert book.records() == [done]
    assert (done.body, done.tries, done.delivered_at) == (None, 1, at(3))


def test_of_two_that_begin_an_alert_one_does(store: SqlStore) -> None:
    book, record = SqlAlerts(store.database), _begun()
    assert book.put(None, record)
    assert not book.put(None, replace(record, since=at(9)))
    assert book.records() == [record]


def test_of_two_successors_one_is_written(store: SqlStore) -> None:
    book, record = SqlAlerts(store.database), _begun()
    book.put(None, record)
    over = told(record, AlertName.BACKOFF_LONG, None, at(5), None)
    assert over is not None
    assert book.put(record, tried(record, at(2)))
    assert not book.put(record, tried(record, at(2))), "another process tries it already"
    assert not book.put(record, over), "the record is another one now"
    (now,) = book.records()
    assert book.put(now, over)
    assert book.records() == [over]
    assert (over.sequence, over.is_firing, over.since) == (2, False, at(2))


def test_tokens_and_entries_are_counted(store: SqlStore) -> None:
    holdings = SqlHolding(store.database)
    assert holdings.holding(at(0)) == Holding(0, 0, 0)
    for number in (1, 2, 3):
        install(store, tenant(number))
    entries = sum(known(store, tenant(number)).head.sequence for number in (1, 2, 3))
    ends = known(store, tenant(1)).token_expires_at
    assert ends is not None
    assert holdings.holding(ends - timedelta(hours=1)) == Holding(3, 0, entries)
    assert holdings.holding(ends) == Holding(0, 3, entries)


def test_the_patrol_passes_every_tenant_and_finds_sound_ledgers_sound(store: SqlStore) -> None:
    for number in range(7):
        install(store, tenant(number))
    patrol = LedgerPatrol(store, ServiceLedger(store.database), HostClock())
    for _ in range(5):
        patrol.step(3)
    assert patrol.broken == 0
