"""The tests' own PostgreSQL: it runs as nobody special, keeps what it must, and leaves nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from support.postgres import Cluster
from support.postgres_binaries import account, available, available_majors, newest
from support.postgres_fixture import shared_cluster
from support.wire import until

TESTS = Path(__file__).resolve().parent.parent
_LEFT_BEHIND = """
import os, signal
from support.postgres import Cluster
from support.postgres_binaries import newest
cluster = Cluster(newest(), durable=False)
cluster.start()
print(cluster.folder, cluster.url(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def durable() -> Iterator[Cluster]:
    """A server of the test's own, which writes through to the disk."""
    cluster = Cluster(newest())
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.mark.parametrize("major", available_majors())
def test_each_major_serves_and_says_its_version(major: int) -> None:
    with shared_cluster(major).database() as database, psycopg.connect(database.url) as connection:
        assert connection.info.server_version // 10000 == major
        assert connection.info.encoding == "utf-8"


def test_version_18_is_always_here() -> None:
    assert newest().major >= 18
    assert list(available()) == sorted(available())


def test_the_server_has_no_rights_of_root() -> None:
    owner = Path(f"/proc/{shared_cluster().pid}").stat().st_uid
    expected = account()
    assert owner == (expected.uid if expected else os.geteuid())
    assert owner != 0


def test_an_owner_of_a_database_has_ordinary_rights() -> None:
    with shared_cluster().database() as database, psycopg.connect(database.url) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        rights = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert rights == (False,) * 5


def test_a_wrong_password_is_refused() -> None:
    url = shared_cluster().url()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(psycopg.conninfo.make_conninfo(url, password="wrong"))


def test_a_database_is_gone_after_use_with_its_owner_and_whoever_is_connected() -> None:
    cluster = shared_cluster()
    with cluster.database() as database:
        connection = psycopg.connect(database.url)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database.url)
    with cluster.connect() as admin:
        query = "SELECT count(*) FROM pg_roles WHERE rolname = %s"
        assert admin.execute(query, [database.owner]).fetchone() == (0,)


def test_an_immediate_restart_keeps_what_was_committed_and_nothing_else(durable: Cluster) -> None:
    with durable.database() as database:
        open_transaction = psycopg.connect(database.url)
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (id int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        open_transaction.execute("INSERT INTO kept VALUES (2)")
        address = durable.port, durable.files

        durable.restart("immediate")

        with pytest.raises(psycopg.OperationalError):
            open_transaction.commit()
        open_transaction.close()
        assert (durable.port, durable.files) == address
        assert "not properly shut down" in durable.log
        with psycopg.connect(database.url) as connection:
            assert connection.execute("SELECT id FROM kept").fetchall() == [(1,)]


def test_nothing_is_left_of_a_process_that_was_killed() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _LEFT_BEHIND],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    folder, url = ended.stdout.split()
    wait = until()
    while Path(folder).exists():
        wait.more("the server's folder to go")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url)


def test_a_server_that_does_not_start_says_why() -> None:
    cluster = Cluster(newest(), durable=False, settings={"shared_buffers": "'no size'"})
    with pytest.raises(RuntimeError, match="invalid value for parameter"):
        cluster.start()
    cluster.remove()
