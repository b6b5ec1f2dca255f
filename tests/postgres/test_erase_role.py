"""Who may erase on PostgreSQL: a role of its own, only under a tombstone, only behind the walls."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import DictRow, dict_row

from firstry.domain.access import Role
from firstry.domain.ledger import OPERATOR
from firstry.domain.record import Order
from firstry.lifecycle.erase import erase
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.sim.jira import JiraSite
from firstry.stores.place import open_eraser
from firstry.stores.sql import erase_statement
from firstry.stores.sql.postgres.migration import upgrade
from firstry.stores.sql.postgres.store import PostgresStore, in_dialect
from postgres.deployment import Deployment
from support.call import UNINSTALL
from support.domain import TENANT, at, complete, install, known, tenant
from support.operator_call import Operator
from support.postgres import Cluster
from support.postgres_binaries import newest
from support.postgres_service import ServiceDatabase, new_service_database

A, B = TENANT.cloud_id, tenant(1).cloud_id
WHY = ("--reason", "case 4711")
STATEMENTS = {
    "tenant": erase_statement.ERASE_TENANT,
    "report": erase_statement.ERASE_REPORTS,
    "ledger": erase_statement.ERASE_ENTRIES,
}
VALUES = {
    "cloud_id": A,
    "erased_at": 1,
    "erased_sequence": 99,
    "nothing": b"",
    "erased": b"erased",
}


@pytest.fixture(scope="module")
def filled() -> ServiceDatabase:
    """Two tenants with a report each that have uninstalled the app."""
    database = new_service_database()
    store = PostgresStore(database.url)
    for who in (TENANT, tenant(1)):
        install(store, who)
    for who in (TENANT, tenant(1)):
        complete(store, at(12), who)
    for who in (TENANT, tenant(1)):
        record_uninstallation(store, who, None, at(13))
    store.close()
    return database


@contextmanager
def behind(url: str, *tenants: str) -> Iterator[psycopg.Connection[DictRow]]:
    """Lend a transaction that sees these tenants; what it changes is taken back."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute(f"SET firstry.tenants = ',{','.join(tenants)},'".encode())
        try:
            yield connection
        finally:
            connection.rollback()


@pytest.mark.parametrize("table", STATEMENTS)
def test_the_service_s_role_lacks_the_right(filled: ServiceDatabase, table: str) -> None:
    with behind(filled.url, A) as service, pytest.raises(errors.InsufficientPrivilege):
        service.execute(in_dialect(STATEMENTS[table]).encode(), VALUES)


@pytest.mark.parametrize("table", STATEMENTS)
def test_without_a_tombstone_the_eraser_is_refused_by_the_rules(
    filled: ServiceDatabase, table: str
) -> None:
    with (
        behind(filled.eraser_url, A) as eraser,
        pytest.raises(errors.IntegrityConstraintViolation),
    ):
        eraser.execute(in_dialect(STATEMENTS[table]).encode(), VALUES)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM report",
        "DELETE FROM ledger",
        "DELETE FROM marker",
        "DELETE FROM tenant",
        "UPDATE marker SET digest = 'sha256:0'",
        "UPDATE report SET digest = 'sha256:0'",
        "UPDATE ledger SET hash = 'sha256:0'",
        "UPDATE service_ledger SET body = '{}'",
        "ALTER TABLE report DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ],
)
def test_the_eraser_may_nothing_else(filled: ServiceDatabase, sql: str) -> None:
    with behind(filled.eraser_url, A) as eraser, pytest.raises(errors.InsufficientPrivilege):
        eraser.execute(sql.encode())


@contextmanager
def under_a_tombstone(database: ServiceDatabase) -> Iterator[psycopg.Connection[DictRow]]:
    """Lend the eraser's transaction with A's tombstone set and nothing erased yet."""
    entry = json.dumps({"kind": "ERASED", "at": "x", "actor": "operator", "detail": {}})
    with behind(database.eraser_url, A) as eraser:
        eraser.execute(
            "INSERT INTO ledger (cloud_id, sequence, body, hash, entry_kind)"
            " SELECT cloud_id, head_sequence + 1, %s, 'sha256:1', 'ERASED' FROM tenant",
            (entry.encode(),),
        )
        eraser.execute("UPDATE tenant SET head_sequence = head_sequence + 1, head_hash = 'x'")
        eraser.execute(
            "UPDATE tenant SET erased_at = 9999999999999, erased_sequence = head_sequence"
        )
        yield eraser


