"""Connections to PostgreSQL: few, bounded in every wait, and with ordinary rights.

Every wait has an end: for a slot of the pool, for the connection, for a lock, for
a statement on the server, and for the server's answer even if the network went
silent.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8BinaryDumper

from firstry.domain.errors import Defect, FirstryError, StoreUnavailable, StoreUnfit
from firstry.stores.sql.postgres import array
from firstry.stores.sql.session import Again

LOCK_SECONDS = 1.0
ANSWER_SECONDS = 1.5
CONNECT_SECONDS = 2
OLDEST_MAJOR = 15
_POLL_SECONDS = 0.1

V = TypeVar("V")

# What psycopg has to say is told by the errors that its users get.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


class Silent(psycopg.OperationalError):
    """The server did not answer in time, and the connection was given up."""


class Connection(psycopg.Connection[DictRow]):
    """A connection on which every answer comes in time or not at all."""

    answer_seconds = ANSWER_SECONDS

    def wait(
        self, gen: PQGen[V], interval: float = _POLL_SECONDS, timeout: float | None = None
    ) -> V:
        """Wait for the server, and give the connection up if it stays silent."""
        try:
            return super().wait(gen, interval, timeout or self.answer_seconds)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise Silent("the server did not answer in time") from None


def connect(url: str, answer_seconds: float = ANSWER_SECONDS) -> Connection:
    """Open one connection with every setting that firstry relies on.

    Raises StoreUnavailable that names what is wrong: a server that is not there,
    a role or a database that it does not know.
    """
    try:
        made = _class_for(answer_seconds).connect(url, **_options(answer_seconds))
    except psycopg.Error as error:
        # libpq gives a text alone here. It names hosts and roles, so it stays out of ours.
        why = next((said for word, said in _REFUSALS.items() if word in str(error)), "")
        raise StoreUnavailable(f"the database cannot be reached{why}", _REACH) from error
    # One integer type, whatever the size of the value, so that a statement is prepared once.
    made.adapters.register_dumper(int, Int8BinaryDumper)
    array.register(made.adapters)
    return made


def _class_for(answer_seconds: float) -> type[Connection]:
    # A little longer than the server's own limit, which names its reason.
    return type("Connection", (Connection,), {"answer_seconds": answer_seconds + 0.25})


def _options(answer_seconds: float) -> dict[str, Any]:
    milliseconds = int(1000 * answer_seconds)
    return {
        "row_factory": dict_row,
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": milliseconds,
        "application_name": "firstry",
        "options": f"-c statement_timeout={milliseconds} -c lock_timeout={int(1000 * LOCK_SECONDS)}"
        " -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
        # Every statement goes by an index. It is planned once, and a plan that was made while
        # a table was small must still be right when it is large.
        " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off",
    }


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn PostgreSQL's errors into ours: what can heal, what must not be used, our defects."""
    try:
        yield
    except psycopg.Error as error:
        raise ours(error) from error


def ours(error: psycopg.Error) -> FirstryError:
    """Return our error for PostgreSQL's. Its own text may show values, so it stays out."""
    if isinstance(error, Silent):  # it was waited for long enough: not Again
        return StoreUnavailable("the database did not answer in time", _REACH)
    state = error.sqlstate or ""
    if state in _ENDED:
        return Again(f"the database ended the connection ({state})", _REACH)
    if state in _AGAIN or _is_race(error):
        return Again(f"another transaction stood in the way ({state})")
    if error.diag.source_function == "ExecWithCheckOptions":
        return Defect("the store refused a write: it is behind the wall of another tenant")
    if state.startswith("23"):
        rule = error.diag.constraint_name or error.diag.message_primary
        return Defect(f"the store refused a write: {rule}")
    for prefix, (message, remedy) in _UNFIT.items():
        if state.startswith(prefix):
            return StoreUnfit(f"{message} ({state})", remedy)
    for prefix, (message, remedy) in _UNAVAILABLE.items():
        if state.startswith(prefix):
            return StoreUnavailable(f"{message} ({state})", remedy)
    if isinstance(error, psycopg.OperationalError):
        return Again("the connection to the database was lost", _REACH)
    return Defect(f"the database refused a statement ({state or type(error).__name__})")


def is_read_only(error: BaseException | None) -> bool:
    """Whether the server took no write. After a failover another one may be the primary."""
    return isinstance(error, psycopg.Error) and error.sqlstate == "25006"


def _is_race(error: psycopg.Error) -> bool:
    """Whether two transactions recorded one new tenant at once; the second then finds it."""
    return error.sqlstate == "23505" and error.diag.constraint_name == "tenant_pkey"


_REACH = "check that the database runs and can be reached, and FIRSTRY_DATABASE_URL"
_REFUSALS = {
    "authentication failed": ": it refused the role or its password",
    "does not exist": ": it does not know the role or the database",
    "Connection refused": ": nothing listens at its address",
    "resolve host": ": its host has no address",
    "too many": ": it has no connection to spare",
    "connection slots": ": it has no connection to spare",
    "the database system is": ": it is starting or stopping",
}
_AGAIN = ("40001", "40P01")
_ENDED = ("57P01", "57P02")
_UNFIT = {
    "42501": (
        "the database role lacks a right",
        "run `firstry db upgrade`, and make the service's role a member of firstry_scheduler",
    ),
    "42": ("the database does not hold firstry's tables", "run `firstry db upgrade`"),
    "3F": ("the database has no schema to work in", "run `firstry db upgrade`"),
}
_UNAVAILABLE = {
    "25006": (
        "the database is read-only",
        "connect to the primary server, for example with target_session_attrs=read-write",
    ),
    "28": ("the database refused the role or its password", "check FIRSTRY_DATABASE_URL"),
    "3D": ("there is no such database", "create it, or check FIRSTRY_DATABASE_URL"),
    "53100": ("the database's disk is full", "free space on the database's disk"),
    "53300": (
        "the database has no connection to spare",
        "raise max_connections, or run fewer processes",
    ),
    "53": ("the database is short of means", "see the database's log"),
    "55P03": ("another transaction held a row for too long", "end that transaction"),
    "57014": ("the database took too long", "see the database's load"),
    "57P03": ("the database is starting or stopping", "wait for it"),
    "58": ("the database met an error of its system", "see the database's log"),
    "XX": ("the database met an error of its own", "see the database's log"),
}
