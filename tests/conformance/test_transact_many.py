"""Many tenants in one transaction: all or none, in one order, otherwise as one by one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstry.domain.claim import Claim, claim
from firstry.domain.errors import Defect
from firstry.domain.outcome import Deferred, Failed, Outcome
from firstry.domain.policy import DeferralKind
from firstry.domain.record import Change, Decide, TenantRecord
from firstry.domain.settle import settle
from firstry.domain.tenant import Tenant
from firstry.domain.wake import forget_token, wake
from firstry.ports.store import Store, T
from firstry.stores.memory import MemoryStore
from support.backing import BACKINGS
from support.domain import (
    DEFAULT,
    FAR,
    all_entries,
    all_reports,
    at,
    claim_at,
    completed,
    install,
    known,
    settle_at,
    tenant,
    token,
    won,
)
from support.invariants import breaches_of, snapshot
from support.noter import noted

THREE = (tenant(1), tenant(2), tenant(3))


class Stopped(Exception):
    """What a decision raises in these tests."""


def claims_at(now: datetime, *tenants: Tenant) -> dict[Tenant, Decide[Any]]:
    """Return the work of claiming for each tenant."""
    return {who: lambda record: claim(record, now, DEFAULT) for who in tenants}


def contents(store: Store, *tenants: Tenant) -> list[object]:
    """Return all that a store holds of these tenants, but for the store's own clock."""
    return [
        (
            replace(record, store_clock_at=None) if record is not None else None,
            store.token(who),
            all_entries(store, who),
            all_reports(store, who),
        )
        for who in tenants
        for record in [store.read(who)]
    ]


def test_all_are_written_and_each_has_its_own_answer(store: Store) -> None:
    for who in THREE:
        install(store, who)
    answers = store.transact_many(at(12), claims_at(at(12), *THREE))
    assert answers.keys() == set(THREE)
    for who, answer in answers.items():
        assert isinstance(answer, Claim)
        assert answer.tenant == who
        assert answer.head == known(store, who).head
        assert breaches_of(snapshot(store, known(store, who)), DEFAULT) == []


def test_tenants_are_taken_in_one_order_whatever_the_order_of_the_work(store: Store) -> None:
    """What keeps two batches from waiting for each other in a circle. Unknown ones too."""
    for who in THREE[1:]:
        install(store, who)
    asked: list[Tenant] = []

    def deciding(who: Tenant) -> Decide[None]:
        def decide(record: TenantRecord | None) -> Change[None]:
            assert (record.tenant if record is not None else THREE[0]) == who
            asked.append(who)
            return Change(None)

        return decide

    for order in (THREE, THREE[::-1], (THREE[1], THREE[2], THREE[0])):
        asked.clear()
        store.transact_many(at(12), {who: deciding(who) for who in order})
        assert asked == list(THREE)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_one_decision_that_raises_leaves_nothing_of_all(store: Store, place: int) -> None:
    for who in THREE:
        install(store, who)
    before = contents(store, *THREE), store.check()

    def decide(record: TenantRecord | None) -> Change[Any]:
        raise Stopped

    with pytest.raises(Stopped):
        store.transact_many(at(12), claims_at(at(12), *THREE) | {THREE[place]: decide})
    assert (contents(store, *THREE), store.check()) == before
    assert isinstance(claim_at(store, at(12), THREE[0]), Claim)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_one_change_that_is_refused_leaves_nothing_of_all(store: Store, place: int) -> None:
    """P11: one report is left out of what is otherwise in order."""
    for who in THREE:
        install(store, who)
    held = won(store, at(12), THREE[place])
    before = contents(store, *THREE), store.check()

    def without_report(record: TenantRecord | None) -> Change[Any]:
        change = settle(record, held, completed(held), at(13), DEFAULT)
        return Change(None, change.after, change.entries)

    with pytest.raises(Defect):
        store.transact_many(at(13), claims_at(at(13), *THREE) | {THREE[place]: without_report})
    assert (contents(store, *THREE), store.check()) == before
    settle_at(store, held, completed(held), at(13))
    assert len(all_reports(store, None)) == 1


def test_unknown_tenants_come_as_none_and_may_be_recorded_together(store: Store) -> None:
    install(store, THREE[1])
    looked = store.transact_many(at(1), {who: lambda record: Change(record) for who in THREE})
    assert [record is None for record in looked.values()] == [True, False, True]
    assert store.read(THREE[0]) is None
    work = {who: installing(who, at(1)) for who in THREE}
    assert [str(answer) for answer in store.transact_many(at(1), work).values()] == [
        "INSTALLATION_RECORDED",
        "ALREADY_RECORDED",
        "INSTALLATION_RECORDED",
    ]
    assert [record.tenant for record in store.tenants(None, 9)] == list(THREE)


def test_a_tenant_without_a_change_stays_as_it_is(store: Store) -> None:
    for who in THREE:
        install(store, who)
    before = contents(store, *THREE)
    work = claims_at(at(12), THREE[1]) | {who: lambda _: Change("idle") for who in THREE[::2]}
    answers = store.transact_many(at(12), work)
    assert [answers[who] for who in THREE[::2]] == ["idle", "idle"]
    after = contents(store, *THREE)
    assert after[::2] == before[::2]
    assert after[1] != before[1]


