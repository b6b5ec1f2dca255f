"""Bring a SQLite file to the schema that this code needs, or say why not.

Several processes may begin at once, one of them does the work.
"""

import time
from pathlib import Path
from typing import Any

import apsw

from firstry.stores.sql.migration import (
    Engine,
    Migration,
    migrations,
    missing_steps,
    refuse_old,
)
from firstry.stores.sql.sqlite.connection import connect, journal_mode, mapped_errors

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL
) STRICT
"""
_APPLIED = "SELECT version, digest FROM schema_migration ORDER BY version"
_EXISTS = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'"
_RECORD = "INSERT INTO schema_migration (version, name, digest) VALUES (?, ?, ?)"
_BUSY_MILLISECONDS = 10_000
_JOURNAL_PAUSE_SECONDS = 0.05


def upgrade(path: Path) -> list[str]:
    """Create the file if needed and apply what is missing; return the names applied.

    Raises StoreUnfit if the file's schema is newer than this code or was made
    by other steps, and StoreUnavailable if the file cannot be used. A file that
    is at head already is only read, so no command waits for others' writes here.
    """
    connection = connect(path, create=True)
    try:
        with mapped_errors():
            connection.set_busy_timeout(_BUSY_MILLISECONDS)
            if _is_at_head(connection, path):
                return []
            _set_journal(connection)
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.execute(_TABLE)
                missing = _missing(connection, path)
                for step in missing:
                    connection.execute(step.sql)
                    connection.execute(_RECORD, (step.version, step.name, step.digest))
            connection.execute("COMMIT")
        return [step.name for step in missing]
    finally:
        connection.close(True)


def _is_at_head(connection: apsw.Connection, path: Path) -> bool:
    return bool(connection.execute(_EXISTS).get) and not _missing(connection, path)


def _set_journal(connection: apsw.Connection) -> None:
    """Set the journal mode, which stays with the file.

    Where several change it at once SQLite answers "busy" without any wait,
    whatever the time-out, so the waiting is done here.
    """
    deadline = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.pragma("journal_mode", journal_mode())
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_JOURNAL_PAUSE_SECONDS)


def check_at_head(connection: apsw.Connection, path: Path) -> None:
    """Return if the schema is exactly what this code needs, else raise StoreUnfit."""
    with mapped_errors():
        is_ours = bool(connection.execute(_EXISTS).get)
        missing = _missing(connection, path) if is_ours else migrations(Engine.SQLITE)
    refuse_old(missing, path.name)


def _missing(connection: apsw.Connection, path: Path) -> list[Migration]:
    return missing_steps(Engine.SQLITE, _applied(connection), path.name)


def _applied(connection: apsw.Connection) -> dict[int, str]:
    rows: list[Any] = connection.execute(_APPLIED).fetchall()
    return dict(rows)
