"""The schema on PostgreSQL: made once, by whoever may, known exactly, and never guessed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from firstry.domain.errors import FirstryError, StoreUnavailable, StoreUnfit
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.migration import Engine, migrations
from firstry.stores.sql.postgres import migration
from firstry.stores.sql.postgres.migration import refuse_old_server, upgrade
from firstry.stores.sql.postgres.store import PostgresStore
from postgres.deployment import Deployment
from support.backing import SOURCE, TESTS
from support.domain import TENANT, install, known
from support.postgres import Database
from support.postgres_fixture import shared_cluster
from support.postgres_service import MIGRATOR, ServiceDatabase, new_service_database
from support.wire import until

STEPS = migrations(Engine.POSTGRES)
NAMES = [step.name for step in STEPS]
NEWER = "INSERT INTO schema_migration VALUES (99, '0099_to_come', 'sha256:0')"
EDITED = "UPDATE schema_migration SET digest = 'sha256:0' WHERE version = 1"
OBJECTS = """
SELECT 'table' AS kind, c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS rls
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'function', p.oid::regprocedure::text, md5(p.prosrc) = ''
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', t.tgname, t.tgenabled = 'O' FROM pg_trigger t WHERE NOT t.tgisinternal
ORDER BY 1, 2
"""


@pytest.fixture
def empty() -> Iterator[Database]:
    """A database without a table, whose owner may neither make roles nor pass walls."""
    with shared_cluster().database() as database:
        yield database


def objects(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(OBJECTS).fetchall()


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def at_head(url: str) -> bool:
    store = PostgresStore(url)
    try:
        store.check()
    except FirstryError:
        return False
    finally:
        store.close()
    return True


def first_step_alone(url: str) -> None:
    """Make the schema that the first version of firstry had."""
    run(
        url,
        "CREATE TABLE schema_migration (version BIGINT PRIMARY KEY, name TEXT, digest TEXT)",
        STEPS[0].sql,
        f"INSERT INTO schema_migration VALUES (1, '{STEPS[0].name}', '{STEPS[0].digest}')",
    )


def test_both_engines_have_the_same_steps() -> None:
    """P34: a step is one change of the contract with the store, said twice."""
    sqlite = [(step.version, step.name) for step in migrations(Engine.SQLITE)]
    assert sqlite == [(step.version, step.name) for step in STEPS]
    assert [version for version, _ in sqlite] == list(range(1, len(NAMES) + 1))


def test_an_upgrade_makes_the_schema_once(database: ServiceDatabase) -> None:
    """On every major version here; a repeated one changes nothing and locks nothing."""
    before = objects(database.admin_url)
    store = PostgresStore(database.url)
    install(store)
    held = known(store)
    with psycopg.connect(database.admin_url) as reader:
        reader.execute("SELECT 1 FROM tenant, milestone")
        assert upgrade(database.owner_url) == []
    assert (objects(database.admin_url), known(store)) == (before, held)
    store.close()


def test_a_fresh_schema_equals_the_one_that_was_upgraded(empty: Database) -> None:
    first_step_alone(empty.url)
    assert upgrade(empty.url) == NAMES[1:]
    fresh = new_service_database()
    assert objects(empty.admin_url) == objects(fresh.admin_url)


def test_walls_that_were_taken_down_are_built_again(empty: Database) -> None:
    upgrade(empty.url)
    before = objects(empty.admin_url)
    run(empty.url, "ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY")
    run(empty.url, "COMMENT ON FUNCTION firstry_sees_all() IS 'of an older version'")
    assert upgrade(empty.url) == []
    assert objects(empty.admin_url) == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (NEWER, "newer"),
        (EDITED, "another version of that step"),
        ("DELETE FROM schema_migration WHERE version > 1", "older"),
        ("DROP TABLE schema_migration", "older"),
    ],
)
def test_another_schema_is_unfit(empty: Database, statement: str, said: str) -> None:
    upgrade(empty.url)
    run(empty.url, statement)
    store = PostgresStore(empty.url)
    with pytest.raises(StoreUnfit, match=said) as refused:
        store.check()
    assert refused.value.remedy
    store.close()


@pytest.mark.parametrize("statement", [NEWER, EDITED])
def test_a_schema_that_is_not_ours_is_not_upgraded(empty: Database, statement: str) -> None:
    upgrade(empty.url)
    run(empty.url, statement)
    before = objects(empty.admin_url)
    with pytest.raises(StoreUnfit):
        upgrade(empty.url)
    assert objects(empty.admin_url) == before


def test_an_empty_database_is_unfit_until_it_is_upgraded(empty: Database) -> None:
    store = PostgresStore(empty.url)
    for act in (store.check, lambda: store.read(TENANT)):
        with pytest.raises(StoreUnfit) as refused:
            act()
        assert "firstry db upgrade" in refused.value.remedy
    assert upgrade(empty.url) == NAMES
    assert store.check() is None
    store.close()


def test_a_role_without_the_right_is_told_which_one_to_use(empty: Database) -> None:
    run(empty.admin_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    stranger = shared_cluster().new_role()
    with pytest.raises(StoreUnfit) as refused:
        upgrade(shared_cluster().url(stranger, empty.name))
    assert stranger in refused.value.message
    assert "FIRSTRY_MIGRATE_DATABASE_URL" in refused.value.remedy
    shared_cluster().run(sql.SQL("DROP ROLE {}").format(sql.Identifier(stranger)))


def test_a_service_that_runs_goes_on_over_a_newer_schema(deployment: Deployment) -> None:
    """Old and new processes side by side: it serves, says so, and does not start again."""
    serving = deployment.serve()
    assert deployment.ready(serving).status == 200
    site = deployment.due_site()
    run(deployment.database.owner_url, NEWER)
    assert deployment.reason(serving, site) == "GENERATED"
    ready = deployment.ready(serving)
    assert ready.status == 503
    assert "newer" in ready.json()["checks"]["schema"]
    refused = deployment.command("serve", FIRSTRY_PORT="0")
    assert refused.code == 2, refused
    assert "newer" in refused.err
    run(deployment.database.owner_url, "DELETE FROM schema_migration WHERE version = 99")


@pytest.mark.parametrize("command", [("serve",), ("db", "check"), ("tenants", "list")])
def test_a_service_on_an_old_schema_names_the_command(
    deployment: Deployment, command: tuple[str, ...]
) -> None:
    """It starts with exit 2, and never upgrades by itself."""
    run(deployment.database.owner_url, "DELETE FROM schema_migration WHERE version > 1")
    before = objects(deployment.database.admin_url)
    refused = deployment.command(*command, FIRSTRY_PORT="0")
    assert refused.code == 2, refused
    assert "firstry db upgrade" in refused.err
    assert objects(deployment.database.admin_url) == before
    for step in STEPS[1:]:
        row = f"({step.version}, '{step.name}', '{step.digest}')"
        run(deployment.database.owner_url, f"INSERT INTO schema_migration VALUES {row}")


def test_the_command_upgrades_as_the_migrator_and_admits_the_service(
    empty: Database, tmp_path: Path, keys: KeyRing
) -> None:
    cluster = shared_cluster()
    new_service_database()  # makes the roles
    cluster.run(
        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
            sql.Identifier(empty.name), sql.Identifier(MIGRATOR)
        )
    )
    database = ServiceDatabase(empty.name, cluster)
    service = cluster.new_role()
    urls = {
        "DATABASE_URL": cluster.url(service, empty.name),
        "MIGRATE_DATABASE_URL": database.owner_url,
    }
    with Deployment(tmp_path, keys, database, **urls) as deployment:
        first = deployment.command("db", "upgrade", "--json")
        assert first.json() == {"applied": NAMES}
        assert deployment.command("db", "upgrade").out == "the schema is up to date\n"
        serving = deployment.serve()
        assert deployment.reason(serving, deployment.due_site()) == "GENERATED"
        serving.stop()
        assert deployment.breaches() == []


@pytest.mark.parametrize("turn", range(3))
def test_of_four_that_upgrade_at_once_one_does_it(empty: Database, turn: int) -> None:
    """The others wait for it, and find the work done."""
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda _: upgrade(empty.url), range(4)))
    assert sorted(told) == [[], [], [], NAMES]
    assert at_head(empty.url)


def test_an_upgrade_gives_up_at_a_lock_and_can_be_repeated(empty: Database) -> None:
    """A transaction of a running service uses a table; nobody queues behind us for long."""
    first_step_alone(empty.url)
    before = objects(empty.admin_url)
    with psycopg.connect(empty.url) as service:
        service.execute("SELECT count(*) FROM milestone")
        with pytest.raises(StoreUnavailable) as refused:
            upgrade(empty.url)
        assert "55P03" in refused.value.message
        assert objects(empty.admin_url) == before
    assert upgrade(empty.url) == NAMES[1:]
    assert at_head(empty.url)


def test_an_upgrade_waits_for_another_one_and_not_for_ever(empty: Database) -> None:
    """Longer than for a table: what the other one does may take minutes."""
    with psycopg.connect(empty.url) as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (migration._LOCK_KEY,))
        waiting = threads.submit(upgrade, empty.url)
        wait = until()
        while not _waits(empty):
            wait.more("the upgrade to wait for the other one")
        assert not waiting.done()
        other.rollback()
        assert waiting.result(30) == NAMES


def _waits(empty: Database) -> bool:
    with psycopg.connect(empty.admin_url) as admin:
        found = admin.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = %s",
            (empty.name,),
        )
        return found.fetchone() is not None


@pytest.mark.timeout(120)
def test_an_upgrade_that_is_killed_leaves_the_old_schema_or_the_new_one() -> None:
    """Killed before each statement in turn; what is left can go on."""
    left = []
    for statement in count(1):
        with shared_cluster().database() as empty:
            first_step_alone(empty.url)
            old = objects(empty.admin_url)
            ended = _killed(empty.url, statement)
            if ended.returncode == 0:
                assert ended.stdout.split() == NAMES[1:]
                break
            assert ended.returncode == -signal.SIGKILL, ended.stderr
            left.append(objects(empty.admin_url) == old)
            assert upgrade(empty.url) == NAMES[1:]
            assert at_head(empty.url)
    assert len(left) > 8
    assert all(left)


def _killed(url: str, statement: int) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(SOURCE), str(TESTS)))
    return subprocess.run(
        [sys.executable, "-m", "postgres.killed_upgrade", url, str(statement)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_server_that_is_too_old_is_refused() -> None:
    """No older server is to be had, so the number that it would say is judged."""
    for version in (90_624, 140_013, 149_999):
        with pytest.raises(StoreUnfit) as refused:
            refuse_old_server(version)
        assert f"PostgreSQL {version // 10_000}" in refused.value.message
        assert "15 or newer" in refused.value.remedy
    for version in (150_000, 180_004):
        refuse_old_server(version)
