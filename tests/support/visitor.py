"""A process of its own that reads and writes once: `python -m support.visitor PATH CLOUD_ID UID`.

Becomes the user UID first, if it is root, so that permissions bind it. Prints
one line for a read and one for a write: `ok`, or the code of the error.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from firstry.domain.errors import FirstryError
from firstry.domain.tenant import Tenant
from firstry.stores.sql.sqlite.store import SqliteStore
from support.domain import at, claim_at


def outcome(act: Callable[[], object]) -> str:
    """Return `ok`, or the code of the error that `act` raised."""
    try:
        act()
    except FirstryError as error:
        return error.code
    return "ok"


def main(path: str, cloud_id: str, uid: str) -> None:
    """Visit the file."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    store = SqliteStore(Path(path))
    who = Tenant.from_row(cloud_id)
    print(outcome(lambda: store.read(who)))
    print(outcome(lambda: claim_at(store, at(12), who)))


if __name__ == "__main__":
    main(*sys.argv[1:])
