"""Databases on the shared PostgreSQL server, as a vendor would set them up for firstry.

A role that migrates owns the tables; the service's role is a member of
firstry_scheduler and no more. The schema is made once and copied for each test.
"""

import secrets
from dataclasses import dataclass
from functools import cache

from psycopg import sql

from firstry.stores.sql.postgres.migration import upgrade
from support.postgres import Cluster
from support.postgres_fixture import shared_cluster

MIGRATOR = "firstry_migrator"
SERVICE = "firstry_service"
ERASER = "firstry_eraser_login"
TEMPLATE = "firstry_template"


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """One migrated database and the ways into it."""

    name: str
    cluster: Cluster

    @property
    def url(self) -> str:
        """As the service connects."""
        return self.cluster.url(SERVICE, self.name)

    @property
    def eraser_url(self) -> str:
        """As an erasure connects."""
        return self.cluster.url(ERASER, self.name)

    @property
    def owner_url(self) -> str:
        """As whoever upgrades it connects."""
        return self.cluster.url(MIGRATOR, self.name)

    @property
    def admin_url(self) -> str:
        """As nobody should: the superuser."""
        return self.cluster.url(database=self.name)


def service_database() -> str:
    """Return the service's URL of a new database with the schema."""
    return new_service_database().url


def new_service_database(
    major: int | None = None, cluster: Cluster | None = None
) -> ServiceDatabase:
    """Return a new database with the schema, on the shared server of a major version.

    A test that breaks servers brings a running `cluster` of its own.
    """
    cluster = cluster or shared_cluster(major)
    _prepare(cluster)
    name = f"firstry_{secrets.token_hex(6)}"
    cluster.run(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(name), sql.Identifier(TEMPLATE), sql.Identifier(MIGRATOR)
        )
    )
    return ServiceDatabase(name, cluster)


@cache
def _prepare(cluster: Cluster) -> None:
    cluster.new_role(MIGRATOR, "CREATEROLE")
    cluster.new_role(SERVICE)
    cluster.new_role(ERASER)
    cluster.run(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(
            sql.Identifier(TEMPLATE), sql.Identifier(MIGRATOR)
        )
    )
    upgrade(cluster.url(MIGRATOR, TEMPLATE), service_role=SERVICE, erase_role=ERASER)
