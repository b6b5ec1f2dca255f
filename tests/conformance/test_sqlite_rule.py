"""The schema's own rules: each trigger and constraint of the SQLite file, met by plain SQL.

A statement stands for each trigger. It is refused by that trigger and by nothing
else: with all other triggers dropped it is still refused, and with that one
dropped too it goes through. A trigger without a statement fails the suite.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from firstry.domain.due import due_query
from firstry.domain.import_value import Told
from firstry.domain.imported import imported
from firstry.domain.public_key import PublicKey
from firstry.stores.sql import row, statement
from firstry.stores.sql.sqlite.connection import connect
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support import operator_rows
from support.domain import AUTO_12H, DEFAULT, TENANT, at, claim_at, complete, install, tenant, won

ENTRY = "INSERT INTO ledger (cloud_id, sequence, body, hash) VALUES"

DONE = f"cloud_id = '{TENANT.cloud_id}' AND trigger_name = 'AUTO_12H'"
HELD = f"cloud_id = '{TENANT.cloud_id}' AND trigger_name = 'AUTO_24H'"
MISSED = f"cloud_id = '{tenant(1).cloud_id}' AND trigger_name = 'AUTO_12H'"
WAITING = f"cloud_id = '{tenant(2).cloud_id}' AND trigger_name = 'AUTO_12H'"
IMPORTED = "cloud_id = 'site-00004' AND trigger_name = 'AUTO_12H'"
FRESH = """INSERT INTO milestone (cloud_id, trigger_name, revision, state, installed_at, due_at,
    next_due, attempts, starts, fence, lease_until, deferrals)
VALUES ('site-00002', 'AUTO_12H', 2, {values}, 0)"""
TAKEN_OVER = """INSERT INTO milestone (cloud_id, trigger_name, revision, state, installed_at,
    due_at, next_due, attempts, starts, fence, lease_until, deferrals, imported_at)
