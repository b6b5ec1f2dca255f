"""An upgrade that dies: `python -m postgres.killed_upgrade URL STATEMENT`.

Kills its own process, as SIGKILL from outside would, right before it sends the
statement with that number. An upgrade with fewer statements ends well.
"""

import os
import signal
import sys
from itertools import count
from typing import Any

from firstry.stores.sql.postgres import migration
from firstry.stores.sql.postgres.connection import Connection


def main(url: str, statement: str) -> None:
    """Upgrade until the statement is reached."""
    numbers = count(1)

    def die(frame: Any, event: str, argument: object) -> None:
        is_statement = event == "call" and frame.f_code is Connection.execute.__code__
        if is_statement and next(numbers) == int(statement):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(die)
    print(*migration.upgrade(url))


if __name__ == "__main__":
    main(*sys.argv[1:])
