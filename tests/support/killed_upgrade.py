"""An upgrade that dies: `python -m support.killed_upgrade PATH STATEMENT`.

Kills its own process, as SIGKILL from outside would, right before the statement
with that number. An upgrade with fewer statements ends well.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

import apsw

from firstry.stores.sql.sqlite.migration import upgrade


def main(path: str, statement: str) -> None:
    """Upgrade until the statement is reached."""
    numbers = count(1)

    def die(*_: object) -> bool:
        if next(numbers) == int(statement):
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = die

    apsw.connection_hooks.append(hook)
    print(*upgrade(Path(path)))


if __name__ == "__main__":
    main(*sys.argv[1:])
