"""Where a service under load keeps its store, and how that store can be hurt."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firstry.stores.sql.sqlite.migration import upgrade
from support.postgres import Cluster
from support.postgres_binaries import newest
from support.postgres_service import new_service_database


@dataclass(frozen=True, slots=True)
class LoadedPlace:
    """A store by its kind (as in `backing`) and place, and the URL that the service is given.

    `disturb` restarts the store at once, without a chance to end anything; None
    where there is no server to restart.
    """

    kind: str
    place: str
    url: str
    disturb: Callable[[], None] | None
    close: Callable[[], None]


def sqlite_place(folder: Path | None = None) -> LoadedPlace:
    """Return a new SQLite file, on the disk where temporary files lie."""
    made = None if folder else tempfile.TemporaryDirectory(prefix="firstry-load-")
    path = (folder or Path(made.name if made else "")) / "firstry.db"
    upgrade(path)
    return LoadedPlace(
        "sqlite", str(path), f"sqlite:///{path}", None, made.cleanup if made else lambda: None
    )


def postgres_place(*, durable: bool = True) -> LoadedPlace:
    """Return a new database on a server of its own."""
    cluster = Cluster(newest(), durable=durable)
    cluster.start()
    url = new_service_database(cluster=cluster).url
    return LoadedPlace("postgres", url, url, cluster.restart, cluster.remove)
