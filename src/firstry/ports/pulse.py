"""Whether the worker of a process still goes round."""

from firstry.ports.clock import Clock

STALE_SECONDS = 60.0
"""A worker sleeps some seconds at most, so one that is silent for this long hangs."""


class Pulse:
    """When the worker last went round, by the process's monotonic clock. Threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_seconds: float | None = None

    def beat(self) -> None:
        """Note that the worker has gone round."""
        self._last_seconds = self._clock.monotonic()

    def silence_seconds(self) -> float | None:
        """Return how long ago that was; None where no worker ever ran."""
        last = self._last_seconds
        return None if last is None else max(self._clock.monotonic() - last, 0.0)
