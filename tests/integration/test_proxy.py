"""The bad network of the tests: each fault strikes where it was laid, and looks as it should."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from support.postgres import Database
from support.postgres_fixture import postgres, postgres_database
from support.postgres_message import Conversation, Side
from support.proxy import Fault, Point, Proxy
from support.wire import until

__all__ = ["postgres", "postgres_database"]

Row = tuple[object, ...]
STARTUP = b"\0\0\0\x08\0\x03\0\0"
UPDATE = "UPDATE counter SET value = value + 1"
AT_UPDATE = Point(Side.FRONTEND, containing=b"UPDATE")
AT_COMMIT = Point(Side.FRONTEND, containing=b"COMMIT")
AT_COMMITTED = Point(Side.BACKEND, "C", containing=b"COMMIT")


class Bench:
    """A table with one counter at zero, reached directly and through the proxy."""

    def __init__(self, database: Database, proxy: Proxy) -> None:
        self._database = database
        self.proxy = proxy
        self.direct = psycopg.connect(database.admin_url, autocommit=True)
        self.direct.execute("CREATE TABLE counter AS SELECT 0 AS value")
        self.direct.execute("GRANT ALL ON counter TO PUBLIC")

    def connect(self) -> psycopg.Connection[Row]:
        url = psycopg.conninfo.make_conninfo(
            self._database.url, port=self.proxy.port, application_name="through", sslmode="prefer"
        )
        return psycopg.connect(url, connect_timeout=5)

    def answer(self, question: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10) as plain:
            plain.sendall(question)
            return plain.recv(100)

    def value(self) -> object:
        row = self.direct.execute("SELECT value FROM counter").fetchone()
        assert row is not None
        return row[0]

    def sessions(self) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'through'"
        row = self.direct.execute(query).fetchone()
        assert row is not None
        return int(str(row[0]))

    def wait_for_sessions(self, number: int) -> None:
        wait = until()
        while self.sessions() != number:
            wait.more(f"{number} sessions on the server")


@pytest.fixture
def bench(postgres_database: Database) -> Iterator[Bench]:
    port = psycopg.conninfo.conninfo_to_dict(postgres_database.url)["port"]
    with Proxy(int(str(port))) as proxy:
        bench = Bench(postgres_database, proxy)
        yield bench
        bench.direct.close()


@contextmanager
def in_another_thread(connection: psycopg.Connection[Row]) -> Iterator[Future[None]]:
    """Add one and commit there; whoever waits there must have been freed by the end."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(add_one, connection)


def add_one(connection: psycopg.Connection[Row]) -> None:
    with connection:
        connection.execute(UPDATE)


def test_without_a_trap_everything_goes_through(bench: Bench) -> None:
    with bench.connect() as connection:
        assert connection.execute("SELECT repeat('x', 5000000)").fetchone() == ("x" * 5_000_000,)
        connection.execute("CREATE TEMPORARY TABLE many (id int)")
        with connection.cursor() as cursor:  # psycopg sends these in one pipeline
            cursor.executemany("INSERT INTO many VALUES (%s)", [(n,) for n in range(20_000)])
        assert connection.execute("SELECT count(*) FROM many").fetchone() == (20_000,)
    bench.wait_for_sessions(0)


def test_the_transcript_names_every_message_of_both_sides(bench: Bench) -> None:
    with bench.connect() as connection:
        bench.proxy.take_transcript()
        connection.execute(UPDATE)
        connection.commit()
        said = [(message.side, message.kind) for message in bench.proxy.take_transcript()]
    spoken = {side: "".join(kind for who, kind in said if who is side) for side in Side}
    assert spoken == {Side.FRONTEND: "QQQ", Side.BACKEND: "CZCZCZ"}


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
def test_a_broken_connection_is_seen_by_both_sides(bench: Bench, fault: Fault) -> None:
    with bench.connect() as connection:
        trap = bench.proxy.set_trap(fault, AT_UPDATE)
        with pytest.raises(psycopg.OperationalError):
            add_one(connection)
    assert trap.hits == 1
    bench.wait_for_sessions(0)
    assert bench.value() == 0


def test_a_reset_is_not_an_end(bench: Bench) -> None:
    """psycopg says the same of both; a bare socket knows better."""
    trap = bench.proxy.set_trap(Fault.CUT, Point(Side.FRONTEND, "startup"))
    assert bench.answer(STARTUP) == b""
    assert trap.hits == 1
    trap = bench.proxy.set_trap(Fault.RESET, Point(Side.FRONTEND, "startup"))
    with pytest.raises(ConnectionResetError):
        bench.answer(STARTUP)
    assert trap.hits == 1


