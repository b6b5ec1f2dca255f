"""Two sessions of a real store on PostgreSQL, moved on statement by statement (T4).

Each session runs an act in a thread of its own and stops before every statement
and before COMMIT, until it is its turn. A session that waits for a lock is seen in
the server's own tables and passed over until the other one lets it go. So an order
of statements is a list of choices, and can be played again; `orders` goes through
all of them, depth first.

Statements go to the server one by one here, not several in one flight as in
service: every order that can happen there can happen here, and some more.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Any, Self, cast

import psycopg
from psycopg import pq
from psycopg.rows import DictRow

from firstry.stores.sql.postgres.connection import Connection, connect, mapped_errors
from firstry.stores.sql.postgres.store import PostgresDatabase
from firstry.stores.sql.store import SqlStore
from support.postgres_service import ServiceDatabase

PATIENCE_SECONDS = 30.0
GLANCE_SECONDS = 0.003
COMMIT = "COMMIT"
_IS_BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"

Choose = Callable[[Sequence[int]], int]
Rewrite = Callable[[str], str]
Stops = Callable[[str], bool]


def everywhere(statement: str) -> bool:
    """Stop before every statement."""
    return True


def where_rows_are_touched(statement: str) -> bool:
    """Do not stop before what no other session can see or undo: a setting of one's own."""
    return "set_config" not in statement


def as_written(statement: str) -> str:
    """Leave a statement as it is."""
    return statement


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose turn it was, out of those who could go on."""

    could: Sequence[int]
    went: int


@dataclass(slots=True)
class Played:
    """What became of one order: the answers, and what was seen on the way."""

    answers: list[object]
    choices: list[Choice] = field(default_factory=list)
    waits: int = 0
    errors: list[str] = field(default_factory=list)


class Player:
    """One session. Outside of an act it does not stop, so it can prepare things too."""

    def __init__(self, url: str, stops: Stops, rewrite: Rewrite, kind: type[SqlStore]) -> None:
        self._stops, self._rewrite = stops, rewrite
        self._changed = threading.Condition()
        self._is_playing = self._is_stopped = self._may_go = False
        self._thread = ThreadPoolExecutor(1)
        self._connection = connect(url, PATIENCE_SECONDS)
        self._connection.execute("SET lock_timeout = 0")
        self._connection.commit()
        self.pid = self._connection.info.backend_pid
        self.errors: list[str] = []
        self.is_blocked = False
        self._hook()
        self.store = kind(_OneConnection(self._connection))

    @property
    def is_over(self) -> bool:
        """Whether its act has ended."""
        return not self._is_playing

    @property
    def is_stopped(self) -> bool:
        """Whether it waits for its turn."""
        return self._is_stopped

    def begin(self, act: Callable[[SqlStore], object]) -> "Future[object]":
        """Start an act; it stops before its first statement."""
        self.errors.clear()
        self._is_playing = True

        def play() -> object:
            try:
                return act(self.store)
            finally:
                with self._changed:
                    self._is_playing = False
                    self._changed.notify_all()

        return self._thread.submit(play)

    def go(self) -> None:
        """Let it run its next statement."""
        with self._changed:
            assert self._is_stopped
            self._is_stopped, self._may_go = False, True
            self._changed.notify_all()

    def rests(self, seconds: float) -> bool:
        """Wait for a moment; return whether it has stopped or ended."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_stopped or self.is_over, seconds)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
        self._thread.shutdown()

    def _stop(self, statement: str) -> None:
        if not self._is_playing or not self._stops(statement):
            return
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._may_go, PATIENCE_SECONDS)
            self._may_go = False

    def _hook(self) -> None:
        """Put the stops in: before a statement, before many of one kind, before COMMIT."""
        player, commit = self, self._connection.commit

        class Stopping(psycopg.Cursor[DictRow]):
            def execute(self, query: Any, *arguments: Any, **options: Any) -> Self:
                player._stop(query)
                with player._noted():
                    return super().execute(player._rewrite(query), *arguments, **options)

            def executemany(self, query: Any, *arguments: Any, **options: Any) -> None:
                player._stop(query)
                with player._noted():
                    super().executemany(player._rewrite(query), *arguments, **options)

        def stopping_commit() -> None:
            player._stop(COMMIT)
            with player._noted():
                commit()

        hooked = cast(Any, self._connection)
        hooked.cursor_factory, hooked.commit, hooked.pipeline = (
            Stopping,
            stopping_commit,
            nullcontext,
        )

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            self.errors.append(error.sqlstate or type(error).__name__)
            raise


