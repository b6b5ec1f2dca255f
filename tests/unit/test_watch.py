"""Who asks for the overview waits only where there is none recent enough, and never twice."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from firstry.domain.errors import StoreUnavailable
from firstry.domain.phase import Scene
from firstry.domain.policy import Policy
from firstry.insight.overview import FRESH_SECONDS, STALE_SECONDS, Overview, Watch
from firstry.ports.insight import Tally
from firstry.stores.sql.insight import SqlInsight
from firstry.stores.sql.session import Database
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from firstry.wiring.operators import operators_of
from support.service import StillClock
from support.wire import until

CALLERS = 8


class GatedInsight(SqlInsight):
    """A read model that takes as long as a test wants; `begun` counts the overviews."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.gate = threading.Event()
        self.gate.set()
        self.begun = 0
        self.is_away = False

    def tally(self, scene: Scene, late_since: datetime) -> Sequence[Tally]:
        """Count, once the gate is open."""
        self.begun += 1
        assert self.gate.wait(10)
        if self.is_away:
            raise StoreUnavailable("away")
        return super().tally(scene, late_since)


class Scenery:
    """A watch over a real store, with a clock that moves when it is told to."""

    def __init__(self, store: SqliteStore) -> None:
        self.clock = StillClock()
        self.insight = GatedInsight(store.database)
        parts = operators_of(store, self.clock, Policy()).insight
        self.watch = Watch(replace(parts, insight=self.insight))

    def until_begun(self, times: int) -> None:
        """Wait until so many overviews were begun."""
        wait = until()
        while self.insight.begun < times:
            wait.more(f"overview {times} to begin")


@pytest.fixture
def scenery(tmp_path: Path) -> Iterator[Scenery]:
    upgrade(tmp_path / "firstry.db")
    store = SqliteStore(tmp_path / "firstry.db")
    made = Scenery(store)
    yield made
    made.insight.gate.set()
    store.close()


def test_a_fresh_overview_is_not_made_again(scenery: Scenery) -> None:
    first = scenery.watch.overview()
    assert scenery.watch.overview() is first
    assert scenery.insight.begun == 1


def test_nobody_waits_for_the_one_that_is_made_meanwhile(scenery: Scenery) -> None:
    first = scenery.watch.overview()
    scenery.insight.gate.clear()
    scenery.clock.skip(FRESH_SECONDS)
    for _ in range(CALLERS):
        assert scenery.watch.overview() is first
    scenery.until_begun(2)
    scenery.insight.gate.set()
    wait = until()
    while scenery.watch.overview() is first:
        wait.more("the next overview")
    assert scenery.insight.begun == 2


def test_one_that_is_too_old_is_shown_to_nobody_and_made_once_for_all(scenery: Scenery) -> None:
    first = scenery.watch.overview()
    scenery.insight.gate.clear()
    scenery.clock.skip(STALE_SECONDS)
    with ThreadPoolExecutor(CALLERS) as callers:
        asked = [callers.submit(scenery.watch.overview) for _ in range(CALLERS)]
        scenery.until_begun(2)
        assert not any(each.done() for each in asked)
        scenery.insight.gate.set()
        given: set[int] = {id(each.result()) for each in asked}
    assert len(given) == 1
    assert id(first) not in given
    assert scenery.insight.begun == 2


def test_what_was_begun_before_a_change_is_not_shown_after_it(scenery: Scenery) -> None:
    scenery.insight.gate.clear()
    with ThreadPoolExecutor(2) as callers:
        before = callers.submit(scenery.watch.overview)
        scenery.until_begun(1)
        scenery.watch.forget()
        after = callers.submit(scenery.watch.overview)
        scenery.until_begun(2)
        scenery.insight.gate.set()
        seen: Overview = after.result()
        assert seen is not before.result()
    assert scenery.watch.overview() is seen


def test_all_who_wait_are_told_of_a_failure_and_the_next_one_tries_anew(scenery: Scenery) -> None:
    scenery.insight.is_away = True
    scenery.insight.gate.clear()
    with ThreadPoolExecutor(CALLERS) as callers:
        asked = [callers.submit(scenery.watch.overview) for _ in range(CALLERS)]
        scenery.until_begun(1)
        scenery.insight.gate.set()
        assert all(isinstance(each.exception(), StoreUnavailable) for each in asked)
    scenery.insight.is_away = False
    assert scenery.watch.overview().tally == []