VALUES ('site-00004', 'AUTO_12H', 2, {values})"""
REPORT = (
    "report_id, cloud_id, trigger_name, revision, generated_at, digest, body, envelope, erased_at"
)
COPIED = f"""INSERT INTO report SELECT 'r', {{}}, generated_at, digest, body, envelope, NULL
    FROM report WHERE {DONE}"""
MARKER = "cloud_id, trigger_name, revision, 0, report_id, digest"
BARE_TENANT = (
    "SELECT 'site-00003', 0, 'X', NULL, NULL, NULL, NULL, NULL, NULL, 0, 'sha256:0', NULL, NULL"
)
RELEASED = "state = 'scheduled', lease_until = NULL"

STATEMENTS: dict[str, tuple[str, ...]] = {
    "report_comes_once": (
        f"INSERT OR REPLACE INTO report SELECT {REPORT} FROM report",
        f"INSERT OR REPLACE INTO report SELECT {REPORT.replace('_id', '_id || 9', 1)} FROM report",
    ),
    "report_is_written_once": (
        f"UPDATE report SET body = x'00' WHERE {DONE}",
        f"UPDATE report SET digest = 'sha256:0' WHERE {DONE}",
        f"UPDATE report SET generated_at = generated_at WHERE {DONE}",
        (
            f"UPDATE report SET body = x'', envelope = CAST('erased' AS BLOB), erased_at = 5 "
            f"WHERE {DONE}"
        ),
    ),
    "report_stays": ("DELETE FROM report",),
    "marker_comes_once": (f"INSERT OR REPLACE INTO marker SELECT {MARKER} FROM marker",),
    "marker_is_written_once": (
        f"UPDATE marker SET completed_at = 0 WHERE {DONE}",
        f"UPDATE marker SET digest = 'sha256:0' WHERE {DONE}",
    ),
    "marker_stays": (f"DELETE FROM marker WHERE {DONE}",),
    "marker_needs_its_report": (
        f"""INSERT INTO marker SELECT cloud_id, 'AUTO_24H', 1, 0, report_id || 'x', digest
            FROM report WHERE {DONE}""",
    ),
    "signing_key_is_written_once": ("UPDATE signing_key SET first_used_at = 0",),
    "signing_key_stays": ("DELETE FROM signing_key",),
    "ledger_is_written_once": (
        "UPDATE ledger SET body = x'7b7d' WHERE sequence = 2",
        "UPDATE ledger SET hash = 'sha256:0'",
        (
            "UPDATE ledger SET erased_hash = firstry_digest(body), body = "
            "firstry_erased_body(entry_at, entry_kind, entry_actor, entry_trigger) "
            "WHERE sequence = 1"
        ),
    ),
    "ledger_stays": ("DELETE FROM ledger WHERE sequence = 1", "DELETE FROM ledger"),
    "ledger_has_no_gap": (
        f"{ENTRY} ('site-00002', 3, x'7b7d', 'sha256:0')",
        f"{ENTRY} ('site-00002', 99, x'7b7d', 'sha256:0')",
    ),
    "milestone_comes_once": (
        FRESH.replace("INSERT", "INSERT OR REPLACE")
        .format(values="'scheduled', 0, 0, 0, 0, 0, 0, NULL")
        .replace("'AUTO_12H', 2", "'AUTO_12H', 1"),
    ),
    "milestone_keeps_its_name": (
        f"UPDATE milestone SET revision = 7 WHERE {HELD}",
        f"UPDATE milestone SET trigger_name = 'AUTO_48H' WHERE {WAITING}",
        f"UPDATE milestone SET cloud_id = 'site-00003' WHERE {WAITING}",
    ),
    "milestone_stays": (f"DELETE FROM milestone WHERE {WAITING}",),
    "milestone_starts_scheduled": (
        FRESH.format(values="'claimed', 0, 0, 0, 1, 1, 1, 5"),
        FRESH.format(values="'completed', 0, 0, 0, 0, 0, 0, NULL"),
        FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 3, NULL"),
        FRESH.format(values="'scheduled', 0, 0, 0, 0, 3, 0, NULL"),
        TAKEN_OVER.format(values="'scheduled', 0, 0, 0, 3, 3, 0, NULL, 0, NULL"),
        TAKEN_OVER.format(values="'completed', 0, 0, 0, 3, 3, 0, NULL, 0, 5"),
        TAKEN_OVER.format(values="'completed', 0, 0, 0, 0, 0, 3, NULL, 0, 5"),
        TAKEN_OVER.format(values="'completed', 0, 0, 0, 0, 0, 0, NULL, 0, NULL"),
    ),
    "milestone_end_is_final": (
        f"UPDATE milestone SET state = 'scheduled' WHERE {DONE}",
        f"UPDATE milestone SET next_due = 0 WHERE {DONE}",
        f"UPDATE milestone SET state = 'scheduled' WHERE {MISSED}",
        f"UPDATE milestone SET error_code = 'X' WHERE {MISSED}",
        f"UPDATE milestone SET error_message = NULL WHERE {DONE}",
    ),
    "milestone_evidence_stays": (
        f"UPDATE milestone SET due_at = due_at - 1 WHERE {WAITING}",
        f"UPDATE milestone SET installed_at = installed_at + 1 WHERE {WAITING}",
    ),
    "milestone_counts_rise": (
        f"UPDATE milestone SET {RELEASED}, fence = fence - 1 WHERE {HELD}",
        f"UPDATE milestone SET {RELEASED}, starts = 0, attempts = 0 WHERE {HELD}",
    ),
    "milestone_claim_raises_fence": (
        f"UPDATE milestone SET lease_until = lease_until + 1 WHERE {HELD}",
        f"UPDATE milestone SET fence = fence + 1 WHERE {HELD}",
        f"UPDATE milestone SET starts = starts + 1 WHERE {HELD}",
        f"UPDATE milestone SET state = 'claimed', lease_until = 5 WHERE {WAITING}",
    ),
    "milestone_settles_its_fence": (
        f"UPDATE milestone SET {RELEASED}, settled_fence = fence + 1 WHERE {HELD}",
        f"UPDATE milestone SET settled_fence = fence WHERE {WAITING}",
    ),
    "milestone_completes_with_marker": (
        f"UPDATE milestone SET state = 'completed', lease_until = NULL WHERE {HELD}",
        f"UPDATE milestone SET state = 'completed' WHERE {WAITING}",
    ),
    "milestone_import_ends_nothing": (
        f"UPDATE milestone SET state = 'completed', imported_at = 5 WHERE {WAITING}",
        f"UPDATE milestone SET imported_at = imported_at + 1 WHERE {IMPORTED}",
    ),
    "report_needs_its_claim": (
        COPIED.format("'site-00001', trigger_name, revision"),
        COPIED.format("'site-00002', trigger_name, revision"),
        COPIED.format("'site-00004', trigger_name, revision"),
        COPIED.format("'site-00099', trigger_name, revision"),
        COPIED.format("cloud_id, 'AUTO_99H', revision"),
        COPIED.format("cloud_id, trigger_name, 9"),
    ),
    "tenant_comes_once": (f"INSERT OR REPLACE INTO tenant {BARE_TENANT}",),
    "tenant_stays": ("DELETE FROM tenant WHERE cloud_id = 'site-00003'",),
    "tenant_evidence_is_first": (
        "UPDATE tenant SET installed_at = installed_at + 1",
        "UPDATE tenant SET source = 'OPERATOR'",
        "UPDATE tenant SET source = 'UNKNOWN', installed_at = 0",
    ),
    "tenant_head_rises": (
        "UPDATE tenant SET head_sequence = head_sequence - 1",
        "UPDATE tenant SET head_hash = 'sha256:0'",
    ),
    "tenant_erasure_is_told": (
        "UPDATE tenant SET erased_at = 5, erased_sequence = head_sequence",
        "UPDATE tenant SET erased_at = 5",
        "UPDATE tenant SET erased_sequence = 1",
    ),
}
STATEMENTS |= operator_rows.STATEMENTS
CASES = [(name, sql) for name, statements in STATEMENTS.items() for sql in statements]

CONSTRAINTS = (
    "UPDATE store_clock SET only_row = 2",
    "INSERT INTO store_clock VALUES (2, 'other', 0)",
    "INSERT INTO tenant SELECT '', 0, 'X', NULL, NULL, NULL, NULL, NULL, NULL, 0, '', NULL, NULL",
    "UPDATE tenant SET paused_at = 'never'",
    "INSERT INTO token VALUES ('site-00099', x'00', 'k1', 0)",
    f"{ENTRY} ('site-00099', 1, x'7b7d', 'sha256:0')",
    f"{ENTRY} ('site-00002', 1, x'7b7d', 'sha256:0')",
    f"UPDATE milestone SET state = 'done' WHERE {WAITING}",
    f"UPDATE milestone SET state = 'scheduled' WHERE {HELD}",
    f"UPDATE milestone SET lease_until = 5 WHERE {WAITING}",
    f"UPDATE milestone SET attempts = 1 WHERE {WAITING}",
    f"UPDATE milestone SET imported_at = 5 WHERE {WAITING}",
    f"UPDATE milestone SET attempts = -1 WHERE {WAITING}",
    FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 0, NULL").replace("site-00002", "site-00099"),
    FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 0, NULL").replace("2,", "0,", 1),
    f"INSERT INTO report SELECT {REPORT} FROM report",
    f"INSERT INTO report SELECT {REPORT.replace('_id', '_id || 9', 1)} FROM report",
    f"INSERT INTO report SELECT {REPORT.replace('revision', '9')} FROM report",
    (
        f"INSERT INTO report VALUES ('r', '{TENANT.cloud_id}', 'AUTO_24H', 1, 0, 'd', x'00', x'', "
        "NULL)"
    ),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A file with a finished, a held, a missed and a waiting milestone, and a bare tenant."""
    path = tmp_path / "store.db"
    upgrade(path)
    store = SqliteStore(path)
    for who in (TENANT, tenant(1), tenant(2)):
        install(store, who)
    store.remember(PublicKey("k1", bytes(32), at(0)))
    complete(store, at(12))
    won(store, at(24))
    claim_at(store, at(24), tenant(1))
    told = Told(at(0), {AUTO_12H: at(12)})
    store.transact(
        tenant(4), at(24), lambda record: imported(tenant(4), told, at(24), DEFAULT, record)
    )
    store.close()
    connection = connect(path)
    connection.execute(f"INSERT INTO tenant {BARE_TENANT}")
    connection.execute(operator_rows.FILL)
    yield connection
    connection.close()


