"""The host's clock, the only place where the process asks what time it is.

With SQLite the host's clock decides; the store's high-water mark guards it
against stepping back (I14).
"""

import time
from datetime import UTC, datetime

from firstry.domain.instant import from_milliseconds, to_milliseconds


class HostClock:
    """A `Clock` that reads the machine it runs on."""

    def now(self) -> datetime:
        """Return the host's current instant, whole milliseconds."""
        return from_milliseconds(to_milliseconds(datetime.now(UTC)))

    def monotonic(self) -> float:
        """Return the host's monotonic seconds."""
        return time.monotonic()