class _OneConnection(PostgresDatabase):
    """The engine of the store, over one connection instead of a pool."""

    def __init__(self, connection: Connection) -> None:
        self._pool = cast(Any, self)
        self._only, self.clock_milliseconds = connection, 0

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend the connection, as the pool does."""
        try:
            with mapped_errors():
                yield self._only
        finally:
            if self._only.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                self._only.rollback()

    def is_clock_to_move(self, now: datetime) -> bool:
        """Always, so that each order has the same statements."""
        return True


class Stage:
    """Two players on one database. Use it as a context manager."""

    def __init__(
        self,
        database: ServiceDatabase,
        stops: Stops = everywhere,
        rewrite: Rewrite = as_written,
        kind: type[SqlStore] = SqlStore,
    ) -> None:
        self.players = [Player(database.url, stops, rewrite, kind) for _ in range(2)]
        self._observer = psycopg.connect(database.admin_url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for player in self.players:
            player.close()
        self._observer.close()

    def play(self, acts: Sequence[Callable[[SqlStore], object]], choose: Choose) -> Played:
        """Run one act in each session, in the order that `choose` makes of it."""
        pairs = zip(self.players, acts, strict=True)
        futures = [player.begin(act) for player, act in pairs]
        played = Played([])
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            for player in self.players:
                played.waits += self._settle(player, ends_at)
            could = [place for place, player in enumerate(self.players) if player.is_stopped]
            if could:
                went = choose(could)
                played.choices.append(Choice(could, went))
                self.players[went].go()
            elif all(player.is_over for player in self.players):
                break  # else both wait for each other, and the server will tell one of them
        played.answers = [future.result() for future in futures]
        played.errors = [error for player in self.players for error in player.errors]
        return played

    def _settle(self, player: Player, ends_at: float) -> bool:
        """Wait until a player stops, ends or waits for a lock; return whether it began to wait."""
        was_blocked = player.is_blocked
        while True:
            assert time.monotonic() < ends_at, "an order of statements does not come to its end"
            player.is_blocked = False
            if player.rests(0 if was_blocked else GLANCE_SECONDS):
                return False
            if self._is_blocked(player):
                player.is_blocked = True
                return not was_blocked
            was_blocked = False

    def _is_blocked(self, player: Player) -> bool:
        found = self._observer.execute(_IS_BLOCKED, (player.pid,)).fetchone()
        return found == (True,)


def orders(play: Callable[[Choose], Played]) -> Iterator[Played]:
    """Play every order once, depth first."""
    prefix: list[int] = []
    while True:
        played = play(_following(prefix))
        yield played
        choices = list(played.choices)
        while choices and choices[-1].went == choices[-1].could[-1]:
            choices.pop()
        if not choices:
            return
        last = choices.pop()
        following = last.could[last.could.index(last.went) + 1]
        prefix = [*(choice.went for choice in choices), following]


def _following(prefix: Sequence[int]) -> Choose:
    """Choose as `prefix` says, and then whoever comes first."""
    left = list(prefix)

    def choose(could: Sequence[int]) -> int:
        if not left:
            return could[0]
        assert left[0] in could, "the same choices led to another place"
        return left.pop(0)

    return choose


def some_orders(play: Callable[[Choose], Played], rng: Random, number: int) -> Iterator[Played]:
    """Play orders that are drawn at random: at each choice the session stays or changes."""
    for _ in range(number):
        yield play(rng.choice)
