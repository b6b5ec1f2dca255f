"""A file that an earlier step made, with rows in it, comes to head and keeps what they say."""

from pathlib import Path

import apsw
import pytest

from firstry.domain.ledger import OPERATOR
from firstry.domain.record import Order
from firstry.lifecycle.erase import erase
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.stores.sql.migration import Engine, migrations
from firstry.stores.sql.sqlite.connection import connect
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.domain import DEFAULT, TENANT, all_reports, at, complete, install, known
from support.invariants import breaches_of, snapshot

FIRST = 1
COPIED = ("tenant", "token", "milestone", "report", "marker", "ledger")
SAID = """
SELECT sequence, entry_at, entry_kind, entry_actor, entry_trigger FROM ledger ORDER BY sequence
"""


def at_first_step(path: Path, rows_of: Path) -> None:
    """Make a file at the first step that holds the rows of another, which is at head.

    The rules about steps are left out while the rows go in: they come as they ended.
    """
    connection = connect(path, create=True)
    step = next(step for step in migrations(Engine.SQLITE) if step.version == FIRST)
    connection.execute(step.sql)
    rules = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name NOT LIKE 'ledger%'"
    ).fetchall()
    for name, _ in rules:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("ATTACH ? AS head", (str(rows_of),))
    for table in COPIED:
        columns = connection.execute(f"SELECT name FROM main.pragma_table_info('{table}')")
        names = ", ".join(name for (name,) in columns)
        connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM head.{table}")
    connection.execute(
        "UPDATE store_clock SET high_water_at = (SELECT high_water_at FROM head.store_clock)"
    )
    for _, sql in rules:
        connection.execute(str(sql))
    connection.execute(
        "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
        " digest TEXT NOT NULL) STRICT"
    )
    connection.execute(
        "INSERT INTO schema_migration VALUES (?, ?, ?)", (step.version, step.name, step.digest)
    )
    connection.close(True)


def said(path: Path) -> list[tuple[object, ...]]:
    """What the columns of the ledger say of the entries."""
    connection = apsw.Connection(str(path))
    found = connection.execute(SAID).fetchall()
    connection.close()
    return found


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A file at head with a tenant that has its first report, and its rows at the first step."""
    head, old = tmp_path / "head.db", tmp_path / "old.db"
    upgrade(head)
    store = SqliteStore(head)
    install(store)
    complete(store, at(12))
    store.close()
    at_first_step(old, head)
    return head, old


def test_rows_of_the_first_step_come_to_head(files: tuple[Path, Path]) -> None:
    head, old = files
    assert upgrade(old) == [step.name for step in migrations() if step.version > FIRST]
    upgraded, made = SqliteStore(old), SqliteStore(head)
    upgraded.check()
    assert known(upgraded) == known(made)
    assert upgraded.entries(TENANT, 0, 100) == made.entries(TENANT, 0, 100)
    for store in (upgraded, made):
        store.close()


def test_entries_of_the_first_step_are_found_like_new_ones(files: tuple[Path, Path]) -> None:
    head, old = files
    upgrade(old)
    assert len(said(old)) > 2
    assert said(old) == said(head)
    assert {kind for _, _, kind, _, _ in said(old)} >= {"INSTALLED", "CLAIMED", "COMPLETED"}


def test_an_upgraded_ledger_is_still_written_once(files: tuple[Path, Path]) -> None:
    _, old = files
    upgrade(old)
    connection = apsw.Connection(str(old))
    with pytest.raises(apsw.ConstraintError, match="written once"):
        connection.execute("UPDATE ledger SET entry_kind = 'NOTHING'")
    connection.close()


def test_what_the_first_step_wrote_can_be_erased(files: tuple[Path, Path]) -> None:
    """I17: its reports and entries lose their content like new ones, and the chain holds."""
    _, old = files
    upgrade(old)
    store = SqliteStore(old)
    record_uninstallation(store, TENANT, None, at(13))
    erase(store, TENANT, Order("case 17", OPERATOR, at(14)))
    assert [report.body for report in all_reports(store)] == [b""]
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []
    store.close()
