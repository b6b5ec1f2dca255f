"""Erase what a tenant told, and keep what stops a report from being made twice.

What goes: the content and signature of every report, what every ledger entry said,
the words of errors, the token, the reasons beside its switches. What stays: the
cloudId, the milestones with their markers and digests, and the hashes of the chain.

Why it is safe: it is one decision on the locked record, as every write. Whatever is
open is cancelled first, so an attempt that is running is fenced when it settles (I5),
and the tenant counts as uninstalled, so no tick leaves a token behind. A second
erasure of the same state writes nothing.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from firstry.domain.cancel import cancelled
from firstry.domain.erasure import is_erased
from firstry.domain.errors import Conflict, NotFound
from firstry.domain.ledger import ERASED
from firstry.domain.record import Change, Decide, Erasure, Order, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import PAGE_LIMIT, Store

OpenEraser = Callable[[], AbstractContextManager[Store]]
"""Opens the store as the role that may erase. Raises EraseNotAllowed if there is none."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How the tenant stands now. `is_repeat`: there was nothing left to erase."""

    record: TenantRecord
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class AtStake:
    """What an erasure would take now."""

    reports: int
    entries: int
    errors: int
    has_token: bool


def erase(store: Store, tenant: Tenant, order: Order) -> Erased:
    """Erase `tenant` and return how it stands. `store` is opened as the role that may.

    Raises NotFound for an unknown tenant, and Conflict for one that is served: it has
    neither uninstalled the app nor is it paused.
    """
    return store.transact(tenant, order.at, erasing(tenant, order))


def erasing(tenant: Tenant, order: Order) -> Decide[Erased]:
    """Return the decision that `erase` runs."""

    def decide(record: TenantRecord | None) -> Change[Erased]:
        if record is None:
            raise NotFound(f"there is no tenant {tenant.cloud_id}", "see `firstry tenants list`")
        if is_erased(record):
            return Change(Erased(record, is_repeat=True))
        refuse_served(record)
        stripped, ends = cancelled(record, order.at)
        sequence = record.head.sequence + len(ends) + 1
        at = max([order.at, *(m.completed_at for m in record.milestones if m.completed_at)])
        stripped = replace(
            stripped,
            milestones=tuple(replace(m, last_error=None) for m in stripped.milestones),
            uninstalled_at=record.uninstalled_at or order.at,
            paused_at=None,
            token_expires_at=None,
            erasure=Erasure(at, sequence),
        )
        entry = order.entry(ERASED, until=sequence - 1)
        after, sealed = ledgered(stripped, [*ends, entry])
        return Change(Erased(after), after, sealed)

    return decide


def refuse_served(record: TenantRecord) -> None:
    """Raise Conflict for a tenant that uses the app and is not paused."""
    if record.uninstalled_at is None and record.paused_at is None:
        name = record.tenant.cloud_id
        raise Conflict(
            f"tenant {name} is served: it has not uninstalled the app and is not paused",
            f'pause it first: firstry tenants pause {name} --reason "..."',
        )


def at_stake(store: Store, record: TenantRecord) -> AtStake:
    """Return what erasing the tenant would take now."""
    reports, after = 0, None
    while page := store.reports(record.tenant, after, PAGE_LIMIT):
        reports += sum(each.erased_at is None for each in page)
        after = page[-1].report_id
    told = record.erasure.sequence - 1 if record.erasure is not None else 0
    errors = sum(m.last_error is not None for m in record.milestones)
    has_token = record.token_expires_at is not None
    return AtStake(reports, record.head.sequence - told, errors, has_token)
