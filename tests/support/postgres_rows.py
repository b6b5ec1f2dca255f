"""A PostgreSQL database, seen from beside the service, as `Database` shows a SQLite file.

It looks as the superuser, whom the walls between tenants do not stop.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from firstry.stores.sql.postgres.store import PostgresStore
from support.database import Database
from support.postgres_service import ServiceDatabase, new_service_database

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"


@dataclass(frozen=True, slots=True)
class PostgresRows(Database):
    """One database and what stands in it. Nothing lies at its `path` in the test's folder."""

    place: ServiceDatabase

    @property
    def url(self) -> str:
        """As the service connects."""
        return self.place.url

    def rows(self, text: str, *values: Any) -> list[dict[str, Any]]:
        """Return what a query finds, each row by its column names."""
        with self._connected() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            return cursor.execute(_psycopg(text), values).fetchall()

    def write(self, text: str) -> None:
        """Change the rows behind the service's back."""
        with self._connected() as connection:
            connection.execute(_psycopg(text))

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table, so that two moments can be compared."""
        with self._connected() as connection:
            names = sorted(name for (name,) in connection.execute(TABLES))
            found = {}
            for name in names:
                query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))
                found[name] = sorted(connection.execute(query).fetchall(), key=repr)
            return found

    def store(self) -> PostgresStore:
        """Return a store on the database; close it."""
        return PostgresStore(self.place.url)

    @contextmanager
    def locked(self, how: str = "EXCLUSIVE") -> Iterator[None]:
        """Hold every tenant, so that nobody else can write any."""
        with psycopg.connect(self.place.admin_url) as connection:
            connection.execute(f"LOCK TABLE tenant IN {how} MODE")
            yield

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.place.admin_url, autocommit=True) as connection:
            yield connection


def database_in(folder: Path, kind: str) -> Database:
    """Return where a service keeps its rows: a file in the folder, or a new PostgreSQL database."""
    path = folder / "firstry.db"
    return Database(path) if kind == "sqlite" else PostgresRows(path, new_service_database())


def _psycopg(text: str) -> str:
    return text.replace("?", "%s")
