"""A backup by pg_dump, and what is repeated after it was restored."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from postgres.deployment import Deployment
from support.postgres_binaries import newest
from support.postgres_service import MIGRATOR, ServiceDatabase
from support.process import Serving

RESTORED_TABLES = ("tenant", "token", "milestone", "report", "marker", "ledger")


def _run(program: str, *arguments: str, options: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [newest().folder / program, *arguments],
        env=os.environ | {"PGOPTIONS": options},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _restored(database: ServiceDatabase, file: Path) -> ServiceDatabase:
    """Return a new database with what stands in the file."""
    new = ServiceDatabase(f"{database.name}_restored", database.cluster)
    owner = sql.Identifier(MIGRATOR)
    database.cluster.run(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 OWNER {}").format(
            sql.Identifier(new.name), owner
        )
    )
    done = _run("pg_restore", "--exit-on-error", f"--dbname={new.admin_url}", str(file))
    assert done.returncode == 0, done.stderr
    return new


def _on(deployment: Deployment, database: ServiceDatabase) -> Serving:
    """Start a service on a restored database."""
    deployment.database = database
    deployment.environ["FIRSTRY_DATABASE_URL"] = database.url
    return deployment.serve()


def _count(url: str, table: str, options: str = "") -> int:
    with psycopg.connect(url, options=options) as connection:
        counted = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        row = connection.execute(counted).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.timeout(120)
def test_a_restored_database_goes_on_and_repeats_only_what_it_lacks(
    deployment: Deployment, tmp_path: Path
) -> None:
    """The later report is made again with the same id; nothing tells, but what was handed out."""
    serving = deployment.serve()
    early, late = deployment.due_site("early"), deployment.due_site("late")
    assert deployment.reason(serving, early) == "GENERATED"
    file = tmp_path / "backup"
    made = _run("pg_dump", "--format=custom", f"--file={file}", deployment.database.admin_url)
    assert made.returncode == 0, made.stderr
    assert deployment.reason(serving, late) == "GENERATED"
    before = _reports(deployment)
    serving.stop()
    serving = _on(deployment, _restored(deployment.database, file))
    check = deployment.command("db", "check")
    assert check.code == 0, check
    assert deployment.reason(serving, early) == "DONE_KEY_EXISTS"
    assert deployment.reason(serving, late) == "GENERATED"
    after = _reports(deployment)
    assert after.keys() == before.keys()
    differing = [key for key in after if after[key] != before[key]]
    assert [cloud_id for cloud_id, _ in differing] == [late.cloud_id]
    assert deployment.command("doctor").code == 0
    for site in (early, late):
        assert deployment.command("evidence", "verify", site.cloud_id).code == 0


def _reports(deployment: Deployment) -> dict[tuple[str, str], str]:
    found = deployment.rows("SELECT cloud_id, report_id, digest FROM report")
    return {(row["cloud_id"], row["report_id"]): row["digest"] for row in found}


def test_a_restored_database_has_its_walls_and_rules(
    deployment: Deployment, tmp_path: Path
) -> None:
    serving = deployment.serve()
    assert deployment.reason(serving, deployment.due_site()) == "GENERATED"
    serving.stop()
    file = tmp_path / "backup"
    _run("pg_dump", "--format=custom", f"--file={file}", deployment.database.admin_url)
    new = _restored(deployment.database, file)
    objects = """
        SELECT relname::text, relrowsecurity, relforcerowsecurity, relacl::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT tgname, tgenabled = 'O', true, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal
        UNION ALL SELECT proname, true, true, prosrc || proconfig::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 4
    """
    kept = deployment.rows(objects)
    deployment.database = new
    assert deployment.rows(objects) == kept
    upgraded = deployment.command(
        "db", "upgrade", FIRSTRY_DATABASE_URL=new.url, FIRSTRY_MIGRATE_DATABASE_URL=new.owner_url
    )
    assert upgraded.out == "the schema is up to date\n"


def test_the_owner_is_told_that_a_plain_dump_would_be_empty(
    deployment: Deployment, tmp_path: Path
) -> None:
    """The walls hold the owner too. With the scope of all tenants it may dump everything."""
    serving = deployment.serve()
    assert deployment.reason(serving, deployment.due_site()) == "GENERATED"
    serving.stop()
    database, file = deployment.database, tmp_path / "backup"
    arguments = ("--format=custom", f"--file={file}", database.owner_url)
    refused = _run("pg_dump", *arguments)
    assert refused.returncode != 0
    assert "row-level security" in refused.stderr
    scope = "-c firstry.scope=all"
    made = _run("pg_dump", "--enable-row-security", *arguments, options=scope)
    assert made.returncode == 0, made.stderr
    new = _restored(database, file)
    for table in RESTORED_TABLES:
        counted = _count(database.admin_url, table)
        assert counted > 0
        assert _count(new.admin_url, table) == counted
