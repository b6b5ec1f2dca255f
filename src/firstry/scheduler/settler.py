"""Settle outcomes: alone, or those that end together in one transaction.

A commit costs the same for one outcome as for fifty. While one thread commits,
the outcomes of others gather; the next thread takes all of them along. Nobody
waits for company: who comes alone settles alone, at once.

Why this is safe: each outcome is still decided and guarded on its own tenant's
record (`domain.settle`), and settling twice counts once. So when the store refuses
a group, each of its outcomes is tried alone, and one that cannot be stored stands
in nobody's way.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from firstry.domain.claim import Claim
from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.domain.outcome import Outcome
from firstry.domain.policy import Policy
from firstry.domain.record import Change, Decide, TenantRecord
from firstry.domain.settle import Fenced, Settled, settle
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store

GROUP = 100

Settle = Callable[[Claim, Outcome, datetime], Settled | Fenced]


def settle_alone(store: Store, policy: Policy) -> Settle:
    """Return what stores each outcome in a transaction of its own."""

    def settled(held: Claim, outcome: Outcome, now: datetime) -> Settled | Fenced:
        return store.transact(held.tenant, now, _decision(held, outcome, now, policy))

    return settled


class GroupSettler:
    """Stores the outcomes of many threads, at most `GROUP` in a transaction."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store, self._policy = store, policy
        self._alone = settle_alone(store, policy)
        self._gathering = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Waiting] = []

    def settle(self, held: Claim, outcome: Outcome, now: datetime) -> Settled | Fenced:
        """Return what is stored. Raises what the store raised for this outcome."""
        mine = _Waiting(held, outcome, now)
        with self._gathering:
            self._waiting.append(mine)
        with self._turn:
            while not mine.settled.done():
                self._store_group(self._next_group())
        return mine.settled.result()

    def _next_group(self) -> "dict[Tenant, _Waiting]":
        """Take the oldest outcomes that wait, one of each tenant."""
        group: dict[Tenant, _Waiting] = {}
        with self._gathering:
            for each in self._waiting:
                if len(group) < GROUP:
                    group.setdefault(each.held.tenant, each)
            taken = {id(each) for each in group.values()}
            self._waiting = [each for each in self._waiting if id(each) not in taken]
        return group

    def _store_group(self, group: "dict[Tenant, _Waiting]") -> None:
        if len(group) > 1:
            try:
                self._store_together(group)
                return
            except StoreUnavailable as error:  # each thread tries again, after its own pause
                for each in group.values():
                    each.settled.set_exception(error)
                return
            except FirstryError:
                pass  # each alone, so that the one that cannot be stored is told apart
            except BaseException as error:  # a fault of ours: nobody is left waiting for its end
                for each in group.values():
                    each.settled.set_exception(error)
                raise
        for each in group.values():
            try:
                each.settled.set_result(self._alone(each.held, each.outcome, each.now))
            except BaseException as error:
                each.settled.set_exception(error)

    def _store_together(self, group: "dict[Tenant, _Waiting]") -> None:
        work = {
            tenant: _decision(each.held, each.outcome, each.now, self._policy)
            for tenant, each in group.items()
        }
        latest = max(each.now for each in group.values())
        answers = self._store.transact_many(latest, work)
        for tenant, each in group.items():
            each.settled.set_result(answers[tenant])


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    held: Claim
    outcome: Outcome
    now: datetime
    settled: "Future[Settled | Fenced]" = field(default_factory=Future)


def _decision(
    held: Claim, outcome: Outcome, now: datetime, policy: Policy
) -> Decide[Settled | Fenced]:
    def decide(record: TenantRecord | None) -> Change[Settled | Fenced]:
        return settle(record, held, outcome, now, policy)

    return decide
