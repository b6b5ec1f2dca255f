"""T12, I9: the walls between tenants hold also where a statement forgets its tenant.

Each statement that names a tenant is run with that condition taken out, behind
the walls of one tenant of three. As the superuser, whom no wall holds, the same
text meets foreign rows: so it is the wall that keeps them away.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.rows import DictRow, dict_row

from firstry.domain.due import due_query
from firstry.domain.errors import Defect, StoreUnfit
from firstry.domain.record import Change
from firstry.stores.sql import insight_statement, statement
from firstry.stores.sql.postgres import array
from firstry.stores.sql.postgres import store as postgres_store
from firstry.stores.sql.postgres.migration import upgrade
from firstry.stores.sql.postgres.statement import BATCHED
from firstry.stores.sql.postgres.store import PostgresStore, in_dialect
from support.domain import DEFAULT, TENANT, at, complete, install, known, tenant, won
from support.postgres import Cluster
from support.postgres_binaries import available, available_majors
from support.postgres_service import ServiceDatabase, new_service_database

A, B, C = TENANT.cloud_id, tenant(1).cloud_id, tenant(2).cloud_id
WITHOUT_TENANT = {"schema_migration", "store_clock", "signing_key", "service_ledger"} | {
    "service_head",
    "api_token",
    "flag",
    "bulk_job",
    "bulk_target",
    "alert",
    "console_session",
    "console_form",
}
"""Tables of the service itself and of its operators. A new table stands here or has a wall."""

CONDITIONS = (
    r"(?<![a-z])(t\.)?cloud_id = :cloud_id",
    r"(?<![a-z])(t\.)?cloud_id = :tenant",
    r"(?<![a-z])(t\.)?cloud_id = ANY\((:cloud_ids|%\(cloud_ids\)b)\)",
    r"(?<![a-z])t\.cloud_id = v\.cloud_id",
)
NAMED = {n: s for n, s in vars(statement).items() if isinstance(s, str) and n.isupper()}
IN_BATCHES = {f"{n} in batches": BATCHED[s] for n, s in NAMED.items() if s in BATCHED}
SOURCES: Mapping[str, str] = {
    **NAMED,
    **{n: s for n, s in vars(insight_statement).items() if isinstance(s, str) and n.isupper()},
    **{n: batched.sql for n, batched in IN_BATCHES.items()},
    "lock": postgres_store._LOCK,
}


def _opened(text: str) -> str:
    """Return a statement without the condition on its tenant."""
    for condition in CONDITIONS:
        text = re.sub(condition, "true", text)
    return text


MUTANTS = {n: _opened(text) for n, text in SOURCES.items() if _opened(text) != text}
EXPECTED = {
    "READ_TENANT",
    "READ_TENANTS",
    "UPDATE_TENANT",
    "UPDATE_MILESTONE",
    "DELETE_TOKEN",
    "READ_TOKEN",
    "LIST_REPORTS",
    "LIST_ENTRIES",
    "UPDATE_TENANT in batches",
    "UPDATE_MILESTONE in batches",
    "lock",
}


@pytest.fixture(scope="module", params=available_majors())
def filled(request: pytest.FixtureRequest) -> ServiceDatabase:
    """Three tenants with the same history: a report, a claim, tokens, entries."""
    database = new_service_database(request.param)
    store = PostgresStore(database.url)
    everybody = (TENANT, tenant(1), tenant(2))
    for who in everybody:
        install(store, who)
        complete(store, at(12), who)
    for who in everybody:
        won(store, at(24), who)
    store.close()
    return database


@pytest.fixture(scope="module")
def app(filled: ServiceDatabase) -> str:
    """The URL of a role that is a member of firstry_app and of nothing else."""
    role = filled.cluster.new_role()
    filled.cluster.run(sql.SQL("GRANT firstry_app TO {}").format(sql.Identifier(role)))
    return filled.cluster.url(role, filled.name)


@contextmanager
def behind(url: str, *tenants: str) -> Iterator[psycopg.Connection[DictRow]]:
    """Lend a transaction that sees these tenants; what it changes is taken back."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute(f"SET firstry.tenants = ',{','.join(tenants)},'".encode())
        try:
            yield connection
        finally:
            connection.rollback()


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the statements take: a change that A's row, and B's and C's, would allow."""
    return {
        **row,
        "cloud_ids": [A],
        "tenant": A,
        "after": None,
        "limit": 1000,
        "sequence": 1000,
        "expected_sequence": row["head_sequence"],
        "head_sequence": row["head_sequence"] + 1,
        "expected_state": row["state"],
        "expected_fence": row["fence"],
        "fence": row["fence"] + 1,
        "starts": row["starts"] + 1,
        "kind": None,
        "actor": None,
    }


