"""The schema of a SQLite file: made once, known exactly, and never guessed."""

import signal
from itertools import count
from pathlib import Path

import apsw
import pytest

from firstry.domain.errors import FirstryError, StoreUnavailable, StoreUnfit
from firstry.stores.sql.migration import migrations
from firstry.stores.sql.sqlite.connection import connect, journal_mode
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.backing import start_module
from support.domain import TENANT, at, complete, install, known

NAMES = [step.name for step in migrations()]


def schema(path: Path) -> set[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    found = connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    connection.close()
    return set(found)


def at_head(path: Path) -> bool:
    store = SqliteStore(path)
    try:
        store.check()
    except FirstryError:
        return False
    finally:
        store.close()
    return True


def test_steps_are_numbered_without_a_gap() -> None:
    assert [step.version for step in migrations()] == list(range(1, len(NAMES) + 1))


def test_an_upgrade_makes_the_file_and_says_what_it_did(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    assert upgrade(path) == NAMES
    assert at_head(path)


def test_an_upgrade_of_what_is_at_head_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    upgrade(path)
    store = SqliteStore(path)
    install(store)
    complete(store, at(12))
    before = known(store), schema(path)
    assert upgrade(path) == []
    assert (known(store), schema(path)) == before
    store.close()


def test_every_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    """I9: two databases are told apart by it."""
    ids = set()
    for name in ("a.db", "b.db"):
        upgrade(tmp_path / name)
        connection = connect(tmp_path / name)
        ids.add(connection.execute("SELECT store_id FROM store_clock").get)
        connection.close()
    assert len(ids) == 2


def test_a_connection_keeps_what_firstry_relies_on(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    upgrade(path)
    connection = connect(path)
    kept = {
        name: connection.pragma(name)
        for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
    }
    assert kept == {
        "journal_mode": journal_mode(),
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
    }
    connection.close()


def test_the_journal_is_safe_for_many_writers() -> None:
    """Decision 0004: a WAL file only where many writing connections cannot corrupt it."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    assert journal_mode() == ("wal" if version >= (3, 51, 3) else "delete")


def test_a_connection_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        connect(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def altered(path: Path, *statements: str) -> SqliteStore:
    """Return a store on an upgraded file on which these statements were run."""
    upgrade(path)
    connection = apsw.Connection(str(path))
    for sql in statements:
        connection.execute(sql)
    connection.close()
    return SqliteStore(path)


NEWER = "INSERT INTO schema_migration VALUES (99, '0099_to_come', 'sha256:0')"
EDITED = "UPDATE schema_migration SET digest = 'sha256:0' WHERE version = 1"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (NEWER, "newer"),
        (EDITED, "another version of that step"),
        ("DELETE FROM schema_migration", "older"),
        ("DROP TABLE schema_migration", "older"),
    ],
)
def test_another_schema_is_unfit(tmp_path: Path, sql: str, said: str) -> None:
    store = altered(tmp_path / "store.db", sql)
    with pytest.raises(StoreUnfit, match=said) as refused:
        store.check()
    assert refused.value.remedy
    store.close()


@pytest.mark.parametrize("sql", [NEWER, EDITED])
def test_a_schema_that_is_not_ours_is_not_upgraded(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "store.db"
    altered(path, sql).close()
    before = schema(path)
    with pytest.raises(StoreUnfit):
        upgrade(path)
    assert schema(path) == before


def test_an_empty_database_is_unfit_until_it_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    store = SqliteStore(path)
    for act in (store.check, lambda: store.read(TENANT)):
        with pytest.raises(StoreUnfit) as refused:
            act()
        assert "firstry db upgrade" in refused.value.remedy
    upgrade(path)
    assert store.check() is None
    store.close()


def test_a_database_of_somebody_else_is_unfit(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE tenant (name TEXT)")
    connection.close()
    store = SqliteStore(path)
    with pytest.raises(StoreUnfit):
        store.read(TENANT)
    store.close()
    with pytest.raises(FirstryError):
        upgrade(path)
    assert {name for _, name, _ in schema(path)} == {"tenant"}


@pytest.mark.parametrize("turn", range(5))
def test_of_four_that_upgrade_at_once_one_does_it(tmp_path: Path, turn: int) -> None:
    """Several services may start on one database at once; none of them finds it busy."""
    path = tmp_path / "store.db"
    started = [start_module("upgrader", str(path)) for _ in range(4)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=30) for process in started]
    assert [process.returncode for process in started] == [0] * 4, told
    assert sorted(output.split() for output, _ in told) == [[], [], [], NAMES]
    assert at_head(path)


@pytest.mark.timeout(120)
def test_an_upgrade_that_is_killed_leaves_the_old_schema_or_the_new_one(tmp_path: Path) -> None:
    """Killed before each statement in turn; what is left is empty or whole, and can go on."""
    upgrade(tmp_path / "whole.db")
    whole = schema(tmp_path / "whole.db")
    left = []
    for statement in count(1):
        path = tmp_path / f"{statement}.db"
        process = start_module("killed_upgrade", str(path), str(statement))
        output, errors = process.communicate(timeout=30)
        if process.returncode == 0:
            assert output.split() == NAMES
            break
        assert process.returncode == -signal.SIGKILL, errors
        left.append(len(schema(path)))
        assert schema(path) in (set(), whole)
        assert at_head(path) is (schema(path) == whole)
        upgrade(path)
        assert schema(path) == whole
    assert len(left) > 20
    assert set(left) == {0}
