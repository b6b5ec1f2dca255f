"""The SQLite file, seen from beside the service: rows, bytes, and a lock to hold.

A test that asks the service what the service has stored proves little; these
connections are its own.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from firstry.stores.sql.sqlite.store import SqliteStore
from firstry.stores.sql.store import SqlStore

TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"


@dataclass(frozen=True, slots=True)
class Database:
    """One database file and what stands in it."""

    path: Path

    @property
    def url(self) -> str:
        """As a service is told of it."""
        return f"sqlite:///{self.path}"

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return what a query finds, each row by its column names."""
        with self.connected() as connection:
            cursor = connection.execute(sql, values)
            found = cursor.fetchall()
            if not found:
                return []
            names = [column[0] for column in connection.execute(sql, values).get_description()]
            return [dict(zip(names, row, strict=True)) for row in found]

    def write(self, sql: str) -> None:
        """Change the file behind the service's back."""
        with self.connected() as connection:
            connection.execute(sql)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table, so that two moments can be compared."""
        with self.connected() as connection:
            names = sorted(name for (name,) in connection.execute(TABLES))
            return {
                name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
                for name in names
            }

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        return int(self.rows(f'SELECT count(*) AS n FROM "{table}"')[0]["n"])

    def milestone(self, cloud_id: str, trigger: str) -> dict[str, Any]:
        """Return the row of a trigger's latest revision."""
        found = self.rows(
            "SELECT * FROM milestone WHERE cloud_id = ? AND trigger_name = ? "
            "ORDER BY revision DESC LIMIT 1",
            cloud_id,
            trigger,
        )
        assert found, f"{cloud_id} has no {trigger}"
        return found[0]

    def reports(self, cloud_id: str) -> list[dict[str, Any]]:
        """Return the stored reports of a tenant, parsed, oldest first."""
        found = self.rows(
            "SELECT body FROM report WHERE cloud_id = ? ORDER BY generated_at, trigger_name",
            cloud_id,
        )
        return [json.loads(row["body"]) for row in found]

    def markers(self, cloud_id: str) -> list[str]:
        """Return the triggers of which a tenant has a completion marker."""
        found = self.rows(
            "SELECT trigger_name FROM marker WHERE cloud_id = ? ORDER BY trigger_name", cloud_id
        )
        return [row["trigger_name"] for row in found]

    def kinds(self, cloud_id: str) -> list[str]:
        """Return the kinds of a tenant's ledger entries, in order."""
        found = self.rows("SELECT body FROM ledger WHERE cloud_id = ? ORDER BY sequence", cloud_id)
        return [json.loads(row["body"])["kind"] for row in found]

    def files(self) -> dict[str, bytes]:
        """Return the bytes of the file and of what SQLite keeps beside it."""
        beside = sorted(self.path.parent.glob(self.path.name + "*"))
        return {file.name: file.read_bytes() for file in beside}

    def store(self) -> SqlStore:
        """Return a store on the file; close it."""
        return SqliteStore(self.path)

    @contextmanager
    def connected(self) -> Iterator[apsw.Connection]:
        """Open the file as another program would."""
        connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(5000)
        try:
            yield connection
        finally:
            connection.close(True)

    @contextmanager
    def locked(self, how: str = "EXCLUSIVE") -> Iterator[None]:
        """Hold a write lock that nobody else can get past."""
        with self.connected() as connection:
            connection.execute(f"BEGIN {how}")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")
