"""The `firstry` program in a process of its own that kills itself at a named place.

`obey` is all that such a process does: it puts a hook behind the failpoints, then
runs the command line as a person would. At the wanted hit it writes the place's
name to a file and sends itself SIGKILL, so nothing after that place is executed:
no handler, no rollback, no flush.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firstry.cli.main import main
from firstry.ports.failpoint import Failpoint, arm

DIED_AT = "died-at"
"""The file that names the place, in the process's folder."""
ERRORS = "stderr.log"


@dataclass(frozen=True, slots=True)
class Order:
    """What to run: `firstry` with these words, there, until that hit of that place.

    `file_bytes` is how large a file may become, `errors` where it writes to;
    with `is_bound` permissions of files bind it, whoever it is.
    """

    folder: Path
    environ: Mapping[str, str]
    words: tuple[str, ...]
    failpoint: Failpoint | None = None
    hit: int = 1
    file_bytes: int | None = None
    is_bound: bool = False
    errors: str = ERRORS


class Trap:
    """A hook that kills the process at hit number `hit` (from 1) of a place."""

    def __init__(self, failpoint: Failpoint, hit: int, mark: Path) -> None:
        self._failpoint = failpoint
        self._left = hit
        self._mark = mark
        self._counting = threading.Lock()

    def __call__(self, reached: Failpoint) -> None:
        """Count a hit. The lock is held while dying, so no other thread gets past it."""
        if reached is not self._failpoint:
            return
        with self._counting:
            self._left -= 1
            if self._left == 0:
                self._mark.write_text(reached.value)
                os.kill(os.getpid(), signal.SIGKILL)


def obey(order: Order) -> None:
    """Run the order to its end; the exit code of the command line is the process's own."""
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    log = os.open(order.errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    if order.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.file_bytes, order.file_bytes))
    if order.is_bound:
        _be_bound()
    if order.failpoint is not None:
        arm(Trap(order.failpoint, order.hit, Path(DIED_AT).absolute()))
    sys.argv = ["firstry", *order.words]
    main()


def _be_bound() -> None:
    """Give up all capabilities (capabilities(7)), with which root passes over permissions."""
    header = struct.pack("Ii", 0x20080522, 0)
    result = ctypes.CDLL(None, use_errno=True).capset(header, bytes(24))
    if result != 0:
        raise OSError(ctypes.get_errno(), "capset")
