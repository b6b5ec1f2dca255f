"""What a SQLite file can suffer, and that the store says so, in time, and recovers."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from firstry.domain.errors import Defect, FirstryError, StoreUnavailable, StoreUnfit
from firstry.domain.record import Change, TenantRecord
from firstry.ports.telemetry import Event
from firstry.scheduler.runner import Runner
from firstry.scheduler.worker import run_pass
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.attempt import Bench
from support.backing import start_module
from support.domain import TENANT, at, claim_at, complete, install, known, tenant, won

LIMIT_SECONDS = 2.5
SOON_SECONDS = 10.0
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    upgrade(path)
    return path


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store in use, with one tenant."""
    store = SqliteStore(path)
    install(store)
    yield store
    store.close()


ACTS: dict[str, Callable[[SqliteStore], object]] = {
    "read": lambda store: store.read(TENANT),
    "write": lambda store: claim_at(store, at(12)),
    "list": lambda store: store.tenants(None, 10),
    "check": lambda store: store.check(),
}


def refused(store: SqliteStore, kind: type[FirstryError]) -> None:
    """Assert that every call is refused, and soon."""
    for name, act in ACTS.items():
        began = time.monotonic()
        with pytest.raises(kind) as error:
            act(store)
        assert time.monotonic() - began < LIMIT_SECONDS, name
        assert error.value.message, name


def works(store: SqliteStore) -> None:
    for act in ACTS.values():
        act(store)


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_busy_database_is_unavailable_soon_and_then_works(
    store: SqliteStore, path: Path, begin: str
) -> None:
    """P2, P25: a write that cannot be made is an error, not "nothing due". I12: in time."""
    other = apsw.Connection(str(path))
    other.execute(begin)
    before = known(store)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as error:
        claim_at(store, at(12))
    assert time.monotonic() - began < LIMIT_SECONDS
    assert error.value.retryable
    assert known(store) == before
    other.execute("ROLLBACK")
    other.close()
    won(store, at(12))


def test_a_writer_that_hangs_makes_the_others_give_up_soon(store: SqliteStore) -> None:
    """I12: within one process too."""
    entered, leave = threading.Event(), threading.Event()

    def hang(record: TenantRecord | None) -> Change[None]:
        entered.set()
        assert leave.wait(SOON_SECONDS)
        return Change(None)

    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(store.transact, TENANT, at(12), hang)
        assert entered.wait(SOON_SECONDS)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            claim_at(store, at(12))
        assert time.monotonic() - began < LIMIT_SECONDS
        assert known(store).head.sequence == 1
        leave.set()
        hanging.result(SOON_SECONDS)
    won(store, at(12))


def test_many_readers_get_through_beside_a_writer(store: SqliteStore) -> None:
    def read_and_write(number: int) -> None:
        for turn in range(5):
            install(store, tenant(number * 5 + turn))
            assert store.read(TENANT) is not None

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(read_and_write, range(16)))
    assert len(store.tenants(None, 1000)) == 81