def test_a_black_hole_tells_neither_side(bench: Bench) -> None:
    connection = bench.connect()
    trap = bench.proxy.set_trap(Fault.BLACK_HOLE, AT_COMMIT)
    with in_another_thread(connection) as adding:
        wait = until()
        while not trap.hits:
            wait.more("the commit to fall into the hole")
        assert bench.sessions() == 1
        assert not adding.done()
        bench.proxy.release()
        assert isinstance(adding.exception(10), psycopg.OperationalError)
    bench.wait_for_sessions(0)
    assert bench.value() == 0


def test_the_server_keeps_a_half_open_session_with_its_locks(bench: Bench) -> None:
    connection = bench.connect()
    trap = bench.proxy.set_trap(Fault.HALF_OPEN, AT_COMMIT)
    with pytest.raises(psycopg.OperationalError):
        add_one(connection)
    connection.close()
    assert trap.hits == 1
    assert bench.sessions() == 1
    with pytest.raises(psycopg.errors.LockNotAvailable):
        bench.direct.execute("SELECT value FROM counter FOR UPDATE NOWAIT")
    bench.proxy.release()
    bench.wait_for_sessions(0)
    assert bench.value() == 0


def test_the_client_of_a_half_closed_session_waits_on(bench: Bench) -> None:
    connection = bench.connect()
    trap = bench.proxy.set_trap(Fault.HALF_CLOSED, AT_COMMIT)
    with in_another_thread(connection) as adding:
        wait = until()
        while not trap.hits:
            wait.more("the commit to be lost")
        bench.wait_for_sessions(0)
        assert not adding.done()
        bench.proxy.release()
        assert isinstance(adding.exception(10), psycopg.OperationalError)
    assert bench.value() == 0


def test_a_delayed_message_comes_in_the_end(bench: Bench) -> None:
    connection = bench.connect()
    trap = bench.proxy.set_trap(Fault.DELAY, AT_COMMIT, delay_seconds=0.2)
    add_one(connection)
    assert trap.hits == 1
    assert bench.value() == 1


@pytest.mark.parametrize(
    ("point", "value"), [(AT_COMMIT, 0), (AT_COMMITTED, 1)], ids=["asked", "answered"]
)
def test_a_lost_commit_is_done_or_not_and_the_client_cannot_tell(
    bench: Bench, point: Point, value: int
) -> None:
    connection = bench.connect()
    trap = bench.proxy.set_trap(Fault.CUT, point)
    with pytest.raises(psycopg.OperationalError):
        add_one(connection)
    assert trap.hits == 1
    bench.wait_for_sessions(0)
    assert bench.value() == value


def test_a_trap_after_a_message_lets_it_through(bench: Bench) -> None:
    connection = bench.connect()
    after = Point(Side.BACKEND, "Z", nth=3, is_after=True)
    trap = bench.proxy.set_trap(Fault.CUT, after)
    with connection.transaction():
        connection.execute(UPDATE)
    assert (trap.hits, trap.met) == (1, 3)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    assert bench.value() == 1


def test_a_trap_strikes_once(bench: Bench) -> None:
    trap = bench.proxy.set_trap(Fault.RESET, Point(Side.FRONTEND, "startup"))
    with pytest.raises(psycopg.OperationalError):
        bench.connect()
    with bench.connect() as connection:
        add_one(connection)
    assert trap.hits == 1
    assert bench.value() == 1


def test_a_lasting_trap_strikes_until_it_is_taken_away(bench: Bench) -> None:
    connection = bench.connect()
    trap = bench.proxy.set_trap(Fault.CUT, AT_UPDATE, is_lasting=True)
    with pytest.raises(psycopg.OperationalError):
        add_one(connection)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            bench.connect()
    assert trap.hits >= 3
    bench.proxy.heal()
    with bench.connect() as connection:
        add_one(connection)
    assert bench.value() == 1


def test_frames_are_found_wherever_the_stream_is_cut() -> None:
    stream = b"\0\0\0\x08\x04\xd2\x16\x2f" + STARTUP + b"Q\0\0\0\x06A\0"
    whole = Conversation().feed(Side.FRONTEND, stream)
    piecewise = Conversation()
    pieces = [piecewise.feed(Side.FRONTEND, stream[at : at + 1]) for at in range(len(stream))]
    assert [message for piece in pieces for message in piece] == whole
    assert [message.kind for message in whole] == ["ssl", "startup", "Q"]
    assert b"".join(message.raw for message in whole) == stream
