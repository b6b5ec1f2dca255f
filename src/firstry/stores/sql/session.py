"""What the store asks of a database engine. SQLite and PostgreSQL answer the same way.

Statements are constants with `:name` for every value; instants are whole
milliseconds. An engine never looks into a value, and the store never into a
connection.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from firstry.domain.errors import Defect, StoreUnavailable
from firstry.domain.tenant import Tenant
from firstry.ports.vital import PoolUse
from firstry.stores.sql.migration import Engine

Row = Mapping[str, Any]
Values = Mapping[str, Any]


class Again(StoreUnavailable):
    """Nothing was written, and the same transaction may be made again at once.

    Another transaction stood in the way, or the connection had died before the
    commit was sent.
    """


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, run for each row of values: by name, or in the order of first naming.

    A guarded step meets exactly one stored row for each row of values, or the
    whole transaction is refused.
    """

    sql: str
    rows: Sequence[Values | tuple[Any, ...]]
    is_guarded: bool = True

    def refuse_unless(self, changed: int) -> None:
        """Raise Defect if another number of rows was changed than the guard allows."""
        if self.is_guarded and changed != len(self.rows):
            raise Defect("a guarded write met another row than the one that was read")


class Session(Protocol):
    """One open transaction that holds its tenants. Left without a commit, it is rolled back."""

    @property
    def records(self) -> Sequence[tuple[Any, ...]]:
        """The rows of READ_TENANT of every tenant that was locked, in cloudId order."""
        ...

    @property
    def locked(self) -> Sequence[Tenant]:
        """The tenants that nobody else can write now, unknown ones included."""
        ...

    def write(self, steps: Sequence[Step]) -> None:
        """Run the steps in order."""
        ...

    def move_clock(self, now: datetime) -> None:
        """Raise the store's high-water mark to `now`; it never falls."""
        ...

    def ring(self) -> None:
        """Hint to other processes, once it is committed, that something has become due."""
        ...

    def commit(self) -> None:
        """Make it durable. Raises CommitUnknown if the answer was lost."""
        ...


class Database(Protocol):
    """An engine with its connections. Errors come out as ours."""

    def read(
        self,
        tenants: Sequence[Tenant] | None,
        sql: str,
        values: Values,
        *,
        is_planned_anew: bool = False,
    ) -> list[Row]:
        """Return the rows of one query, which may see `tenants` only, or all if None.

        A query whose best plan depends on its values is to be planned anew for them.
        """
        ...

    def read_tenants(self, tenants: Sequence[Tenant], *, at_once: bool) -> list[tuple[Any, ...]]:
        """Return the columns of READ_TENANT of each; `at_once` as in `Store.read_many`."""
        ...

    @contextmanager
    def writing(
        self, tenants: Sequence[Tenant], *, skip_locked: bool, now: datetime | None = None
    ) -> Iterator[Session]:
        """Begin a transaction that locks and reads `tenants`, which are in cloudId order.

        With `skip_locked`, those are left out that another transaction holds, and those that
        are claimed and have nothing else due at `now`: their settles are not to wait.
        """
        ...

    def may_erase(self) -> bool:
        """Whether who is connected has the right to erase."""
        ...

    def scrub(self) -> None:
        """Leave nothing of what was erased beside the rows, as far as it can be done at once."""
        ...

    def check(self) -> None:
        """Return if the database has the schema that this code needs and can be written."""
        ...

    @property
    def engine(self) -> Engine:
        """Which schema it has."""
        ...

    def product(self) -> str:
        """Return the name and the version of the database that answers."""
        ...

    def pool_use(self) -> PoolUse:
        """Return how this process's connections are used."""
        ...

    def close(self) -> None:
        """Give back the connections."""
        ...