def test_a_file_that_was_removed_is_missed_and_not_made_anew(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    """P2: no empty database takes its place; and it is used again without a restart."""
    away = tmp_path / "away.db"
    path.rename(away)
    refused(store, StoreUnavailable)
    assert not path.exists()
    away.rename(path)
    works(store)
    assert known(store).head.sequence == 2


def test_a_store_without_a_file_makes_none(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none.db")
    refused(store, StoreUnavailable)
    assert list(tmp_path.iterdir()) == []
    upgrade(tmp_path / "none.db")
    install(store)
    works(store)
    store.close()


def test_a_folder_in_the_place_of_the_file_is_no_database(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    path.rename(tmp_path / "away.db")
    path.mkdir()
    refused(store, FirstryError)
    path.rmdir()
    (tmp_path / "away.db").rename(path)
    works(store)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another database of ours, closed, with a tenant of its own."""
    path = tmp_path / "other.db"
    upgrade(path)
    store = SqliteStore(path)
    install(store, tenant(7))
    store.close()
    return path


def test_another_database_in_its_place_is_refused_and_stays_whole(
    store: SqliteStore, path: Path, other: Path, tmp_path: Path
) -> None:
    """I9: neither read as ours, nor mixed with the log that our file left behind."""
    content = other.read_bytes()
    path.rename(tmp_path / "away.db")
    other.rename(path)
    refused(store, StoreUnfit)
    assert path.read_bytes() == content
    path.rename(other)
    (tmp_path / "away.db").rename(path)
    works(store)


def test_another_database_without_our_log_is_refused_by_its_name(
    path: Path, other: Path, tmp_path: Path
) -> None:
    store = SqliteStore(path)
    install(store)
    store.close()
    assert not path.with_name("store.db-wal").exists()
    path.rename(tmp_path / "away.db")
    other.rename(path)
    refused(store, StoreUnfit)
    path.rename(other)
    (tmp_path / "away.db").rename(path)
    works(store)
    store.close()


def test_a_copy_of_our_own_file_is_ours(path: Path, tmp_path: Path) -> None:
    """A backup that is put back is the same database."""
    store = SqliteStore(path)
    install(store)
    store.close()
    shutil.copy(path, tmp_path / "backup.db")
    path.unlink()
    (tmp_path / "backup.db").rename(path)
    works(store)
    store.close()


def damaged(path: Path, damage: Callable[[Path], object]) -> SqliteStore:
    """Return a store on a file with much in it that was damaged while nobody used it."""
    store = SqliteStore(path)
    for number in range(60):
        install(store, tenant(number))
    install(store)
    complete(store, at(12))
    store.close()
    damage(path)
    return store


DAMAGES: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(b"this is no database\n" * 5000),
    "a text": lambda path: path.write_text("hello"),
    "one byte": lambda path: path.write_bytes(b"\x00"),
    "empty": lambda path: path.write_bytes(b""),
    "header only": lambda path: os.truncate(path, 100),
    "first page only": lambda path: os.truncate(path, 4096),
    "half of it": lambda path: os.truncate(path, path.stat().st_size // 2),
    "random pages": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + b"\xa5" * (path.stat().st_size - 4096)
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_an_error_and_no_crash(
    path: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    """P2: an unreadable state is not taken for an empty one. I12: an error of ours."""

    def keep_and_damage(whole: Path) -> None:
        shutil.copy(whole, tmp_path / "backup.db")
        damage(whole)

    store = damaged(path, keep_and_damage)
    for act in (ACTS["read"], ACTS["write"]):
        with pytest.raises(FirstryError) as error:
            act(store)
        assert error.value.code in ("STORE_UNAVAILABLE", "STORE_UNFIT")
    size = path.stat().st_size
    store.close()
    assert path.stat().st_size == size
    shutil.copy(tmp_path / "backup.db", path)
    works(store)
    store.close()


def test_a_row_that_cannot_be_read_is_a_defect_and_stands_in_nobodys_way(path: Path) -> None:
    """P2: an unreadable state is neither "not done yet" nor an end of the worker."""
    store = SqliteStore(path)
    for number in (1, 2):
        install(store, tenant(number))
    damaging = apsw.Connection(str(path))
    damaging.execute(
        "UPDATE milestone SET deferral_kind = 'nonsense' WHERE cloud_id = ?", (tenant(1).cloud_id,)
    )
    damaging.close()
    for act in (lambda: store.read(tenant(1)), lambda: claim_at(store, at(12), tenant(1))):
        with pytest.raises(Defect):
            act()
    bench = Bench(store)
    runner = Runner(bench.parts, 2)
    started = run_pass(bench.parts, runner)
    runner.close()
    assert [run.claim.tenant for run in started] == [tenant(2)]
    assert Event.WORKER_TENANT_FAILED in bench.notebook.events()
    store.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter, which `tmp_path` is not."""
    folder = Path(tempfile.mkdtemp(prefix="firstry-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def visit(path: Path) -> list[str]:
    """Read and write in a process whom permissions bind: as nobody, where we are root."""
    visitor = start_module("visitor", str(path), TENANT.cloud_id, str(NOBODY))
    output, errors = visitor.communicate(timeout=30)
    assert visitor.returncode == 0, errors
    return output.split()


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "expected"),
    [
        (0o777, 0o666, ["ok", "ok"]),
        (0o777, 0o444, ["ok", "STORE_UNAVAILABLE"]),
        (0o555, 0o444, ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]),
        (0o777, 0o000, ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]),
        (0o000, 0o666, ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]),
    ],
)
def test_what_may_not_be_written_or_read_is_unavailable(
    open_folder: Path, folder_mode: int, file_mode: int, expected: list[str]
) -> None:
    path = open_folder / "store.db"
    upgrade(path)
    store = SqliteStore(path)
    install(store)
    store.close()
    path.chmod(file_mode)
    open_folder.chmod(folder_mode)
    assert visit(path) == expected
