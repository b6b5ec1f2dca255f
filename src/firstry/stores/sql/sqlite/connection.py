"""Connections to one SQLite file: few, bounded in every wait, and distrustful.

The file is created only by a migration. A connection is checked against the
file that lies at the path now, so a file that was removed or replaced under a
running service is refused instead of written to unseen or created anew, and a
file that comes back is used again without a restart.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from firstry.domain.canonical import digest_of
from firstry.domain.errors import Defect, StoreUnavailable, StoreUnfit
from firstry.domain.ledger import erased_body
from firstry.ports.store import MustWait
from firstry.ports.vital import PoolUse
from firstry.stores.sql import statement

BUSY_MILLISECONDS = 1000
WAIT_SECONDS = 1.0
CONNECTIONS = 8
SAFE_WAL_VERSION = (3, 51, 3)
"""Before this version several writing connections can corrupt a WAL file."""


def journal_mode() -> str:
    """Return the journal mode that is safe with the SQLite in use."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    return "wal" if version >= SAFE_WAL_VERSION else "delete"


def connect(path: Path, *, create: bool = False) -> apsw.Connection:
    """Open the file with every pragma that firstry relies on."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    with mapped_errors():
        connection = apsw.Connection(str(path), flags=flags)
        # Without it SQLite prepares a statement anew for every value it is given.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.pragma("synchronous", "full")
        connection.pragma("foreign_keys", True)
        connection.pragma("trusted_schema", False)
        connection.pragma("secure_delete", True)  # what is erased is overwritten, too
        # What one statement may have to undo is kept in memory, else in a file outside of ours,
        # which cost as much as the statement.
        connection.pragma("temp_store", "memory")
        for name, (function, arguments) in _FUNCTIONS.items():
            connection.create_scalar_function(name, function, arguments)
    return connection


_FUNCTIONS: dict[str, tuple[Any, int]] = {
    "firstry_digest": (digest_of, 1),
    "firstry_erased_body": (erased_body, 4),
}
"""What PostgreSQL has as functions in its schema, with the number of arguments."""


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn SQLite's errors into ours: what can heal, what must not be used, our own defects."""
    try:
        yield
    except apsw.ConstraintError as error:
        raise Defect(f"the store refused a write: {error}") from error
    except apsw.SQLError as error:
        raise StoreUnfit(
            f"the database file does not hold firstry's tables ({error})",
            "check FIRSTRY_DATABASE_URL, or run `firstry db upgrade`",
        ) from error
    except apsw.Error as error:
        kind = type(error).__name__.removesuffix("Error")
        raise StoreUnavailable(
            f"the database does not work at the moment ({kind})", _REMEDIES.get(kind, "")
        ) from error


def refuse_read_only(connection: apsw.Connection, path: Path) -> None:
    """Raise StoreUnavailable if SQLite opened the file for reading only, or now would.

    A connection that was opened before still writes; the next one could not.
    """
    if connection.readonly("main") or not os.access(path, os.W_OK, effective_ids=True):
        raise StoreUnavailable("the database file is read-only", _REMEDIES["ReadOnly"])


_REMEDIES = {
    "Full": "free space on the database's disk",
    "ReadOnly": "make the database file, its -wal and -shm and its folder writable for the service",
    "Corrupt": "restore the file from a backup",
    "NotADB": "the file is not a SQLite database; restore it from a backup",
    "Busy": "another process holds the database for long; end its transaction",
    "CantOpen": "check that the file exists and may be opened",
}


_Identity = tuple[int, int]


@dataclass(slots=True)
class _Pooled:
    connection: apsw.Connection
    identity: _Identity


class Pool:
    """At most `CONNECTIONS` connections to the file at `path`.

    `store_id` is learned at the first use; a file with another one is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._slots = threading.Semaphore(CONNECTIONS)
        self._lock = threading.Lock()
        self._idle: list[_Pooled] = []
        self._lent = 0
        self._store_id: str | None = None
        self._logged: tuple[_Identity, _Identity | None] | None = None

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """Lend a connection; one that met an error is not lent again."""
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable("all database connections are in use")
        try:
            pooled = self._take()
            self._count_lent(1)
            try:
                yield pooled.connection
            except BaseException:
                pooled.connection.close(True)
                raise
            finally:
                self._count_lent(-1)
            with self._lock:
                self._idle.append(pooled)
        finally:
            self._slots.release()

    @contextmanager
    def idle_connection(self) -> Iterator[apsw.Connection]:
        """Lend a connection that lies idle and waits for no lock, or raise MustWait.

        Whatever goes wrong on it is left to a read that may wait, which then says why.
        """
        identity = self._identity()
        if not self._slots.acquire(blocking=False):
            raise MustWait
        try:
            with self._lock:
                pooled = self._idle.pop() if self._idle else None
            if pooled is None:
                raise MustWait
            self._count_lent(1)
            try:
                if pooled.identity != identity:
                    raise MustWait
                pooled.connection.set_busy_timeout(0)
                yield pooled.connection
                pooled.connection.set_busy_timeout(BUSY_MILLISECONDS)
            except BaseException as error:
                pooled.connection.close(True)
                if isinstance(error, apsw.Error):
                    raise MustWait from error
                raise
            finally:
                self._count_lent(-1)
            with self._lock:
                self._idle.append(pooled)
        finally:
            self._slots.release()

    def use(self) -> PoolUse:
        """Return how many connections are lent, and how many there are."""
        with self._lock:
            in_use, idle = self._lent, len(self._idle)
        return PoolUse(in_use, in_use + idle, CONNECTIONS)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            while self._idle:
                self._idle.pop().connection.close()

    def _count_lent(self, change: int) -> None:
        with self._lock:
            self._lent += change

    def _take(self) -> _Pooled:
        identity = self._identity()
        self._refuse_beside_a_strange_log(identity)
        with self._lock:
            while self._idle:
                pooled = self._idle.pop()
                if pooled.identity == identity:
                    return pooled
                pooled.connection.close(True)
        return self._open(identity)

    def _identity(self) -> _Identity:
        try:
            return _identity_of(self.path)
        except OSError as error:
            raise StoreUnavailable(
                f"the database file cannot be found ({error.strerror})",
                "put the file back, or start anew with `firstry db upgrade`",
            ) from error

    def _log_identity(self) -> _Identity | None:
        try:
            return _identity_of(self.path.with_name(self.path.name + "-wal"))
        except OSError:
            return None

    def _refuse_beside_a_strange_log(self, identity: _Identity) -> None:
        """Refuse a file that lies beside the log of the one before it.

        SQLite finds a log by its name alone and would write the pages of the
        earlier database over those of this one.
        """
        if self._logged is None:
            return
        owner, log = self._logged
        if identity != owner and log is not None and log == self._log_identity():
            raise StoreUnfit(
                "another file lies at the path than the one the service began with, beside the "
                "write-ahead log of that one",
                "put the right file back; to restore a backup, stop the service and remove the "
                "files that end in -wal and -shm first",
            )

    def _open(self, identity: tuple[int, int]) -> _Pooled:
        connection = connect(self.path)
        try:
            with mapped_errors():
                store_id = str(connection.execute(statement.READ_STORE_ID).get)
            if self._store_id not in (None, store_id):
                raise StoreUnfit(
                    "another database lies at the path than the one the service began with",
                    "put the right file back, or restart the service to use this one",
                )
        except BaseException:
            connection.close(True)
            raise
        self._store_id = store_id
        self._logged = identity, self._log_identity()
        return _Pooled(connection, identity)


def _identity_of(path: Path) -> _Identity:
    status = path.stat()
    return status.st_dev, status.st_ino
