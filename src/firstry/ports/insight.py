"""What operators may ask of everything that is stored. It reads and never writes.

Every answer is for one instant, the scene's. Lists are cut at `PAGE_LIMIT` and go on
behind a key, so no answer grows with the number of tenants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from firstry.domain.filter import Filter
from firstry.domain.job import Target
from firstry.domain.phase import Phase, Scene
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import CloudId, Tenant


@dataclass(frozen=True, slots=True)
class Tally:
    """The current milestones of one trigger that are in one phase.

    `over` counts waits above the scene's `long_backoff`, `longest_wait` is the
    longest of them all, `since` the earliest beginning; these speak of backoff
    alone. `earliest_due_at` and `earliest_next_due` are None for finished phases
    and for `scheduled`, of which a store need not look at each. Paused tenants are
    apart, but not for finished phases and `scheduled`.
    """

    trigger: Trigger
    phase: Phase
    is_paused: bool
    count: int
    longest_wait: timedelta | None = None
    over: int = 0
    late: int = 0
    since: datetime | None = None
    earliest_due_at: datetime | None = None
    earliest_next_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failures:
    """Unfinished milestones with the same error, word for word."""

    code: str
    message: str
    trigger: Trigger
    count: int
    first_at: datetime
    last_at: datetime
    example: Tenant


@dataclass(frozen=True, slots=True)
class Rate:
    """How many ledger entries of one kind a trigger had within a span."""

    trigger: Trigger
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands in the list of all ledgers, the newest first.

    `cloud_id` is empty for the service's own ledger.
    """

    at: datetime
    cloud_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Line:
    """One ledger entry with its place. `body` is the canonical entry, or what is left of it."""

    place: Place
    body: bytes
    hash: str
    erased_hash: str | None = None


@dataclass(frozen=True, slots=True)
class LineQuery:
    """Which entries are wanted; None means whichever."""

    tenant: Tenant | None = None
    kind: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many tenants a filter means, and how many of their current milestones."""

    tenants: int
    milestones: int


class Insight(Protocol):
    """Reads over all tenants. Raises StoreUnavailable as a store does."""

    def tenants(
        self, wanted: Filter, scene: Scene, after: CloudId | None, limit: int
    ) -> Sequence[TenantRecord]:
        """Return tenants that `wanted` means, in cloudId order, beginning behind `after`."""
        ...

    def targets(
        self, wanted: Filter, scene: Scene, after: Target | None, limit: int
    ) -> Sequence[Target]:
        """Return the current milestones that `wanted` means, in order of tenant and trigger."""
        ...

    def count(self, wanted: Filter, scene: Scene) -> Count:
        """Return how many tenants and current milestones are meant, in one go."""
        ...

    def count_tenants(self, wanted: Filter, scene: Scene) -> int:
        """Return how many tenants are meant."""
        ...

    def count_targets(self, wanted: Filter, scene: Scene) -> int:
        """Return how many current milestones are meant."""
        ...

    def tally(self, scene: Scene, late_since: datetime) -> Sequence[Tally]:
        """Count the current milestones by trigger and phase; `late` are due before `late_since`."""
        ...

    def count_outdated(self, now: datetime, policy: Policy) -> int:
        """Return how many plans `policy` would change now: all of `domain.plan` that do not stay.

        It looks at each milestone that waits, so it takes time that grows with the tenants.
        """
        ...

    def failures(self, limit: int) -> Sequence[Failures]:
        """Return groups of equal errors, the largest first."""
        ...

    def rates(self, since: datetime) -> Sequence[Rate]:
        """Count what became of attempts and milestones since an instant."""
        ...

    def lines(self, query: LineQuery, before: Place | None, limit: int) -> Sequence[Line]:
        """Return ledger entries of all tenants and of the service itself, the newest first.

        Evidence that was read is left out unless one tenant is asked for.
        """
        ...

    def to_erase(self, until: datetime, limit: int) -> Sequence[Tenant]:
        """Return tenants that uninstalled the app not after `until` and were not erased since."""
        ...

    def next_due_at(self, now: datetime) -> datetime | None:
        """Return when the next attempt of a milestone that waits now may begin."""
        ...

    def last_tick_at(self) -> datetime | None:
        """Return when the latest noted tick of any site came."""
        ...
