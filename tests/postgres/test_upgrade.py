"""A database that earlier steps made, with rows behind its walls, comes to head."""

from importlib import resources

import psycopg
import pytest

from firstry.domain.ledger import (
    OPERATOR,
    PLATFORM,
    SCHEDULER,
    Entry,
    first_break,
    genesis,
    seal,
)
from firstry.domain.record import Order
from firstry.lifecycle.erase import erase
from firstry.lifecycle.pause import pause
from firstry.stores.sql.migration import Engine, migrations
from firstry.stores.sql.postgres.migration import upgrade
from firstry.stores.sql.postgres.store import PostgresStore
from support.domain import TENANT, all_entries, at, known
from support.postgres import Cluster
from support.postgres_service import ERASER, MIGRATOR, SERVICE, new_service_database

BEFORE = 2
"""The last step before the ledger got the columns that say what its entries are."""

ENTRIES = (
    Entry("INSTALLED", at(0), PLATFORM, {}),
    Entry("CLAIMED", at(12), SCHEDULER, {"trigger": "AUTO_12H", "revision": 1}),
)


def database_before(cluster: Cluster, name: str) -> str:
    """Make a database at step `BEFORE` with its walls and one ledger; return its owner's URL."""
    url = cluster.url(MIGRATOR, name)
    walls = resources.files("firstry.stores.sql.postgres") / "walls.sql"
    steps = [step for step in migrations(Engine.POSTGRES) if step.version <= BEFORE]
    with psycopg.connect(url) as owner:
        owner.execute("CREATE TABLE schema_migration (version BIGINT, name TEXT, digest TEXT)")
        for step in steps:
            owner.execute(step.sql.encode())
            owner.execute(
                "INSERT INTO schema_migration VALUES (%s, %s, %s)",
                (step.version, step.name, step.digest),
            )
        owner.execute(walls.read_bytes())
    sealed, head = seal(genesis(TENANT), ENTRIES)
    with psycopg.connect(cluster.url(database=name)) as admin:
        admin.execute(
            "INSERT INTO tenant (cloud_id, installed_at, source, head_sequence, head_hash)"
            " VALUES (%s, 0, 'OPERATOR', %s, %s)",
            (TENANT.cloud_id, head.sequence, head.hash),
        )
        for each in sealed:
            admin.execute(
                "INSERT INTO ledger (cloud_id, sequence, body, hash) VALUES (%s, %s, %s, %s)",
                (TENANT.cloud_id, each.sequence, each.body, each.hash),
            )
    return url


def test_entries_of_an_earlier_step_are_found_like_new_ones(cluster: Cluster) -> None:
    """The owner of the tables is held by the walls too, and all rows are filled nevertheless."""
    new_service_database(cluster=cluster)  # makes the roles
    with cluster.database(owner=MIGRATOR) as made:
        url = database_before(cluster, made.name)
        upgrade(url, service_role=SERVICE)
        with psycopg.connect(cluster.url(database=made.name)) as admin:
            found = admin.execute(
                "SELECT entry_at, entry_kind, entry_actor, entry_trigger FROM ledger"
                " ORDER BY sequence"
            ).fetchall()
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="written once"):
                admin.execute("UPDATE ledger SET entry_kind = 'NOTHING'")
    assert found == [
        ("2026-01-01T00:00:00.000Z", "INSTALLED", "platform", None),
        ("2026-01-01T12:00:00.000Z", "CLAIMED", "scheduler", "AUTO_12H"),
    ]


def test_a_tenant_of_an_earlier_step_can_be_erased(cluster: Cluster) -> None:
    """I17: by the role that the upgrade has admitted for it."""
    new_service_database(cluster=cluster)  # makes the roles
    with cluster.database(owner=MIGRATOR) as made:
        url = database_before(cluster, made.name)
        upgrade(url, service_role=SERVICE, erase_role=ERASER)
        store = PostgresStore(cluster.url(ERASER, made.name))
        pause(store, TENANT, "to be erased", at(13))
        erase(store, TENANT, Order("case 17", OPERATOR, at(14)))
        chain = all_entries(store)
        assert [entry.erased_hash is not None for entry in chain] == [True, True, True, False]
        assert first_break(TENANT, chain, known(store).head) is None
        store.close()