def test_no_work_is_done_at_once(store: Store) -> None:
    assert store.transact_many(at(5), {}) == {}
    assert store.transact_many(at(5), {}, skip_locked=True) == {}
    assert store.check() is None


def test_the_stores_clock_follows_a_batch_that_writes(store: Store) -> None:
    """I14: once for all tenants, never back, and not for a mere look."""
    for who in THREE:
        install(store, who)
    store.transact_many(at(9), {who: lambda _: Change(None) for who in THREE})
    assert store.check() == at(0)
    store.transact_many(at(12), claims_at(at(12), *THREE))
    assert {known(store, who).store_clock_at for who in THREE} == {at(12)}
    store.transact_many(at(7), {who: lambda record: noted(record, at(7)) for who in THREE})
    assert store.check() == at(12)


@pytest.mark.parametrize("is_skipping", [False, True])
def test_nobody_is_left_out_where_nobody_is_held(store: Store, is_skipping: bool) -> None:
    """Unknown tenants are held by nobody either."""
    for who in THREE[:2]:
        install(store, who)
    work = {who: lambda record: Change(record is not None) for who in THREE}
    answers = store.transact_many(at(1), work, skip_locked=is_skipping)
    assert answers == {THREE[0]: True, THREE[1]: True, THREE[2]: False}


# As one by one ----------------------------------------------------------------------

ACTS = ("claim", "complete", "fail", "defer", "wake", "forget", "install", "nothing")
PASTS = ("unknown", "installed", "claimed", "failed", "completed")
DUE = timedelta(hours=12)
serial = count(1)
"""Each example has tenants and days of its own, for the stores last over all of them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One tenant of a batch: how it stands before, and what is done to it."""

    past: str
    act: str


def installing(who: Tenant, now: datetime) -> Decide[Any]:
    """Return the decision of `record_installation`, caught on its way to a store."""
    caught: list[Decide[Any]] = []

    class Catching(MemoryStore):
        def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
            caught.append(decide)
            return super().transact(tenant, now, decide)

    install(Catching(), who, installed_at=now)
    return caught[0]


def lived(store: Store, who: Tenant, past: str, begin: datetime) -> Claim | None:
    """Bring a new tenant to where its past ends; return its last claim, if it has one."""
    if past == "unknown":
        return None
    install(store, who, installed_at=begin)
    if past == "installed":
        return None
    held = won(store, begin + DUE, who)
    if past == "failed":
        settle_at(store, held, Failed("CODE", "words"), begin + DUE)
    if past == "completed":
        settle_at(store, held, completed(held), begin + DUE)
    return held


def decision(case: Case, who: Tenant, held: Claim | None, now: datetime) -> Decide[Any]:
    """Return what a case does to its tenant; without a claim to settle it does nothing."""
    outcomes: Mapping[str, Callable[[Claim], Outcome]] = {
        "complete": completed,
        "fail": lambda _: Failed("CODE", "words"),
        "defer": lambda _: Deferred(DeferralKind.QUOTA, "later", now + DUE),
    }
    if case.act in outcomes and held is not None:
        outcome = outcomes[case.act](held)
        return lambda record: settle(record, held, outcome, now, DEFAULT)
    if case.act == "claim":
        return lambda record: claim(record, now, DEFAULT)
    if case.act == "wake":
        return lambda record: wake(record, token(now + 2 * FAR, b"newer"), now, DEFAULT)
    if case.act == "forget":
        return lambda record: forget_token(record, None)
    if case.act == "install":
        return installing(who, now)
    return lambda record: Change(None)


@pytest.fixture(scope="module", params=BACKINGS)
def lasting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store of every kind for all examples of a property: each brings tenants of its own."""
    folder: Path = tmp_path_factory.mktemp("lasting")
    store = BACKINGS[request.param](folder).open()
    yield store
    store.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cases=st.lists(
        st.builds(Case, st.sampled_from(PASTS), st.sampled_from(ACTS)), min_size=1, max_size=6
    ),
    turn=st.randoms(use_true_random=False),
    passed=st.sampled_from([0.0, 0.2, 1.0, 12.0, 28.0]),
)
def test_a_batch_is_as_single_transactions(
    lasting: Store, cases: list[Case], turn: Random, passed: float
) -> None:
    """The model does one after the other what the store does at once."""
    model, example = MemoryStore(), next(serial)
    everybody = [tenant(10 * example + place) for place in range(len(cases))]
    begin = at(100 * example)
    now = begin + DUE + timedelta(hours=passed)
    work: dict[Tenant, Decide[Any]] = {}
    for who, case in zip(everybody, cases, strict=True):
        held = lived(model, who, case.past, begin)
        assert lived(lasting, who, case.past, begin) == held
        work[who] = decision(case, who, held, now)
    expected = {who: model.transact(who, now, decide) for who, decide in work.items()}
    order = list(work)
    turn.shuffle(order)
    assert lasting.transact_many(now, {who: work[who] for who in order}) == expected
    assert contents(lasting, *everybody) == contents(model, *everybody)
