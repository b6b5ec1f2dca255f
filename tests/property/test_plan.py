"""Plans under any settings: SQL counts what looking at every tenant counts, and one run ends it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstry.domain.ledger import OPERATOR
from firstry.domain.plan import Fate, planned, replanning
from firstry.domain.policy import CatchUp, Policy, Trigger
from firstry.domain.record import Order
from firstry.insight.scan import ScanInsight
from firstry.lifecycle.plan import changes, preview, replan
from firstry.stores.sql.insight import SqlInsight
from firstry.stores.sql.store import SqlStore
from support.backing import BACKINGS, SHARED
from support.fleet import POLICY, settle_down
from support.invariants import breaches_between, snapshot

HOUR = timedelta(hours=1)
NAMES = [Trigger(name) for name in ("AUTO_12H", "AUTO_24H", "AUTO_48H", "NEW")]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draw one to four triggers with rising ages, near the ones that the fleet was planned by."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    ages = draw(
        st.lists(
            st.sampled_from([1, 6, 12, 18, 24, 36, 48, 300]),
            min_size=len(names),
            max_size=len(names),
            unique=True,
        )
    )
    triggers = tuple((name, age * HOUR) for name, age in zip(names, sorted(ages), strict=True))
    return replace(POLICY, triggers=triggers, catch_up=draw(st.sampled_from(CatchUp)))


@pytest.fixture(scope="module", params=SHARED)
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SqlStore, datetime]]:
    """One fleet that lived through random acts, on each kind of SQL store."""
    store = BACKINGS[request.param](tmp_path_factory.mktemp("plan")).open()
    assert isinstance(store, SqlStore)
    _, now = settle_down(store, Random(29), 40, 900)
    yield store, now
    store.close()


@settings(deadline=None, max_examples=60)
@given(policy=policies(), later=st.integers(-300, 60))
def test_sql_counts_the_same_plans(
    fleet: tuple[SqlStore, datetime], policy: Policy, later: int
) -> None:
    store, now = fleet[0], fleet[1] + later * HOUR
    expected = ScanInsight(store).count_outdated(now, policy)
    assert SqlInsight(store.database).count_outdated(now, policy) == expected
    assert changes(preview(store, now, policy)) == expected


@settings(deadline=None, max_examples=60)
@given(policy=policies(), later=st.integers(0, 60))
def test_one_decision_is_enough_and_touches_nothing_that_began(
    fleet: tuple[SqlStore, datetime], policy: Policy, later: int
) -> None:
    store, now = fleet[0], fleet[1] + later * HOUR
    decide = replanning(Order("a test", OPERATOR, now), policy)
    for record in store.tenants(None, 1000):
        change = decide(record)
        if change.after is None:
            continue
        assert all(each.fate is Fate.STAYS for each in planned(change.after, now, policy))
        for milestone in record.milestones:
            if milestone.starts or not milestone.is_live():
                assert change.after.milestone(*milestone.key) == milestone


def test_the_fleet_knows_every_fate(fleet: tuple[SqlStore, datetime]) -> None:
    """Else the comparisons above would compare little. Then it is done, on the store itself."""
    store, now = fleet
    ages = ((NAMES[0], 18 * HOUR), (NAMES[3], 300 * HOUR))
    policy = replace(POLICY, triggers=ages)
    fates = {line.fate for line in preview(store, now - 250 * HOUR, policy)}
    assert fates >= {Fate.MOVES, Fate.REMOVED, Fate.ADDED}
    assert Fate.STAYS in {line.fate for line in preview(store, now, policy)}
    before = [snapshot(store, record) for record in store.tenants(None, 1000)]
    replan(store, Order("a test", OPERATOR, now), policy, lambda _: None)
    for old in before:
        record = store.read(old.record.tenant)
        assert record is not None
        assert breaches_between(old, snapshot(store, record)) == []
    assert SqlInsight(store.database).count_outdated(now, policy) == 0
