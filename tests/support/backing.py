"""Where a store keeps what it is given, so that one suite can run on every store.

A new kind of store joins the conformance suite by one entry in `BACKINGS`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firstry.ports.store import Store
from firstry.stores.memory import MemoryStore
from firstry.stores.sql.postgres.store import PostgresStore
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.postgres_service import new_service_database

TESTS = Path(__file__).resolve().parent.parent
SOURCE = TESTS.parent / "src"


@dataclass(frozen=True, slots=True)
class Backing:
    """An empty place of one kind, ready for use.

    `open` returns a store on it; where `is_shared`, another store object and
    another process (by `kind` and `place`) come to the same place. `open_eraser`
    returns one that may erase what the given store shows.
    """

    kind: str
    place: str
    is_shared: bool
    open: Callable[[], Store]
    open_eraser: Callable[[Store], Store]


def _memory(folder: Path) -> Backing:
    return Backing("memory", "", False, MemoryStore, lambda store: store)


def _sqlite(folder: Path) -> Backing:
    path = folder / "store.db"
    upgrade(path)
    return Backing(
        "sqlite", str(path), True, lambda: SqliteStore(path), lambda _: SqliteStore(path)
    )


def _postgres(folder: Path) -> Backing:
    made = new_service_database()
    return Backing(
        "postgres",
        made.url,
        True,
        lambda: PostgresStore(made.url),
        lambda _: PostgresStore(made.eraser_url),
    )


BACKINGS: Mapping[str, Callable[[Path], Backing]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "postgres": _postgres,
}
SHARED = ("sqlite", "postgres")
"""The kinds that several processes can use at once."""


def open_place(kind: str, place: str) -> Store:
    """Return a store on a place that another process prepared."""
    if kind == "sqlite":
        return SqliteStore(Path(place))
    if kind == "postgres":
        return PostgresStore(place)
    raise ValueError(f"no other process can come to a store of kind {kind}")


def start_module(name: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a module of `support` in its own Python process."""
    path = os.pathsep.join((str(SOURCE), str(TESTS)))
    return subprocess.Popen(
        [sys.executable, "-m", f"support.{name}", *arguments],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
