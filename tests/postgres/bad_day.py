"""What can happen to a PostgreSQL server under a running service, and how it is undone.

`BAD_DAYS` is the list that docs/operations.md tells, by the same names. Each
brings the trouble about for real and takes it away at the end of its `with`.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from support.postgres import Cluster
from support.postgres_service import ServiceDatabase

Trouble = Callable[[ServiceDatabase], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class BadDay:
    """One kind of trouble, and what `/readyz` says of the store meanwhile."""

    trouble: Trouble
    told: str
    refuses_reads: bool = True


@contextmanager
def _stopped(database: ServiceDatabase) -> Iterator[None]:
    database.cluster.stop("fast")
    try:
        yield
    finally:
        database.cluster.start()


@contextmanager
def _killed(database: ServiceDatabase) -> Iterator[None]:
    database.cluster.stop("immediate")
    try:
        yield
    finally:
        database.cluster.start()


@contextmanager
def _frozen(database: ServiceDatabase) -> Iterator[None]:
    pids = pids_of(database.cluster)
    try:
        for pid in pids:
            with suppress(ProcessLookupError):  # a session may have ended meanwhile
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def _without_slots(database: ServiceDatabase) -> Iterator[None]:
    """Take every connection that the server has, those of the service too."""
    with ExitStack() as taken:
        for _ in range(200):
            _end_sessions(database)
            try:
                taken.enter_context(psycopg.connect(database.owner_url))
            except psycopg.OperationalError:
                yield
                return
        raise AssertionError("the server has more connections than a test can take")


@contextmanager
def _read_only(database: ServiceDatabase) -> Iterator[None]:
    _set_read_only(database, "on")
    try:
        yield
    finally:
        _set_read_only(database, "off")


@contextmanager
def _standby(database: ServiceDatabase) -> Iterator[None]:
    """Let the server follow a primary, which there is not."""
    database.cluster.stop("fast")
    (database.cluster.files / "standby.signal").touch()
    database.cluster.start()
    try:
        yield
    finally:
        database.cluster.run(sql.SQL("SELECT pg_promote()"))


@contextmanager
def _gone(database: ServiceDatabase) -> Iterator[None]:
    """Give the database another name: for who asks for the old one it is dropped."""
    _rename(database, database.name, "elsewhere")
    try:
        yield
    finally:
        _rename(database, "elsewhere", database.name)


@contextmanager
def _refused(database: ServiceDatabase) -> Iterator[None]:
    """Take the role's right to log in, as a change of passwords does."""
    cluster = database.cluster
    cluster.run(sql.SQL("ALTER ROLE firstry_service NOLOGIN"))
    _end_sessions(database)
    try:
        yield
    finally:
        cluster.run(sql.SQL("ALTER ROLE firstry_service LOGIN"))


BAD_DAYS: Mapping[str, BadDay] = {
    "server stopped": BadDay(_stopped, "nothing listens at its address"),
    "server killed": BadDay(_killed, "nothing listens at its address"),
    "server frozen": BadDay(_frozen, "the database cannot be reached"),
    "connections used up": BadDay(_without_slots, "no connection to spare"),
    "read-only": BadDay(_read_only, "the database is read-only", refuses_reads=False),
    "standby": BadDay(_standby, "it is a standby", refuses_reads=False),
    "database gone": BadDay(_gone, "it does not know the role or the database"),
    "role refused": BadDay(_refused, "the database cannot be reached"),
}


def pids_of(cluster: Cluster) -> list[int]:
    """Return every process of a server, its first one last."""
    children = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if int(parent) == cluster.pid:
                children.append(int(folder.name))
    return [*children, cluster.pid]


def _end_sessions(database: ServiceDatabase) -> None:
    database.cluster.run(
        sql.SQL(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE usename = 'firstry_service'"
        )
    )


def _set_read_only(database: ServiceDatabase, value: str) -> None:
    cluster = database.cluster
    statement = sql.SQL("ALTER SYSTEM SET default_transaction_read_only = {}")
    cluster.run(statement.format(sql.Literal(value)))
    cluster.run(sql.SQL("SELECT pg_reload_conf()"))


def _rename(database: ServiceDatabase, old: str, new: str) -> None:
    names = {"old": sql.Identifier(old), "new": sql.Identifier(new)}
    run = database.cluster.run
    run(sql.SQL("ALTER DATABASE {old} ALLOW_CONNECTIONS false").format(**names))
    end = sql.SQL("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}")
    run(end.format(sql.Literal(old)))
    run(sql.SQL("ALTER DATABASE {old} RENAME TO {new}").format(**names))
    run(sql.SQL("ALTER DATABASE {new} ALLOW_CONNECTIONS true").format(**names))