def triggers(connection: apsw.Connection) -> set[str]:
    named = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    return {str(name) for (name,) in named}


def message(connection: apsw.Connection, trigger: str) -> str:
    sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (trigger,)).get
    return re.escape(str(sql).partition("RAISE(ABORT, '")[2].partition("'")[0])


def drop(connection: apsw.Connection, names: set[str]) -> None:
    for name in names:
        connection.execute(f"DROP TRIGGER {name}")


def test_every_trigger_has_its_statement(database: apsw.Connection) -> None:
    assert triggers(database) == set(STATEMENTS) | operator_rows.MOVING


@pytest.mark.parametrize(("trigger", "sql"), CASES)
def test_a_trigger_refuses(database: apsw.Connection, trigger: str, sql: str) -> None:
    """P1, P11, P18, P34, I1 to I5, I15: an old or faulty worker is refused by the store itself."""
    with pytest.raises(apsw.ConstraintError):
        database.execute(sql)
    drop(database, triggers(database) - {trigger})
    with pytest.raises(apsw.ConstraintError, match=message(database, trigger)):
        database.execute(sql)
    drop(database, {trigger})
    database.pragma("foreign_keys", False)
    database.execute(sql)


@pytest.mark.parametrize("sql", [*CONSTRAINTS, *operator_rows.CONSTRAINTS])
def test_a_constraint_refuses(database: apsw.Connection, sql: str) -> None:
    """I2, I6, I9: also without any trigger."""
    drop(database, triggers(database))
    with pytest.raises(apsw.ConstraintError):
        database.execute(sql)


def test_a_marker_may_name_its_own_report_only(database: apsw.Connection) -> None:
    """I2: neither another tenant's, nor another trigger's, nor with another digest."""
    database.execute(f"UPDATE milestone SET {RELEASED} WHERE {HELD}")
    insert = f"INSERT INTO marker SELECT {{values}} FROM report WHERE {DONE}"
    for values in (
        "'site-00002', trigger_name, revision, 0, report_id, digest",
        "cloud_id, 'AUTO_24H', revision, 0, report_id, digest",
        "cloud_id, trigger_name, 2, 0, report_id, digest",
        "cloud_id, trigger_name, revision, 0, report_id, 'sha256:0'",
    ):
        with pytest.raises(apsw.ConstraintError):
            database.execute(insert.format(values=values))


def test_the_hot_query_uses_its_index(database: apsw.Connection) -> None:
    """STYLE: an EXPLAIN guards the query that every worker makes every few seconds."""
    bindings = row.due_query_values(due_query(at(24), DEFAULT)) | {"limit": 100}
    plan = database.execute("EXPLAIN QUERY PLAN " + statement.CLAIMABLE, bindings).fetchall()
    steps = [str(step[3]) for step in plan]
    assert any("milestone_next_due" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
