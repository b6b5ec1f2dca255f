"""Which database a URL names, and what it takes to use it.

SQLite is created and migrated by whoever comes first; PostgreSQL is migrated by
`firstry db upgrade` alone, and a schema that is not at head is refused.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firstry.domain.errors import EraseNotAllowed, SettingInvalid
from firstry.ports.clock import Clock
from firstry.stores.clock import HostClock
from firstry.stores.sql.store import SqlStore

SQLITE = "sqlite:///"
ERASE_SECONDS = 60.0
"""How long a statement of an erasure may take: a ledger can be long."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database by its URL. Drivers are loaded when they are needed."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.startswith(SQLITE)

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(self.url.removeprefix(SQLITE))

    def upgrade(self, service_url: str | None = None, erase_url: str | None = None) -> list[str]:
        """Bring the schema to head; return the names of the steps applied.

        `service_url` is the one that services connect with, if it is another;
        `erase_url` the one to erase with, if there is one.
        """
        if self.is_sqlite:
            from firstry.stores.sql.sqlite.migration import upgrade

            self._refuse_without_folder()
            return upgrade(self.path)
        from firstry.stores.sql.postgres.migration import role_of
        from firstry.stores.sql.postgres.migration import upgrade as upgrade_postgres

        return upgrade_postgres(
            self.url,
            service_role=role_of(service_url or self.url),
            erase_role=role_of(erase_url) if erase_url is not None else None,
        )

    def open(self, answer_seconds: float | None = None) -> SqlStore:
        """Return the store, checked, or raise.

        `answer_seconds` lets statements in bulk take longer than an invocation may.
        """
        store = self.unchecked(answer_seconds)
        try:
            store.check()
        except BaseException:
            store.close()
            raise
        return store

    def unchecked(self, answer_seconds: float | None = None) -> SqlStore:
        """Return the store without looking whether it is fit; SQLite files are not made."""
        if self.is_sqlite:
            from firstry.stores.sql.sqlite.store import SqliteStore

            return SqliteStore(self.path)
        from firstry.stores.sql.postgres.connection import ANSWER_SECONDS
        from firstry.stores.sql.postgres.store import PostgresStore

        return PostgresStore(self.url, answer_seconds or ANSWER_SECONDS)

    def _refuse_without_folder(self) -> None:
        if not self.path.parent.is_dir():
            raise SettingInvalid(
                f"FIRSTRY_DATABASE_URL is {self.url!r}: its folder does not exist",
                "make the folder, or name a file in one that exists: sqlite:///firstry.db",
            )


def open_store(url: str, answer_seconds: float | None = None) -> SqlStore:
    """Return the store that `url` names, checked; a SQLite file is made and migrated if needed."""
    place = Place(url)
    if place.is_sqlite:
        place.upgrade()
    return place.open(answer_seconds)


@contextmanager
def open_eraser(url: str) -> Iterator[SqlStore]:
    """Lend the store that `url` names to erase with, or raise EraseNotAllowed."""
    store = open_store(url, ERASE_SECONDS)
    try:
        if not store.database.may_erase():
            raise EraseNotAllowed(
                "the database role may not erase",
                "set FIRSTRY_ERASE_DATABASE_URL to connect as a member of firstry_eraser, "
                "which `firstry db upgrade` makes",
            )
        yield store
    finally:
        store.close()


def clock_for(url: str, store: SqlStore) -> Clock:
    """Return the clock that decides over a store: the host's for a file, else the server's."""
    if Place(url).is_sqlite:
        return HostClock()
    from firstry.stores.sql.postgres.clock import DatabaseClock

    return DatabaseClock(store.database)


def listen(url: str, ring: Callable[[], None]) -> Callable[[], None]:
    """Have `ring` called when another process made something due; return what ends it.

    A hint only. The processes of a SQLite file tell each other nothing.
    """
    if Place(url).is_sqlite:
        return lambda: None
    from firstry.stores.sql.postgres.listener import Listener

    return Listener(url, ring).close
