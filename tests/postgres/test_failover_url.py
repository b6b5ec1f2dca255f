"""A service whose URL names two servers follows the one that takes writes, without a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing
from postgres.deployment import Deployment, is_refused
from support.postgres import Cluster
from support.postgres_binaries import newest
from support.postgres_service import ServiceDatabase, new_service_database
from support.postgres_standby import Standby
from support.wire import until

DEADLINE_SECONDS = 3.9


@pytest.fixture
def pair() -> Iterator[tuple[Cluster, Standby]]:
    """A primary and its standby."""
    primary = Cluster(newest(), durable=False)
    primary.start()
    database = new_service_database(cluster=primary)
    standby = Standby(primary, durable=False)
    standby.start()
    standby.wait_until_it_follows(is_synchronous=False)
    assert database.name
    yield primary, standby
    standby.remove()
    primary.remove()


@pytest.mark.timeout(120)
def test_a_service_follows_the_primary(
    pair: tuple[Cluster, Standby], tmp_path: Path, keys: KeyRing
) -> None:
    primary, standby = pair
    database = new_service_database(cluster=primary)
    own, copied = f"127.0.0.1:{primary.port}", f"127.0.0.1:{standby.port}"
    both = database.url.replace(own, f"{copied},{own}") + "?target_session_attrs=read-write"
    with Deployment(tmp_path, keys, database, DATABASE_URL=both) as deployment:
        serving = deployment.serve()
        first, second = deployment.due_site("first"), deployment.due_site("second")
        assert deployment.reason(serving, first) == "GENERATED"
        _wait_for_copy(deployment, ServiceDatabase(database.name, standby))
        primary.stop("immediate")
        for _ in range(5):
            is_refused(deployment.tick(serving, second), DEADLINE_SECONDS)
        assert deployment.ready(serving).status == 503
        standby.promote()
        assert deployment.reason(serving, first) == "DONE_KEY_EXISTS"
        assert deployment.reason(serving, second) == "GENERATED"
        assert deployment.ready(serving).status == 200
        doctor = deployment.command("doctor")
        assert doctor.code == 0, doctor


def _wait_for_copy(deployment: Deployment, copy: ServiceDatabase) -> None:
    wait = until()
    deployment.database, own = copy, deployment.database
    while not deployment.rows("SELECT 1 AS found FROM marker"):
        wait.more("the standby to have the report")
    deployment.database = own
