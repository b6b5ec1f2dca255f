"""The schema's own rules on PostgreSQL: each message of a trigger, each constraint, in plain SQL.

The twin of tests/conformance/test_sqlite_rule.py. A statement stands for each
message. The service's role is refused, by the trigger or because it lacks the
right; the owner of the tables is refused by that message; and with triggers out
of force the statement goes through, so nothing else stood in its way. A message
without a statement fails the suite.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors

from firstry.domain.public_key import PublicKey
from firstry.stores.sql.postgres.store import PostgresStore
from support.domain import TENANT, at, claim_at, complete, install, tenant, won
from support.postgres_service import ServiceDatabase, new_service_database

DONE = f"cloud_id = '{TENANT.cloud_id}' AND trigger_name = 'AUTO_12H'"
HELD = f"cloud_id = '{TENANT.cloud_id}' AND trigger_name = 'AUTO_24H'"
MISSED = f"cloud_id = '{tenant(1).cloud_id}' AND trigger_name = 'AUTO_12H'"
WAITING = f"cloud_id = '{tenant(2).cloud_id}' AND trigger_name = 'AUTO_12H'"
FRESH = """INSERT INTO milestone (cloud_id, trigger_name, revision, state, installed_at, due_at,
    next_due, attempts, starts, fence, lease_until, deferrals)
