"""A few connections that the threads of a process share, and that outlive any outage.

Why it is safe to depend on: nobody waits longer than `WAIT_SECONDS`, whatever the
server does, because one thread at a time connects and nobody waits for it any
longer. Who waits learns why it could not connect. Nothing is remembered of those
who were refused, and nothing has to happen in the background: the next one who
needs a connection has it made. A connection that the server closed while it lay
here is seen at once and not lent, so a restarted server costs no request.
"""

import select
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import pq

from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.ports.vital import PoolUse
from firstry.stores.sql.postgres.connection import (
    ANSWER_SECONDS,
    Connection,
    connect,
    is_read_only,
    mapped_errors,
)

CONNECTIONS = 10
WAIT_SECONDS = 1.0
IDLE_SECONDS = 600.0
"""A connection that nobody needed for so long is closed."""
OLDEST_SECONDS = 3600.0
"""An older one is made anew, so that a name that moved to another server is followed."""


class Pool:
    """At most `CONNECTIONS` connections to the database that `url` names."""

    def __init__(self, url: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.url, self.answer_seconds = url, answer_seconds
        self._changed = threading.Condition()
        self._idle: list[tuple[float, Connection]] = []
        self._made_at: dict[Connection, float] = {}
        self._is_connecting = False
        self._failures = 0
        self._failure: FirstryError | None = None
        self._is_closed = False
        weakref.finalize(self, _close_all, self._idle)  # for who forgets to close

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection outside any transaction; a transaction left open is rolled back."""
        lent = self._take()
        is_fit = True
        try:
            with mapped_errors():
                yield lent
        except FirstryError as error:
            is_fit = not is_read_only(error.__cause__)
            raise
        finally:
            _leave(lent)
            self._give_back(lent, is_fit=is_fit)

    def use(self) -> PoolUse:
        """Return how many connections are lent, and how many there are."""
        with self._changed:
            there, idle = len(self._made_at), len(self._idle)
        return PoolUse(there - idle, there, CONNECTIONS)

    def close(self) -> None:
        """Close the connections; those that are lent close when they come back."""
        with self._changed:
            self._is_closed = True
            _close_all(self._idle)
            self._changed.notify_all()

    def _take(self) -> Connection:
        """Return a connection that the server has not closed; raise after `WAIT_SECONDS`."""
        ends_at = time.monotonic() + WAIT_SECONDS
        with self._changed:
            failures = self._failures
            while True:
                if self._is_closed:
                    raise StoreUnavailable("the store is closed")
                while self._idle:
                    _, connection = self._idle.pop()
                    if not _is_over(connection):
                        return connection
                    self._drop(connection)
                if self._failure is not None and self._failures > failures:
                    raise StoreUnavailable(self._failure.message, self._failure.remedy)
                self._connect_unless_full()
                left = ends_at - time.monotonic()
                if left <= 0:
                    raise StoreUnavailable(
                        "no database connection was to be had in time",
                        "check that the database runs and is not overloaded",
                    )
                self._changed.wait(left)

    def _connect_unless_full(self) -> None:
        if self._is_connecting or len(self._made_at) >= CONNECTIONS:
            return
        self._is_connecting = True
        threading.Thread(target=self._connect, name="connect", daemon=True).start()

    def _connect(self) -> None:
        """Make one connection for whoever takes it; tell those who wait if it fails."""
        made: Connection | None = None
        failure: FirstryError | None = None
        try:
            made = connect(self.url, self.answer_seconds)
        except FirstryError as error:
            failure = error
        finally:
            with self._changed:
                self._is_connecting = False
                self._failure = failure
                self._failures += failure is not None
                if made is not None:
                    self._made_at[made] = time.monotonic()
                    self._put(made)
                self._changed.notify_all()

    def _give_back(self, connection: Connection, *, is_fit: bool) -> None:
        with self._changed:
            is_old = time.monotonic() - self._made_at[connection] > OLDEST_SECONDS
            if is_old or not is_fit:
                self._drop(connection)
            else:
                self._put(connection)
            self._changed.notify()

    def _put(self, connection: Connection) -> None:
        """Keep a connection for the next one; close what has lain here for too long."""
        now = time.monotonic()
        if self._is_closed or connection.closed:
            self._drop(connection)
            return
        self._idle.append((now, connection))
        if now - self._idle[0][0] > IDLE_SECONDS:
            _, unused = self._idle.pop(0)
            self._drop(unused)

    def _drop(self, connection: Connection) -> None:
        del self._made_at[connection]
        connection.close()


def _close_all(idle: list[tuple[float, Connection]]) -> None:
    while idle:
        _, connection = idle.pop()
        connection.close()


def _is_over(connection: Connection) -> bool:
    """Whether the server closed a connection that lies idle: it says so without being asked."""
    if connection.closed:
        return True
    said = select.poll()
    said.register(connection.fileno(), select.POLLIN)
    return bool(said.poll(0))


def _leave(connection: Connection) -> None:
    """End what is open; a connection on which that fails is closed."""
    if connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
        return
    try:
        connection.rollback()
    except psycopg.Error:
        with suppress(psycopg.Error):
            connection.close()
