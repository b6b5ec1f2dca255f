"""The store of a simulated world: what goes wrong with a write, and what is stored then."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.domain.errors import CommitUnknown, StoreUnavailable
from firstry.domain.record import Installation, InstallationSource
from firstry.lifecycle.install import Recorded, record_installation
from firstry.ports.failpoint import Failpoint
from firstry.ports.store import Store
from firstry.sim.world_fault import Mishap
from firstry.sim.world_store import FullDisk, LineStore, PlacedMemory, Written
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.domain import DEFAULT, INSTALLED_AT, TENANT


class OneMishap:
    """A line on which the next write meets one mishap."""

    def __init__(self, mishap: Mishap | None = None, *, is_down: bool = False) -> None:
        self._mishap, self._is_down = mishap, is_down
        self.seen: list[Written] = []

    def ask(self) -> None:
        """See `world_store.Line`."""
        if self._is_down:
            raise StoreUnavailable("the store is down")

    def mishap_of_write(self) -> Mishap | None:
        """See `world_store.Line`."""
        mishap, self._mishap = self._mishap, None
        return mishap

    def watch(self, written: Written) -> None:
        """See `world_store.Line`."""
        self.seen.append(written)


def placed_memory(_: Path, disk: FullDisk) -> Store:
    return PlacedMemory(lambda _: None, disk)


def sqlite(folder: Path, _: FullDisk) -> Store:
    upgrade(folder / "world.db")
    return SqliteStore(folder / "world.db")


Made = Callable[[Path, FullDisk], Store]
KINDS = pytest.mark.parametrize("made", [placed_memory, sqlite])


def install(store: Store) -> Recorded:
    evidence = Installation(INSTALLED_AT, InstallationSource.OPERATOR)
    now = INSTALLED_AT + timedelta(hours=1)
    return record_installation(store, TENANT, evidence, now, DEFAULT, reason="a test")


@KINDS
@pytest.mark.parametrize(
    ("mishap", "is_stored"),
    [
        (Mishap.COMMIT_LOST, False),
        (Mishap.DISK_FULL, False),
        (Mishap.COMMIT_ANSWER_LOST, True),
    ],
)
def test_a_commit_that_went_wrong_left_the_state_before_or_after(
    tmp_path: Path, made: Made, mishap: Mishap, is_stored: bool
) -> None:
    disk, line = FullDisk(), OneMishap(mishap)
    truth = made(tmp_path, disk)
    store = LineStore(truth, line, disk)
    with pytest.raises(StoreUnavailable):
        install(store)
    stored = truth.read(TENANT)
    assert (stored is not None) is is_stored
    assert not disk.is_full
    (written,) = line.seen
    assert written.is_as_after(stored) is is_stored
    assert written.is_as_before(stored) is not is_stored
    assert install(store) is (Recorded.ALREADY if is_stored else Recorded.INSTALLATION)
    truth.close()


@KINDS
def test_a_store_that_is_down_is_asked_nothing(tmp_path: Path, made: Made) -> None:
    disk, line = FullDisk(), OneMishap(is_down=True)
    truth = made(tmp_path, disk)
    store = LineStore(truth, line, disk)
    with pytest.raises(StoreUnavailable):
        install(store)
    assert truth.read(TENANT) is None
    assert line.seen == []
    truth.close()


def test_memory_has_the_places_of_a_database() -> None:
    """A process can die before the write, and then nothing is written."""
    passed: list[Failpoint] = []

    def dies_before_it_commits(place: Failpoint) -> None:
        passed.append(place)
        if place is Failpoint.TRANSACTION_WRITTEN:
            raise KeyboardInterrupt

    store = PlacedMemory(dies_before_it_commits, FullDisk())
    with pytest.raises(KeyboardInterrupt):
        install(store)
    assert store.read(TENANT) is None
    assert passed == [
        Failpoint.TRANSACTION_BEGUN,
        Failpoint.TRANSACTION_DECIDED,
        Failpoint.TRANSACTION_HALF_WRITTEN,
        Failpoint.TRANSACTION_WRITTEN,
    ]


def test_a_lost_answer_is_told_as_an_unknown_commit() -> None:
    disk = FullDisk()
    store = LineStore(
        PlacedMemory(lambda _: None, disk), OneMishap(Mishap.COMMIT_ANSWER_LOST), disk
    )
    with pytest.raises(CommitUnknown):
        install(store)