VALUES ('site-00002', 'AUTO_12H', 2, {values}, 0)"""
REPORT = """INSERT INTO report (report_id, cloud_id, trigger_name, revision, generated_at, digest,
    body, envelope) VALUES ('{name}', '{tenant}', '{trigger}', 1, 0, 'd', '\\x00', '\\x01')"""
MARKER = """INSERT INTO marker (cloud_id, trigger_name, revision, completed_at, report_id, digest)
    SELECT {values} FROM report"""
ENTRY = "INSERT INTO ledger (cloud_id, sequence, body, hash) VALUES ('{}', {}, '{{}}', 'sha256:0')"
SAID = "INSERT INTO service_ledger (sequence, body, hash) VALUES ({}, '{{}}', 'sha256:0')"
BARE_TENANT = """INSERT INTO tenant (cloud_id, installed_at, source, head_sequence, head_hash)
    VALUES ('{}', 0, '{}', 0, 'sha256:0')"""
OPERATORS = (
    SAID.format(1),
    "INSERT INTO api_token VALUES ('t1', 'd1', 'a', 'viewer', 0, NULL, 5, NULL)",
    "INSERT INTO bulk_job VALUES ('j1', 'retry', '', 'r', 'a', NULL, 1, 0, NULL, NULL, NULL)",
    "INSERT INTO bulk_target VALUES ('j1', 'site-00001', '', 'done', NULL, NULL)",
    "INSERT INTO console_session VALUES ('d1', 'n', 'viewer', NULL, 0, 0, 9)",
)
EVERYBODY = f",{TENANT.cloud_id},site-00001,site-00002,site-00003,site-00098,site-00099,"
SEES_EVERYBODY = f"SET firstry.tenants = '{EVERYBODY}'"
SEES_ALL = "SET firstry.scope = 'all'"
UNRULED = "SET session_replication_role = replica"
REFUSALS = (errors.IntegrityError, errors.InsufficientPrivilege)

STATEMENTS: dict[str, tuple[str, ...]] = {
    "a report is written once": (
        f"UPDATE report SET body = '\\x00' WHERE {DONE}",
        f"UPDATE report SET digest = 'sha256:0' WHERE {DONE}",
        f"UPDATE report SET generated_at = generated_at WHERE {DONE}",
        f"UPDATE report SET body = '', envelope = 'erased', erased_at = 5 WHERE {DONE}",
        "DELETE FROM report",
        "TRUNCATE report CASCADE",
    ),
    "a report is of a claimed milestone": (
        REPORT.format(name="r1", tenant="site-00002", trigger="AUTO_12H"),
        REPORT.format(name="r1", tenant="site-00001", trigger="AUTO_12H"),
        REPORT.format(name="r1", tenant=TENANT.cloud_id, trigger="AUTO_99H"),
        REPORT.format(name="r1", tenant="site-00099", trigger="AUTO_12H"),
    ),
    "a completion marker is written once": (
        f"UPDATE marker SET completed_at = 0 WHERE {DONE}",
        f"UPDATE marker SET digest = 'sha256:0' WHERE {DONE}",
        f"DELETE FROM marker WHERE {DONE}",
        "TRUNCATE marker",
    ),
    "a completion marker needs its report": (
        MARKER.format(values="cloud_id, 'AUTO_24H', 1, 0, report_id, digest"),
        MARKER.format(values="cloud_id, trigger_name, 2, 0, report_id, digest"),
        MARKER.format(values="cloud_id, trigger_name, 9, 0, report_id, digest"),
        MARKER.format(values="'site-00002', trigger_name, revision, 0, report_id, digest"),
        MARKER.format(values="cloud_id, 'AUTO_24H', revision, 0, report_id, 'sha256:0'"),
    ),
    "a public key is written once": (
        "UPDATE signing_key SET first_used_at = 0",
        "DELETE FROM signing_key",
        "TRUNCATE signing_key",
    ),
    "a ledger entry is written once": (
        "UPDATE ledger SET body = '{}' WHERE sequence = 2",
        "UPDATE ledger SET hash = 'sha256:0'",
        (
            "UPDATE ledger SET erased_hash = firstry_digest(body), body = "
            "firstry_erased_body(entry_at, entry_kind, entry_actor, entry_trigger) "
            "WHERE sequence = 1"
        ),
        "DELETE FROM ledger WHERE sequence = 1",
        "TRUNCATE ledger",
        "UPDATE service_ledger SET body = '{}'",
        "DELETE FROM service_ledger",
    ),
    "a ledger has no gap": (
        ENTRY.format("site-00002", 3),
        ENTRY.format("site-00002", 99),
        ENTRY.format("site-00099", 1),
        SAID.format(3),
    ),
    "a ledger head is its last entry": (
        "UPDATE service_head SET sequence = 2",
        "DELETE FROM service_head",
    ),
    "a milestone is never deleted": (
        f"DELETE FROM milestone WHERE {WAITING}",
        "TRUNCATE milestone CASCADE",
    ),
    "a milestone starts scheduled": (
        FRESH.format(values="'claimed', 0, 0, 0, 1, 1, 1, 5"),
        FRESH.format(values="'completed', 0, 0, 0, 0, 0, 0, NULL"),
        FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 3, NULL"),
        FRESH.format(values="'scheduled', 0, 0, 0, 0, 3, 0, NULL"),
    ),
    "a milestone keeps its name": (
        f"UPDATE milestone SET revision = 7 WHERE {HELD}",
        f"UPDATE milestone SET trigger_name = 'AUTO_48H' WHERE {WAITING}",
        f"UPDATE milestone SET cloud_id = 'site-00003' WHERE {WAITING}",
    ),
    "a finished milestone never changes": (
        f"UPDATE milestone SET state = 'scheduled' WHERE {DONE}",
        f"UPDATE milestone SET next_due = 0 WHERE {DONE}",
        f"UPDATE milestone SET state = 'scheduled' WHERE {MISSED}",
        f"UPDATE milestone SET error_code = 'X' WHERE {MISSED}",
        f"UPDATE milestone SET error_message = NULL WHERE {DONE}",
    ),
    "a due time never moves": (
        f"UPDATE milestone SET due_at = due_at - 1 WHERE {WAITING}",
        f"UPDATE milestone SET installed_at = installed_at + 1 WHERE {WAITING}",
    ),
    "fence and starts never fall": (
        f"UPDATE milestone SET state = 'scheduled', lease_until = NULL, fence = 0 WHERE {HELD}",
        f"""UPDATE milestone SET state = 'scheduled', lease_until = NULL, starts = 0, attempts = 0
            WHERE {HELD}""",
    ),
    "every claim raises the fence and counts a start": (
        f"UPDATE milestone SET lease_until = lease_until + 1 WHERE {HELD}",
        f"UPDATE milestone SET fence = fence + 1 WHERE {HELD}",
        f"UPDATE milestone SET starts = starts + 1 WHERE {HELD}",
        f"UPDATE milestone SET state = 'claimed', lease_until = 5 WHERE {WAITING}",
    ),
    "only the claim in force is settled": (
        f"""UPDATE milestone SET state = 'scheduled', lease_until = NULL,
            settled_fence = fence + 1 WHERE {HELD}""",
        f"UPDATE milestone SET settled_fence = fence WHERE {WAITING}",
    ),
    "completed needs its claim, report and marker": (
        f"UPDATE milestone SET state = 'completed', lease_until = NULL WHERE {HELD}",
        f"UPDATE milestone SET state = 'completed' WHERE {WAITING}",
    ),
    "an import ends no milestone that is open here": (
        REPORT.format(name="r1", tenant=TENANT.cloud_id, trigger="AUTO_24H")
        + f"""; INSERT INTO marker (cloud_id, trigger_name, revision, completed_at, report_id,
            digest) VALUES ('{TENANT.cloud_id}', 'AUTO_24H', 1, 0, 'r1', 'd');
            UPDATE milestone SET state = 'completed', lease_until = NULL, imported_at = 5
            WHERE {HELD}""",
    ),
    "a tenant is never deleted": (
        "DELETE FROM tenant WHERE cloud_id = 'site-00003'",
        "TRUNCATE tenant CASCADE",
    ),
    "a tenant keeps its name": (
        "UPDATE tenant SET cloud_id = 'site-00098' WHERE cloud_id = 'site-00003'",
    ),
    "the first installation evidence stays": (
        "UPDATE tenant SET installed_at = installed_at + 1",
        "UPDATE tenant SET source = 'OPERATOR' WHERE cloud_id = 'site-00001'",
    ),
    "a ledger head never falls": (
        "UPDATE tenant SET head_sequence = head_sequence - 1",
        "UPDATE tenant SET head_hash = 'sha256:1'",
    ),
    "an erasure is told by the last ledger entry": (
        "UPDATE tenant SET erased_at = 5, erased_sequence = head_sequence",
        "UPDATE tenant SET erased_at = 5",
        "UPDATE tenant SET erased_sequence = 1",
    ),
    "a token keeps its name, role and end": (
        "UPDATE api_token SET role = 'admin'",
        "UPDATE api_token SET digest = 'd2'",
        "UPDATE api_token SET expires_at = 9",
    ),
    "a revoked token stays revoked": ("UPDATE api_token SET revoked_at = NULL",),
    "a session keeps its name, role and end": ("UPDATE console_session SET role = 'admin'",),
    "a target is settled once": ("UPDATE bulk_target SET outcome = NULL",),
}
CASES = [(message, sql) for message, statements in STATEMENTS.items() for sql in statements]

CONSTRAINTS = (
    "INSERT INTO store_clock VALUES (2, 'other', 0)",
    "UPDATE store_clock SET only_row = 2",
    BARE_TENANT.format("", "X"),
    BARE_TENANT.format("x" * 129, "X"),
    BARE_TENANT.format("site-00003", "X"),
    "UPDATE tenant SET installed_at = NULL",
    "INSERT INTO token VALUES ('site-00099', '\\x00', 'k1', 0)",
    ENTRY.format("site-00002", 1),
    ENTRY.format("site-00003", 0),
    f"UPDATE milestone SET state = 'done' WHERE {WAITING}",
    f"UPDATE milestone SET state = 'scheduled' WHERE {HELD}",
    f"UPDATE milestone SET lease_until = 5 WHERE {WAITING}",
    f"UPDATE milestone SET attempts = 1 WHERE {WAITING}",
    f"UPDATE milestone SET attempts = -1 WHERE {WAITING}",
    f"UPDATE milestone SET imported_at = 5 WHERE {WAITING}",
    FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 0, NULL").replace("site-00002", "site-00099"),
    FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 0, NULL").replace("2,", "0,", 1),
    FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 0, NULL").replace("2,", "1,", 1),
    REPORT.format(name="r", tenant=TENANT.cloud_id, trigger="AUTO_12H"),
    REPORT.format(name="r", tenant=TENANT.cloud_id, trigger="AUTO_24H").replace("'\\x01'", "''"),
    MARKER.format(values="cloud_id, trigger_name, revision, 0, report_id, digest"),
)


TRICKS = {
    "one good row beside a bad one": f"""UPDATE milestone SET next_due = next_due + 1,
        fence = CASE WHEN {HELD} THEN fence - 1 ELSE fence END
        WHERE ({HELD}) OR ({WAITING})""",
    "every revision moves up by one": """UPDATE milestone SET revision = revision + 1
        WHERE state IN ('scheduled', 'claimed')""",
    "two rows change places": f"""UPDATE milestone SET trigger_name =
        CASE trigger_name WHEN 'AUTO_12H' THEN 'AUTO_24H' ELSE 'AUTO_12H' END
        WHERE cloud_id = '{tenant(2).cloud_id}'""",
    "an insert that becomes an update": FRESH.format(values="'scheduled', 0, 0, 0, 0, 0, 0, NULL")
    .replace("site-00002", TENANT.cloud_id)
    .replace("2,", "1,", 1)
    + " ON CONFLICT (cloud_id, trigger_name, revision) DO UPDATE SET state = 'scheduled'",
    "a report that becomes an update": REPORT.format(
        name="r1", tenant=TENANT.cloud_id, trigger="AUTO_12H"
    )
    + " ON CONFLICT (cloud_id, trigger_name, revision) DO UPDATE SET body = ''",
    "a report for the claim that ends with it": f"""WITH ended AS (UPDATE milestone
        SET state = 'scheduled', lease_until = NULL WHERE {HELD} RETURNING 1) """
    + REPORT.format(name="r1", tenant=TENANT.cloud_id, trigger="AUTO_24H"),
    "a marker before its report": f"""WITH done AS (UPDATE milestone
        SET state = 'completed', lease_until = NULL WHERE {HELD} RETURNING 1)
        INSERT INTO marker (cloud_id, trigger_name, revision, completed_at, report_id, digest)
        VALUES ('{TENANT.cloud_id}', 'AUTO_24H', 1, 0, 'none', 'd')""",
    "two entries, of which one is missing": """INSERT INTO ledger (cloud_id, sequence, body, hash)
        SELECT 'site-00002', s, '{}', 'sha256:0' FROM (VALUES (2), (4)) AS v(s)""",
    "a tenant that takes another's name": """UPDATE tenant SET cloud_id = CASE cloud_id
        WHEN 'site-00002' THEN 'site-00098' ELSE 'site-00002' END
        WHERE cloud_id IN ('site-00002', 'site-00003')""",
}


@pytest.fixture(scope="module")
def filled() -> ServiceDatabase:
    """Finished, held, missed and waiting milestones, and a row behind every other rule."""
    database = new_service_database()
    store = PostgresStore(database.url)
    for who in (TENANT, tenant(1), tenant(2)):
        install(store, who)
    store.remember(PublicKey("k1", bytes(32), at(0)))
    complete(store, at(12))
    won(store, at(24))
    claim_at(store, at(24), tenant(1))
    store.close()
    with psycopg.connect(database.admin_url) as admin:
        for sql in (BARE_TENANT.format("site-00003", "X"), *OPERATORS):
            admin.execute(sql.encode())
    return database


@contextmanager
def session(url: str, settings: str) -> Iterator[psycopg.Connection]:
    """Lend a session whose changes are taken back."""
    with psycopg.connect(url) as connection:
        connection.execute(settings.encode())
        try:
            yield connection
        finally:
            connection.rollback()


def test_every_rule_has_its_statement(filled: ServiceDatabase) -> None:
    with psycopg.connect(filled.admin_url) as admin:
        sources = admin.execute(
            "SELECT p.prosrc || pg_get_triggerdef(t.oid) FROM pg_trigger t "
            "JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal"
        ).fetchall()
    found: set[str] = set()
    for (text,) in sources:
        found |= set(re.findall(r"(?:RAISE EXCEPTION|THEN) '([^%']+)'", text))
        found |= set(re.findall(r"firstry_refuse\('([^']+)'\)", text))
    assert found == STATEMENTS.keys()


@pytest.mark.parametrize(("message", "sql"), CASES)
def test_a_rule_refuses(filled: ServiceDatabase, message: str, sql: str) -> None:
    """P1, P11, P18, P34, I1 to I5, I15: a faulty worker is refused by the database itself."""
    with session(filled.url, SEES_EVERYBODY) as service, pytest.raises(REFUSALS):
        service.execute(sql.encode())
    told = pytest.raises(errors.IntegrityConstraintViolation, match=re.escape(message))
    with session(filled.owner_url, SEES_ALL) as owner, told:
        owner.execute(sql.encode())
    with session(filled.admin_url, UNRULED) as unruled:
        done = unruled.execute(sql.encode())
        assert done.rowcount > 0 or sql.startswith("TRUNCATE")


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_refused(filled: ServiceDatabase, trick: str) -> None:
    """Rules that look at all rows of a statement at once let no single one slip through."""
    for url, settings in ((filled.url, SEES_EVERYBODY), (filled.owner_url, SEES_ALL)):
        with session(url, settings) as writer, pytest.raises(REFUSALS):
            writer.execute(TRICKS[trick].encode())


@pytest.mark.parametrize("sql", CONSTRAINTS)
def test_a_constraint_refuses(filled: ServiceDatabase, sql: str) -> None:
    """I2, I6, I9: also without any trigger."""
    with session(filled.owner_url, SEES_ALL) as owner:
        for (table,) in owner.execute(
            "SELECT oid::regclass::text FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        ).fetchall():
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        with pytest.raises(errors.IntegrityError) as refused:
            owner.execute(sql.encode())
        assert refused.value.diag.constraint_name or refused.value.diag.column_name


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE milestone DISABLE TRIGGER ALL",
        "DROP TRIGGER milestone_steps ON milestone",
        "ALTER TABLE tenant DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_wall ON tenant",
        "ALTER FUNCTION firstry_sees_all() COST 5",
        "SET session_replication_role = replica",
        "CREATE TABLE more (one INT)",
        "DROP TABLE marker",
        "SET ROLE firstry_migrator",
        "UPDATE schema_migration SET digest = ''",
        "INSERT INTO schema_migration VALUES (99, 'x', '')",
        "DELETE FROM store_clock",
        "DELETE FROM flag",
        "DELETE FROM api_token",
        "TRUNCATE service_ledger",
        "TRUNCATE token",
    ],
)
def test_the_service_has_no_right_to_undo_a_rule(filled: ServiceDatabase, sql: str) -> None:
    refusals = (errors.InsufficientPrivilege, errors.InvalidGrantor)
    with session(filled.url, SEES_EVERYBODY) as service, pytest.raises(refusals):
        service.execute(sql.encode())