def _run(connection: psycopg.Connection[DictRow], name: str, row: Mapping[str, Any]) -> set[str]:
    """Run a mutant; return the tenants that it showed, or whose rows it changed."""
    values = _values(row) | ({"after": 0} if name == "LIST_ENTRIES" else {})
    if name in IN_BATCHES:
        array.register(connection.adapters)
        names = IN_BATCHES[name].names
        values = dict(IN_BATCHES[name].arrays([[values[each] for each in names]]))
    text = MUTANTS[name]
    is_write = not text.lstrip().startswith("SELECT")
    if is_write:
        text += " RETURNING " + ("t.cloud_id" if " t SET" in text else "cloud_id")
    elif "ciphertext" in text or ("sequence" in text.split("FROM")[0] and "t." not in text):
        text = text.replace("SELECT ", "SELECT cloud_id, ", 1)
    found = connection.execute(in_dialect(text).encode(), values).fetchall()
    return {each["cloud_id"] for each in found}


def _history(url: str) -> DictRow:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        row = connection.execute(
            "SELECT * FROM tenant t JOIN milestone m USING (cloud_id) "
            "WHERE cloud_id = %s AND m.state = 'claimed'",
            (A,),
        ).fetchone()
    assert row is not None
    return row


def test_every_table_of_tenants_has_its_wall(filled: ServiceDatabase) -> None:
    """Forced: it holds the owner of the tables too."""
    with psycopg.connect(filled.admin_url) as admin:
        tables = admin.execute(
            "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, "
            "  (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid), "
            "  EXISTS (SELECT 1 FROM pg_attribute a "
            "          WHERE a.attrelid = c.oid AND a.attname = 'cloud_id') "
            "FROM pg_class c "
            "WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        ).fetchall()
    walled = {name for name, *wall in tables if wall == [True, True, 1, True]}
    assert walled == {"tenant", "token", "milestone", "report", "marker", "ledger"}
    assert {name for name, *_ in tables} - walled == WITHOUT_TENANT


def test_every_statement_that_names_a_tenant_is_tried() -> None:
    assert MUTANTS.keys() >= EXPECTED


@pytest.mark.parametrize("name", MUTANTS)
def test_a_statement_without_its_tenant_meets_no_foreign_row(
    filled: ServiceDatabase, app: str, name: str
) -> None:
    row = _history(filled.admin_url)
    with behind(app, A) as walled:
        assert _run(walled, name, row) == {A}
    with behind(app, B, C) as walled:
        assert _run(walled, name, row) == {B, C}
    with behind(app) as walled:
        assert _run(walled, name, row) == set()
    with behind(filled.owner_url, A) as walled:
        assert _run(walled, name, row) == {A}
    with behind(filled.admin_url, A) as unwalled:
        assert _run(unwalled, name, row) == {A, B, C}


@pytest.mark.parametrize("table", ["tenant", "token", "milestone", "report", "marker", "ledger"])
def test_nothing_is_written_in_the_name_of_another_tenant(
    filled: ServiceDatabase, table: str
) -> None:
    """With every rule of the schema out of force, even the owner is held by the wall alone."""
    name = sql.Identifier(table)
    with behind(filled.owner_url, A) as walled:
        walled.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        columns = walled.execute(
            "SELECT column_name AS name FROM information_schema.columns WHERE table_name = %s "
            "AND is_generated = 'NEVER' AND column_name <> 'cloud_id'",
            (table,),
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(each["name"]) for each in columns)
        copied = sql.SQL("INSERT INTO {0} (cloud_id, {1}) SELECT {2}, {1} FROM {0}")
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            walled.execute(copied.format(name, names, sql.Literal("site-00009")))


def test_a_change_in_the_name_of_another_tenant_is_a_defect(filled: ServiceDatabase) -> None:
    """The store itself, misled: it holds A, and what was decided is B's record."""
    store = PostgresStore(filled.url)
    before = known(store, tenant(1))
    mistaken = Change(None, replace(before, paused_at=at(30)))
    with pytest.raises(Defect):
        store.transact(TENANT, at(30), lambda _: mistaken)
    assert known(store, tenant(1)) == before
    store.close()


def test_the_app_role_looks_at_named_tenants_only(filled: ServiceDatabase, app: str) -> None:
    """It may serve ticks and events; lists, and the search of a worker, are refused loudly."""
    store = PostgresStore(app)
    assert store.check() is not None
    assert known(store).tenant == TENANT
    assert install(store, tenant(7))
    assert store.token(TENANT) is not None
    for act in (
        lambda: store.tenants(None, 10),
        lambda: store.claimable(due_query(at(24), DEFAULT), 10),
        lambda: store.report("r"),
        lambda: store.reports(None, None, 10),
    ):
        with pytest.raises(StoreUnfit) as refused:
            act()
        assert "firstry_scheduler" in refused.value.remedy
    store.close()


def test_the_scope_alone_opens_nothing(app: str) -> None:
    """Nor do tables of the session's own, which take the names of ours."""
    with behind(app, A) as walled:
        walled.execute("SET firstry.scope = 'all'")
        assert _seen(walled) == {A}
        walled.execute("CREATE TEMP TABLE tenant (cloud_id TEXT)")
        walled.execute("SET search_path = pg_temp, public")
        assert _seen(walled) == {A}


def _seen(walled: psycopg.Connection[DictRow]) -> set[str]:
    found = walled.execute("SELECT cloud_id FROM public.milestone").fetchall()
    return {each["cloud_id"] for each in found}


def test_tables_of_the_session_mislead_no_rule(filled: ServiceDatabase) -> None:
    """I2: a marker in a temporary table is no marker."""
    with behind(filled.url, A) as walled:
        walled.execute("CREATE TEMP TABLE marker AS SELECT * FROM public.marker")
        walled.execute("UPDATE marker SET trigger_name = 'AUTO_24H'")
        walled.execute("SET search_path = pg_temp, public")
        with pytest.raises(errors.IntegrityConstraintViolation, match="needs its claim, report"):
            walled.execute(
                "UPDATE milestone SET state = 'completed', lease_until = NULL "
                "WHERE trigger_name = 'AUTO_24H'"
            )


@pytest.mark.parametrize("major", available_majors())
def test_one_role_for_all_is_walled_too(major: int) -> None:
    """Where no roles may be made, the owner is the service, and sees all by its scope only."""
    alone = Cluster(available()[major], durable=False)
    alone.start()
    try:
        with alone.database() as database:
            upgrade(database.url)
            with alone.connect() as admin:
                made = admin.execute(
                    "SELECT rolname FROM pg_roles WHERE rolname LIKE 'firstry\\_app%'"
                )
                assert made.fetchall() == []
            store = PostgresStore(database.url)
            for who in (TENANT, tenant(1)):
                install(store, who)
                complete(store, at(12), who)
            assert len(store.tenants(None, 10)) == 2
            store.close()
            with behind(database.url) as owner:
                assert _seen(owner) == set()
            with behind(database.url, A) as owner:
                assert _seen(owner) == {A}
                owner.execute("SET firstry.scope = 'all'")
                assert _seen(owner) == {A, B}
    finally:
        alone.remove()


def test_a_token_is_not_left_for_others(filled: ServiceDatabase, app: str) -> None:
    """What one transaction may see ends with it: the connection is used for others after it."""
    store = PostgresStore(app)
    install(store, tenant(8), token_until=at(90))
    assert store.token(tenant(8)) is not None
    with store.database._pool.connection() as connection:  # type: ignore[attr-defined]
        assert connection.execute("SELECT 1 FROM tenant").fetchall() == []
    store.close()
