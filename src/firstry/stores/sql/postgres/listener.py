"""Hears from other processes that something has become due.

A hint and nothing more: a worker that hears nothing looks by itself within
seconds. So the listener may lose its connection, and comes back when it can.
"""

import threading
from collections.abc import Callable

import psycopg

from firstry.stores.sql.postgres.store import LISTEN

LISTEN_SECONDS = 1.0
RETRY_SECONDS = 5.0


class Listener:
    """Calls `ring` for every hint, until it is closed."""

    def __init__(self, url: str, ring: Callable[[], None]) -> None:
        self._url, self._ring = url, ring
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and wait for the thread."""
        self._stopped.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                self._hear()
            except psycopg.Error:
                self._stopped.wait(RETRY_SECONDS)

    def _hear(self) -> None:
        with psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=2,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            application_name="firstry listener",
        ) as connection:
            connection.execute(LISTEN)
            while not self._stopped.is_set():
                for _ in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                    self._ring()
