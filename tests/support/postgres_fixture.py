"""PostgreSQL for any folder of tests: its `conftest.py` imports the fixtures by name.

One server per major version and pytest process, started at the first use and
quick rather than durable. Tests share it and get a database each; a test that
stops or breaks a server makes a `Cluster` of its own.
"""

import atexit
from collections.abc import Iterator

import pytest

from support.postgres import Cluster, Database
from support.postgres_binaries import available, newest

_running: dict[int, Cluster] = {}


def shared_cluster(major: int | None = None) -> Cluster:
    """Return this process's server of a major version, by default of the newest."""
    binaries = newest() if major is None else available()[major]
    if binaries.major not in _running:
        cluster = Cluster(binaries, durable=False)
        _running[binaries.major] = cluster
        atexit.register(cluster.remove)
    cluster = _running[binaries.major]
    if not cluster.is_running:
        cluster.start()
    return cluster


@pytest.fixture
def postgres() -> Cluster:
    """The shared server of the newest version."""
    return shared_cluster()


@pytest.fixture
def postgres_database(postgres: Cluster) -> Iterator[Database]:
    """A new, empty database on it."""
    with postgres.database() as database:
        yield database
