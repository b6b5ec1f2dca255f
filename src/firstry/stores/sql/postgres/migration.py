"""Bring a PostgreSQL database to the schema that this code needs, or say why not.

Only `firstry db upgrade` changes a schema. Several may begin at once: an advisory
lock lets one do the work. It waits only shortly for tables that running services
use, and gives up without a change rather than make them queue behind it.
"""

from importlib import resources
from typing import LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict

from firstry.domain.canonical import digest_of
from firstry.domain.errors import StoreUnavailable, StoreUnfit
from firstry.stores.sql.migration import Engine, Migration, migrations, missing_steps, refuse_old
from firstry.stores.sql.postgres.connection import (
    OLDEST_MAJOR,
    Connection,
    connect,
    mapped_errors,
)

UPGRADE_SECONDS = 600.0
"""The longest that one statement of an upgrade may take."""

LOCK_SECONDS = 3
"""How long an upgrade lets others queue behind it before it gives up."""

_LOCK_KEY = 0x6669727374727900  # "firstry"
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL
)
"""
_APPLIED = "SELECT version, digest FROM schema_migration ORDER BY version"
_EXISTS = "SELECT to_regclass('schema_migration') IS NOT NULL AS is_there"
_WALLS_BUILT = """
SELECT obj_description(to_regprocedure('firstry_sees_all()'), 'pg_proc') AS digest
"""
_MAY_UPGRADE = """
SELECT coalesce((SELECT pg_has_role(current_user, c.relowner, 'USAGE') FROM pg_class c
                 WHERE c.oid = to_regclass('tenant')),
                has_schema_privilege(current_schema(), 'CREATE')) AS may
"""
_RECORD = "INSERT INTO schema_migration (version, name, digest) VALUES (%s, %s, %s)"
_ROLE = """
SELECT current_user AS name, current_setting('transaction_read_only')::boolean AS is_read_only,
       pg_is_in_recovery() AS is_standby, EXISTS (
    SELECT 1 FROM pg_roles r WHERE (r.rolsuper OR r.rolbypassrls)
       AND pg_has_role(current_user, r.oid, 'MEMBER')) AS passes_walls
"""
_ADMIT = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {group}) AND NOT EXISTS (
        SELECT 1 FROM pg_roles r WHERE r.rolname = {known_by}
           AND pg_has_role({name}, r.oid, 'MEMBER')) THEN
        GRANT {group_as_identifier} TO {name_as_identifier};
    END IF;
END $$
"""


def upgrade(
    url: str, *, service_role: str | None = None, erase_role: str | None = None
) -> list[str]:
    """Apply what is missing and build the walls; return the names of the steps applied.

    `service_role`, if it is another than the one that upgrades, is made a member
    of firstry_scheduler unless it has a membership already; `erase_role` one of
    firstry_eraser.
    """
    with connect(url, UPGRADE_SECONDS) as connection, mapped_errors():
        refuse_old_server(connection.info.server_version)
        if not _value(connection, _MAY_UPGRADE):
            _refuse_unless_at_head(connection)
            return []
        connection.execute("SET lock_timeout = 0")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{LOCK_SECONDS}s",))
        missing = _missing(connection)
        _build(connection, missing)
        connection.execute(_text("rights.sql"))
        if service_role is not None:
            _admit(connection, service_role, "firstry_scheduler", known_by="firstry_app")
        if erase_role is not None:
            _admit(connection, erase_role, "firstry_eraser", known_by="firstry_eraser")
        connection.commit()
    return [step.name for step in missing]


def _build(connection: Connection, missing: list[Migration]) -> None:
    """Apply the steps, and build the walls unless they stand: either locks tables."""
    walls = _text("walls.sql")
    digest = digest_of(walls.encode())
    if not missing and _value(connection, _WALLS_BUILT) == digest:
        return
    connection.execute(_TABLE)
    for step in missing:
        connection.execute(step.sql)
        connection.execute(_RECORD, (step.version, step.name, step.digest))
    connection.execute(walls)
    signed = psycopg.sql.SQL("COMMENT ON FUNCTION firstry_sees_all() IS {}")
    connection.execute(signed.format(psycopg.sql.Literal(digest)))


def role_of(url: str) -> str | None:
    """Return the role that a URL connects as, or None if it leaves that to the server."""
    user = conninfo_to_dict(url).get("user")
    return None if user is None else str(user)


def check_fit(connection: Connection) -> None:
    """Return if the database may be used by a service, else raise.

    Its version and schema must be what this code needs, it must take writes, and
    the role must not be able to pass the walls between tenants.
    """
    with mapped_errors():
        refuse_old_server(connection.info.server_version)
        missing = _missing(connection)
        role = connection.execute(_ROLE).fetchone()
        connection.rollback()
    refuse_old(missing, _name(connection))
    assert role is not None
    if role["passes_walls"]:
        raise StoreUnfit(
            f"the database role {role['name']} has too many rights: a superuser or a role with "
            "BYPASSRLS is not held by the walls between tenants",
            "give the service a role of its own that is a member of firstry_scheduler, and keep "
            "the mighty one for FIRSTRY_MIGRATE_DATABASE_URL",
        )
    if role["is_read_only"]:
        why = ": it is a standby" if role["is_standby"] else ""
        raise StoreUnavailable(
            f"the database is read-only{why}",
            "connect to the primary server, for example with target_session_attrs=read-write",
        )


def _refuse_unless_at_head(connection: Connection) -> None:
    if _missing(connection):
        raise StoreUnfit(
            f"the role {connection.info.user} may not make or change firstry's tables",
            "set FIRSTRY_MIGRATE_DATABASE_URL to connect as the role that does",
        )


def refuse_old_server(version: int) -> None:
    """Raise StoreUnfit if a server says that it is older than what firstry runs on.

    `version` is PostgreSQL's own number: 150004 is 15.4.
    """
    major = version // 10_000
    if major < OLDEST_MAJOR:
        raise StoreUnfit(
            f"the server is PostgreSQL {major}", f"firstry needs {OLDEST_MAJOR} or newer"
        )


def _missing(connection: Connection) -> list[Migration]:
    if not _value(connection, _EXISTS):
        return migrations(Engine.POSTGRES)
    rows = connection.execute(_APPLIED).fetchall()
    applied = {row["version"]: row["digest"] for row in rows}
    return missing_steps(Engine.POSTGRES, applied, _name(connection))


def _admit(connection: Connection, role: str, group: str, *, known_by: str) -> None:
    statement = psycopg.sql.SQL(_ADMIT).format(
        name=psycopg.sql.Literal(role),
        name_as_identifier=psycopg.sql.Identifier(role),
        group=psycopg.sql.Literal(group),
        group_as_identifier=psycopg.sql.Identifier(group),
        known_by=psycopg.sql.Literal(known_by),
    )
    connection.execute(statement)


def _text(name: str) -> str:
    return (resources.files("firstry.stores.sql.postgres") / name).read_text("utf-8")


def _value(connection: Connection, statement: LiteralString) -> object:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return next(iter(row.values()))


def _name(connection: Connection) -> str:
    return connection.info.dbname
