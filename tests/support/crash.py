"""`firstry` that dies by SIGKILL at a named failpoint: `python crash.py NAME NTH serve ...`.

It is a program, run by the crash tests in a process of its own. Nothing in the
service can arm a failpoint; this file does it from outside, before `main`.
"""

import os
import signal
import sys
from threading import Lock

from firstry.cli.main import main
from firstry.ports.failpoint import Failpoint, arm


def dies_at(failpoint: Failpoint, nth: int) -> None:
    """Arm `failpoint`: the process is killed where it is reached for the `nth` time."""
    lock, reached = Lock(), 0

    def hook(place: Failpoint) -> None:
        nonlocal reached
        with lock:
            reached += place is failpoint
            if place is failpoint and reached == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    arm(hook)


if __name__ == "__main__":
    dies_at(Failpoint(sys.argv[1]), int(sys.argv[2]))
    sys.argv = ["firstry", *sys.argv[3:]]
    main()
