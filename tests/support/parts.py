"""Small parts of our own behind the service's ports, for what no real part does on demand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, TypeVar, cast

from firstry.domain.errors import CommitUnknown
from firstry.domain.record import Change, Decide, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.evidence import Collected
from firstry.ports.store import Store
from firstry.scheduler.attempt import Parts
from firstry.scheduler.settler import settle_alone

T = TypeVar("T")


class Exploding:
    """An `EvidenceSource` that meets something nobody thought of."""

    def __init__(self) -> None:
        self.calls = 0

    def held_until(self, now: datetime) -> datetime | None:
        return None

    def collect(self, tenant: Tenant, deadline: float) -> Collected:
        """Raise what no code expects; its text must show nowhere."""
        self.calls += 1
        raise LookupError("a secret that must not be told")


class HastyClock:
    """A `Clock` that never shows the same instant twice: each reading is `step` later."""

    def __init__(self, clock: Any, step: timedelta) -> None:
        self._clock = clock
        self._step = step
        self._readings = 0
        self._lock = Lock()

    def now(self) -> datetime:
        """Return the instant, later with every reading."""
        with self._lock:
            self._readings += 1
            shown: datetime = self._clock.now()
            return shown + self._readings * self._step

    def monotonic(self) -> float:
        """Return the host's monotonic seconds."""
        seconds: float = self._clock.monotonic()
        return seconds


class ForgetfulStore:
    """A store that commits and then loses the answer, whenever `loses` says so."""

    def __init__(self, store: Store, loses: Callable[[TenantRecord], bool]) -> None:
        self._store = store
        self._loses = loses
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        """Commit, then raise CommitUnknown where the change is one to lose."""
        written: list[TenantRecord] = []

        def seen(record: TenantRecord | None) -> Change[T]:
            change = decide(record)
            if change.after is not None:
                written.append(change.after)
            return change

        answer = self._store.transact(tenant, now, seen)
        if written and self._loses(written[-1]):
            self.lost += 1
            raise CommitUnknown("the answer to the commit was lost")
        return answer

    def as_store(self) -> Store:
        """Return itself as the port that it stands behind."""
        return cast(Store, self)


def on(parts: Parts, store: Store) -> Parts:
    """Return the parts of a process on another store, which then settles each outcome alone."""
    return replace(parts, store=store, settle=settle_alone(store, parts.policy))


class DefectiveStore:
    """A store whose every reading and writing ends in an error that nobody thought of."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, tenant: Tenant) -> TenantRecord | None:
        """Fail in a way that no port speaks of."""
        raise ArithmeticError("a secret that must not be told")

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        """Fail in a way that no port speaks of."""
        raise ArithmeticError("a secret that must not be told")

    def as_store(self) -> Store:
        """Return itself as the port that it stands behind."""
        return cast(Store, self)
