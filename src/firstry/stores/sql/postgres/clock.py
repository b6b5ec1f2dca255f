"""A clock that follows the database server's, so that no worker's own clock has any effect.

The offset is measured at the start and every 30 seconds, and advanced by the
monotonic clock. It is an interval: the server's instant lies between the asking
and the answer, and an answer that took long is not believed.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.domain.instant import from_milliseconds
from firstry.stores.sql.session import Database

MEASURE_SECONDS = 30.0
RETRY_SECONDS = 1.0
SLOWEST_ANSWER_SECONDS = 1.0
_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_at"


class DatabaseClock:
    """A `Clock` that shows the database server's time.

    It must be measured once before it can be read: raises StoreUnavailable if
    the server does not answer. Later the last offset stands while the server is
    away; nothing can be claimed then, for a claim needs the server too.
    """

    def __init__(
        self,
        database: Database,
        monotonic: Callable[[], float] = time.monotonic,
        measure_seconds: float = MEASURE_SECONDS,
    ) -> None:
        self._database, self._monotonic = database, monotonic
        self._measure_seconds = measure_seconds
        self._epoch_offset = self._measured()
        self._stopped = threading.Event()
        threading.Thread(target=self._follow, name="clock", daemon=True).start()

    def now(self) -> datetime:
        """Return the server's current instant, whole milliseconds."""
        return from_milliseconds(round(1000 * (self._epoch_offset + self._monotonic())))

    def monotonic(self) -> float:
        """Return the host's monotonic seconds."""
        return self._monotonic()

    def close(self) -> None:
        """Stop following the server."""
        self._stopped.set()

    def _follow(self) -> None:
        pause = self._measure_seconds
        while not self._stopped.wait(pause):
            try:
                self._epoch_offset = self._measured()
                pause = self._measure_seconds
            except FirstryError:
                pause = min(RETRY_SECONDS, self._measure_seconds)

    def _measured(self) -> float:
        """Return the server's seconds since 1970 less the monotonic clock's, at one moment."""
        asked = self._monotonic()
        found = self._database.read((), _NOW, {})
        answered = self._monotonic()
        if answered - asked > SLOWEST_ANSWER_SECONDS:
            raise StoreUnavailable("the database took too long to say what time it is")
        return float(found[0]["now_at"]) / 1000 - (asked + answered) / 2
