"""Bring what is planned to the settings' triggers and ages: looked at first, then done.

    preview(store, now, policy)   -> what would become of it, counted
    replan(parts..., order)       -> does it, many tenants in one transaction

Each tenant is decided anew inside its transaction, so what is claimed meanwhile stays
as it is. A run that is cut off leaves whole batches behind; the next one does the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.plan import Fate, Planned, planned, replanning
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import Order, TenantRecord
from firstry.ports.store import PAGE_LIMIT, Store

BATCH = 100
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """How many milestones of one trigger meet the same fate.

    `due` of them may be claimed at once then, and the windows of `over` have ended.
    """

    trigger: Trigger
    fate: Fate
    age: timedelta | None
    new_age: timedelta | None
    count: int
    due: int
    over: int


def preview(store: Store, now: datetime, policy: Policy) -> Sequence[PlanLine]:
    """Return what other settings than those of the plan mean at `now`; nothing is written."""
    return summed(
        each for page in _pages(store) for record in page for each in planned(record, now, policy)
    )


def replan(store: Store, order: Order, policy: Policy, tell: Tell) -> Sequence[PlanLine]:
    """Do it, and return what was done. `tell` is called with the number of tenants so far.

    Raises StoreUnavailable as the store does; what is committed by then stays.
    """
    done: list[Planned] = []
    decide = replanning(order, policy)
    tenants = 0
    for page in _pages(store):
        outdated = [
            record.tenant
            for record in page
            if any(each.fate is not Fate.STAYS for each in planned(record, order.at, policy))
        ]
        for first in range(0, len(outdated), BATCH):
            batch = outdated[first : first + BATCH]
            for found in store.transact_many(order.at, dict.fromkeys(batch, decide)).values():
                done += found
            tenants += len(batch)
            tell(tenants)
    return summed(each for each in done if each.fate is not Fate.STAYS)


def changes(plan: Iterable[PlanLine]) -> int:
    """Return how many milestones a plan changes."""
    return sum(line.count for line in plan if line.fate is not Fate.STAYS)


def summed(plans: Iterable[Planned]) -> Sequence[PlanLine]:
    """Return plans counted by what is alike, in the order of triggers and fates."""
    counts: dict[tuple[Trigger, Fate, timedelta | None, timedelta | None], list[int]] = {}
    for each in plans:
        key = (each.trigger, each.fate, each.age, each.new_age)
        count = counts.setdefault(key, [0, 0, 0])
        for place, is_counted in enumerate((True, each.is_due, each.is_over)):
            count[place] += is_counted
    lines = [PlanLine(*key, *count) for key, count in counts.items()]
    fates = list(Fate)
    return sorted(lines, key=lambda x: (x.trigger, fates.index(x.fate), x.age or timedelta()))


def _pages(store: Store) -> Iterator[Sequence[TenantRecord]]:
    after = None
    while page := store.tenants(after, PAGE_LIMIT):
        yield page
        after = page[-1].tenant.cloud_id
