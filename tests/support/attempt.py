"""Small parts behind the ports of an attempt: a clock, a site, a notebook."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from firstry.domain.due import DueQuery
from firstry.domain.errors import StoreUnavailable
from firstry.domain.policy import Policy
from firstry.domain.record import Decide, SealedToken
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.evidence import Collected
from firstry.ports.store import Store, T
from firstry.ports.telemetry import Event
from firstry.ports.vault import SystemToken
from firstry.scheduler.attempt import Parts
from firstry.scheduler.settler import settle_alone
from firstry.stores.memory import MemoryStore
from support.domain import DEFAULT, at, site_evidence
from support.signing import SIGNER


@dataclass(slots=True)
class HandClock:
    """A clock that stands still until it is moved."""

    at: datetime = field(default_factory=lambda: at(12))

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


Answer = Callable[[Tenant, float], Collected]


def whole_site(tenant: Tenant, deadline: float) -> Collected:
    """Answer as a site that shows everything it was asked for."""
    return site_evidence()


class Shelf:
    """A source of evidence that answers what was put there for the tenant."""

    def __init__(self, usual: Answer = whole_site) -> None:
        self.usual = usual
        self.special: dict[CloudId, Answer] = {}
        self.asked: list[tuple[CloudId, float]] = []
        self.held: datetime | None = None

    def held_until(self, now: datetime) -> datetime | None:
        return self.held

    def collect(self, tenant: Tenant, deadline: float) -> Collected:
        self.asked.append((tenant.cloud_id, deadline))
        return self.special.get(tenant.cloud_id, self.usual)(tenant, deadline)


class Notebook:
    """Telemetry that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Event, dict[str, object]]] = []

    def emit(self, event: Event, tenant: Tenant | None = None, **fields: object) -> None:
        self.told.append((event, fields | {"cloud_id": tenant.cloud_id if tenant else None}))

    def events(self) -> list[Event]:
        return [event for event, _ in self.told]


class FalteringStore(MemoryStore):
    """A memory store that is lost at given writes.

    `before` and `after` are the errors that the next writes end in, without the
    write and with it, `listing` those of the next lists; None lets one through.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: list[StoreUnavailable | None] = []
        self.after: list[StoreUnavailable | None] = []
        self.listing: list[StoreUnavailable | None] = []
        self.transactions = 0

    def claimable(self, query: DueQuery, limit: int) -> Sequence[Tenant]:
        _raise_next(self.listing)
        return super().claimable(query, limit)

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        self.transactions += 1
        _raise_next(self.before)
        answers = super().transact_many(now, work, skip_locked=skip_locked)
        _raise_next(self.after)
        return answers


def _raise_next(errors: list[StoreUnavailable | None]) -> None:
    error = errors.pop(0) if errors else None
    if error is not None:
        raise error


class GlassVault:
    """A vault that hides nothing and counts what it sealed."""

    def __init__(self) -> None:
        self.sealed = 0

    def seal(self, tenant: Tenant, token: SystemToken) -> SealedToken:
        self.sealed += 1
        return SealedToken(token.bearer.encode(), "glass", token.expires_at)

    def open(self, tenant: Tenant, now: datetime) -> SystemToken | None:
        return None

    def forget(self, tenant: Tenant, now: datetime, token: SystemToken) -> None:
        return None


@dataclass(slots=True)
class Bench:
    """Everything an attempt needs, each part open to the test."""

    store: Store
    clock: HandClock = field(default_factory=HandClock)
    shelf: Shelf = field(default_factory=Shelf)
    notebook: Notebook = field(default_factory=Notebook)
    policy: Policy = DEFAULT
    pauses: list[float] = field(default_factory=list)

    @property
    def parts(self) -> Parts:
        return Parts(
            store=self.store,
            clock=self.clock,
            evidence=self.shelf,
            telemetry=self.notebook,
            policy=self.policy,
            sleep=self.pauses.append,
            signer=SIGNER,
            settle=settle_alone(self.store, self.policy),
        )


def lost(times: int, error: StoreUnavailable | None = None) -> Iterable[StoreUnavailable]:
    """Return the error of a store that is lost so many times in a row."""
    return [error or StoreUnavailable("the store was lost")] * times