BENT = (
    "UPDATE report SET body = 'another', envelope = 'erased', erased_at = 9999999999999",
    "UPDATE report SET body = '', envelope = 'another', erased_at = 9999999999999",
    "UPDATE report SET body = '', envelope = 'erased', erased_at = 5",
    "UPDATE report SET body = '', envelope = 'erased', erased_at = NULL",
    "UPDATE ledger SET body = '{}', erased_hash = firstry_digest(body)",
    (
        "UPDATE ledger SET erased_hash = 'sha256:0', body = "
        "firstry_erased_body(entry_at, entry_kind, entry_actor, entry_trigger)"
    ),
    (
        "UPDATE ledger SET erased_hash = firstry_digest(body), body = "
        "firstry_erased_body(entry_at, 'OTHER', entry_actor, entry_trigger)"
    ),
    (
        "UPDATE ledger SET erased_hash = firstry_digest(body), body = firstry_erased_body("
        "entry_at, entry_kind, entry_actor, entry_trigger) WHERE entry_kind = 'ERASED'"
    ),
    "UPDATE milestone SET next_due = 0, error_code = NULL WHERE state = 'completed'",
    "UPDATE milestone SET error_code = 'X' WHERE state = 'completed'",
    "UPDATE tenant SET erased_at = 5",
    "UPDATE tenant SET erased_sequence = NULL",
)


@pytest.mark.parametrize("sql", BENT)
def test_under_a_tombstone_nothing_but_content_goes(filled: ServiceDatabase, sql: str) -> None:
    """I3: erasing is no way to write something else."""
    with under_a_tombstone(filled) as eraser:
        with pytest.raises(errors.IntegrityConstraintViolation), eraser.transaction():
            eraser.execute(sql.encode())
        whole = eraser.execute("SELECT body FROM report").fetchall()
        assert len(whole) == 1
        assert whole[0]["body"] != b""


@pytest.mark.parametrize("table", STATEMENTS)
def test_a_statement_that_forgets_its_tenant_meets_no_foreign_row(
    filled: ServiceDatabase, table: str
) -> None:
    """T12, I9: the walls hold the eraser too."""
    opened = STATEMENTS[table].replace("cloud_id = :cloud_id", "true")
    assert opened != STATEMENTS[table]
    with under_a_tombstone(filled) as eraser:
        row = eraser.execute("SELECT erased_at, erased_sequence FROM tenant").fetchone()
        assert row is not None
        if table == "tenant":  # a tombstone is set once; here it counts whose row is met
            opened = opened.replace("SET erased_at = :erased_at,", "SET").replace(
                "erased_sequence = :erased_sequence", "paused_at = :erased_sequence"
            )
        text = in_dialect(opened + " RETURNING cloud_id").encode()
        met = eraser.execute(text, {**VALUES, **row}).fetchall()
        assert {each["cloud_id"] for each in met} == {A}
    with behind(filled.eraser_url) as nobody:
        nobody.execute("SET firstry.scope = 'all'")
        assert nobody.execute("SELECT 1 FROM tenant").fetchall() == []


def test_it_goes_through_for_the_one_tenant(filled: ServiceDatabase) -> None:
    store = PostgresStore(filled.eraser_url)
    other = known(store, tenant(1))
    erase(store, TENANT, Order("why", OPERATOR, at(14)))
    assert known(store).erasure is not None
    assert known(store, tenant(1)).milestones == other.milestones
    with psycopg.connect(filled.admin_url) as admin:
        found = admin.execute("SELECT cloud_id, length(body) > 0 FROM report").fetchall()
    assert dict(found) == {A: False, B: True}
    store.close()


def test_one_role_for_all_may_erase_too() -> None:
    """It owns the tables; the walls and the rules hold it all the same."""
    cluster = Cluster(newest(), durable=False)
    cluster.start()
    try:
        with cluster.database() as made:
            upgrade(made.url)
            with open_eraser(made.url) as store:
                install(store)
                complete(store, at(12))
                record_uninstallation(store, TENANT, None, at(13))
                erase(store, TENANT, Order("why", OPERATOR, at(14)))
                assert [head.erased_at for head in store.reports(TENANT, None, 9)] == [at(14)]
    finally:
        cluster.remove()


