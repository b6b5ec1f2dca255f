"""Outcomes that end together are stored together, and each as if it were alone."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from firstry.domain.claim import Claim
from firstry.domain.errors import CommitUnknown, Defect, StoreUnavailable
from firstry.domain.milestone import Act
from firstry.domain.outcome import Failed
from firstry.domain.record import Decide
from firstry.domain.settle import Fenced, Settled
from firstry.domain.tenant import Tenant
from firstry.scheduler.attempt import begin_many
from firstry.scheduler.settler import GroupSettler
from support.attempt import Bench, FalteringStore
from support.domain import AUTO_12H, DEFAULT, at, install, milestone_of, tenant

T = TypeVar("T")
OUTCOME = Failed("JIRA_5XX", "503")
TENANTS = 6


class Slow(FalteringStore):
    """A store whose next write waits until the test has seen it come."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.instants: list[datetime] = []
        self.came, self.may_go = threading.Event(), threading.Event()
        self.may_go.set()
        self.refused: Tenant | None = None

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        self.sizes.append(len(work))
        self.instants.append(now)
        self.came.set()
        assert self.may_go.wait(10)
        if self.refused in work:
            raise Defect("a row of this tenant cannot be read")
        return super().transact_many(now, work, skip_locked=skip_locked)


def claimed(store: Slow) -> list[Claim]:
    """Return a claim of each of six tenants."""
    for number in range(TENANTS):
        install(store, tenant(number))
    claims = begin_many(Bench(store).parts, [tenant(number) for number in range(TENANTS)], at(12))
    assert len(claims) == TENANTS
    store.sizes.clear()
    store.came.clear()
    return claims


def settle_together(
    store: Slow, claims: list[Claim], step: timedelta = timedelta()
) -> list[Settled | Fenced | BaseException]:
    """Settle the first claim, and all others while the store is busy with it.

    Each of the others ends a `step` later than the one before.
    """
    settler = GroupSettler(store, DEFAULT)
    store.may_go.clear()
    with ThreadPoolExecutor(len(claims)) as threads:
        first = threads.submit(settler.settle, claims[0], OUTCOME, at(12.1))
        assert store.came.wait(10)
        others = [
            threads.submit(settler.settle, held, OUTCOME, at(12.1) + number * step)
            for number, held in enumerate(claims[1:])
        ]
        while len(settler._waiting) < len(others):
            pass
        store.may_go.set()
        return [each.exception() or each.result() for each in (first, *others)]


def test_what_ends_while_another_commits_goes_in_one_transaction() -> None:
    store = Slow()
    ends = settle_together(store, claimed(store))
    assert store.sizes == [1, TENANTS - 1]
    assert [end.act for end in ends if isinstance(end, Settled)] == [Act.FAIL] * TENANTS
    for number in range(TENANTS):
        milestone = milestone_of(store, AUTO_12H, tenant(number))
        assert milestone.next_due == at(12.1) + DEFAULT.waits[0]


def test_two_outcomes_are_enough_for_one_transaction() -> None:
    store = Slow()
    settle_together(store, claimed(store)[:3])
    assert store.sizes == [1, 2]


def test_a_group_is_written_at_the_latest_of_its_instants() -> None:
    """I14: no store is told an earlier time than an outcome in it was decided by."""
    store, step = Slow(), timedelta(seconds=1)
    claims = claimed(store)
    store.instants.clear()
    settle_together(store, claims, step)
    assert store.instants == [at(12.1), at(12.1) + (TENANTS - 2) * step]
    for number, held in enumerate(claims[1:]):
        milestone = milestone_of(store, AUTO_12H, held.tenant)
        assert milestone.next_due == at(12.1) + number * step + DEFAULT.waits[0]


def test_an_outcome_that_the_store_refuses_holds_up_no_other() -> None:
    store = Slow()
    claims = claimed(store)
    store.refused = claims[3].tenant
    ends = settle_together(store, claims)
    assert [isinstance(end, Defect) for end in ends] == [n == 3 for n in range(TENANTS)]
    assert sum(isinstance(end, Settled) for end in ends) == TENANTS - 1


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), CommitUnknown("lost")])
def test_a_store_that_is_lost_is_told_to_each_and_a_repeat_counts_once(
    error: StoreUnavailable,
) -> None:
    store = Slow()
    claims = claimed(store)
    store.after += [None, error]
    ends = settle_together(store, claims)
    assert [end is error for end in ends] == [False] + [True] * (TENANTS - 1)
    again = [GroupSettler(store, DEFAULT).settle(held, OUTCOME, at(12.2)) for held in claims]
    assert all(isinstance(end, Settled) and end.is_repeat for end in again)
    assert {milestone_of(store, AUTO_12H, held.tenant).attempts for held in claims} == {1}


def test_a_claim_that_is_no_longer_in_force_is_fenced_in_a_group_too() -> None:
    store = Slow()
    claims = claimed(store)
    stale = replace(claims[2], fence=claims[2].fence - 1)
    ends = settle_together(store, [*claims[:2], stale, *claims[3:]])
    assert [isinstance(end, Fenced) for end in ends] == [n == 2 for n in range(TENANTS)]


class Faulty(Slow):
    """A store that meets something nobody thought of when it is given several outcomes."""

    is_faulty = False

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        if self.is_faulty and len(work) > 1:
            raise LookupError("a fault")
        return super().transact_many(now, work, skip_locked=skip_locked)


def test_a_fault_of_our_own_leaves_nobody_waiting() -> None:
    store = Faulty()
    claims = claimed(store)
    store.is_faulty = True
    ends = settle_together(store, claims)
    assert [isinstance(end, LookupError) for end in ends] == [False] + [True] * (TENANTS - 1)
