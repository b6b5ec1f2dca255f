"""Simulated time: the host's clock and an offset that a driver moves.

The offset lies in a small file, so that the driver and a service in another
process see one clock. Between events the driver jumps; during an attempt time
runs 1:1, so tokens, leases and time-outs agree (decision 0005).
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.stores.clock import HostClock

_WIDTH = 20


class SimulatedClock:
    """A `Clock` that is the host's clock plus the offset in a file."""

    def __init__(self, path: Path) -> None:
        self._host = HostClock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size != _WIDTH:
            self._write(0)

    def now(self) -> datetime:
        """Return the simulated instant."""
        return from_milliseconds(to_milliseconds(self._host.now()) + self._offset())

    def monotonic(self) -> float:
        """Return the host's monotonic seconds: waits are real."""
        return self._host.monotonic()

    def advance(self, by: timedelta) -> None:
        """Jump ahead by `by`. One driver moves a clock, so this needs no lock."""
        self._write(self._offset() + by // timedelta(milliseconds=1))

    def advance_to(self, instant: datetime) -> None:
        """Jump to `instant`; an instant that has passed moves nothing."""
        self.advance(max(timedelta(), instant - self.now()))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _offset(self) -> int:
        return int(os.pread(self._file, _WIDTH, 0))

    def _write(self, offset: int) -> None:
        os.pwrite(self._file, f"{offset:+020d}".encode(), 0)