def gone(deployment: Deployment) -> tuple[JiraSite, Any]:
    """Return a site with a report that uninstalled the app, and the process that made it."""
    serving = deployment.serve()
    site = deployment.due_site()
    assert deployment.reason(serving, site) == "GENERATED"
    assert deployment.call(serving, UNINSTALL, site).status == 200
    return site, serving


def test_the_command_needs_the_role_and_says_so(deployment: Deployment) -> None:
    site, _ = gone(deployment)
    words = ("tenants", "erase", site.cloud_id, *WHY, "--yes", "--json")
    refused = deployment.command(*words)
    assert (refused.code, refused.error["code"]) == (4, "ERASE_NOT_ALLOWED")
    assert "FIRSTRY_ERASE_DATABASE_URL" in refused.error["remedy"]
    assert "firstry db upgrade" in refused.error["remedy"]
    url = {"FIRSTRY_ERASE_DATABASE_URL": deployment.database.eraser_url}
    done = deployment.command(*words, **url)
    assert (done.code, done.json()["erased_now"]) == (0, True)
    assert deployment.command("evidence", "verify", site.cloud_id).code == 0
    assert deployment.breaches() == []
    assert deployment.rows("SELECT body, envelope FROM report") == [
        {"body": b"", "envelope": b"erased"}
    ]


def test_the_api_needs_the_role_and_says_so(deployment: Deployment) -> None:
    site, _ = gone(deployment)
    url = {"FIRSTRY_ERASE_DATABASE_URL": deployment.database.eraser_url}
    made = deployment.command("tokens", "create", "--name", "a", "--role", Role.ADMIN, "--json")
    body = {"reason": "case 4711", "confirm": site.cloud_id}
    for environ, status in (({}, 403), (url, 200)):
        serving = deployment.serve(environ=environ)
        admin = Operator(serving.port, made.json()["token"])
        answer = admin.post(f"/tenants/{site.cloud_id}/erase", **body)
        assert answer.status == status, answer.body
        if status == 403:
            assert answer.json()["code"] == "ERASE_NOT_ALLOWED"
        serving.stop()


def test_a_service_does_not_start_with_a_role_that_may_not(deployment: Deployment) -> None:
    url = {"FIRSTRY_ERASE_DATABASE_URL": deployment.database.url}
    refused = deployment.command("serve", FIRSTRY_PORT="0", **url)
    assert refused.code == 2, refused
    assert "FIRSTRY_ERASE_DATABASE_URL" in refused.err
    assert "firstry db upgrade" in refused.err


def test_retention_needs_the_role_and_doctor_says_so(deployment: Deployment) -> None:
    site, _ = gone(deployment)
    kept = {"FIRSTRY_RETENTION": "0"}
    url = {"FIRSTRY_ERASE_DATABASE_URL": deployment.database.eraser_url}
    found = deployment.command("doctor", "--json", **kept)
    codes = {each["code"]: each["remedy"] for each in found.json()["findings"]}
    assert "FIRSTRY_ERASE_DATABASE_URL" in codes["ERASE_NOT_ALLOWED"]
    assert deployment.command("worker", "--once", "--json", **kept).code == 4
    assert "ERASE_NOT_ALLOWED" not in deployment.command("doctor", "--json", **kept, **url).out
    ran = deployment.command("worker", "--once", "--json", **kept, **url)
    assert (ran.code, ran.json()["erased"]) == (0, [site.cloud_id])
    assert "ERASE_NOT_ALLOWED" not in deployment.command("doctor", "--json", **kept).out


def test_an_upgrade_admits_the_role_that_erases(deployment: Deployment) -> None:
    site, _ = gone(deployment)
    cluster: Cluster = deployment.database.cluster
    role = cluster.new_role()
    urls = {
        "FIRSTRY_MIGRATE_DATABASE_URL": deployment.database.owner_url,
        "FIRSTRY_ERASE_DATABASE_URL": cluster.url(role, deployment.database.name),
    }
    words = ("tenants", "erase", site.cloud_id, *WHY, "--yes", "--json")
    assert deployment.command(*words, **urls).code == 2
    assert deployment.command("db", "upgrade", **urls).code == 0
    assert deployment.command(*words, **urls).code == 0
    held = deployment.rows(
        "SELECT pg_has_role(%s, 'firstry_eraser', 'MEMBER') AS is_so", "firstry_service"
    )
    assert held == [{"is_so": False}]
