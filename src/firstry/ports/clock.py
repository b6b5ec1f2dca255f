"""What time it is."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The one source of time of a process.

    A path reads `now` once and passes it on; `monotonic` measures how long
    something took and bounds waits.
    """

    def now(self) -> datetime:
        """Return the current instant: aware, UTC, whole milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""
        ...
