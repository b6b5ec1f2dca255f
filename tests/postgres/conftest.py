"""Fixtures of the tests on PostgreSQL: the platform's key, servers, databases, deployments."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing
from postgres.deployment import Deployment
from support.postgres import Cluster
from support.postgres_binaries import available_majors, newest
from support.postgres_service import ServiceDatabase, new_service_database


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """The platform's signing key; making one takes long."""
    return KeyRing()


@pytest.fixture(params=available_majors())
def database(request: pytest.FixtureRequest) -> ServiceDatabase:
    """A new database with the schema, on a server of every major version here."""
    return new_service_database(request.param)


@pytest.fixture
def newest_database() -> ServiceDatabase:
    """A new database with the schema, on the shared server of the newest version."""
    return new_service_database()


@pytest.fixture
def deployment(
    tmp_path: Path, keys: KeyRing, newest_database: ServiceDatabase
) -> Iterator[Deployment]:
    """A deployment on the shared server; what it stored must break no invariant."""
    with Deployment(tmp_path, keys, newest_database) as deployment:
        yield deployment
        assert deployment.breaches() == []


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that the tests of one module may break; each leaves it running."""
    cluster = Cluster(newest(), durable=False, settings={"max_connections": "30"})
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def breakable(tmp_path: Path, keys: KeyRing, cluster: Cluster) -> Iterator[Deployment]:
    """A deployment on the server that may be broken."""
    with Deployment(tmp_path, keys, new_service_database(cluster=cluster)) as deployment:
        yield deployment
        assert deployment.breaches() == []
