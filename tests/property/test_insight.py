"""The read model says the same over SQL as by looking at every tenant, for any filter.

Both read the same database, a fleet that lived through random acts. What is printed
of a filter reads as that filter again.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstry.domain.filter import Condition, Field, Filter, Operator, Value
from firstry.domain.filter_text import RULES, parse_filter, print_filter
from firstry.domain.job import Target
from firstry.domain.phase import Phase, Scene, scene_at
from firstry.domain.tenant import CloudId
from firstry.insight.scan import ScanInsight
from firstry.ports.insight import Count, Insight, Line, LineQuery
from firstry.ports.store import Store
from firstry.stores.sql.insight import SqlInsight
from firstry.stores.sql.store import SqlStore
from support.backing import BACKINGS, SHARED
from support.fleet import ERRORS, POLICY, named, settle_down

TENANTS = 40
ACTS = 900
words_of = {
    Field.SITE: ["acme", "ACME-site_0", "a_e", "beta", "012", *(named(n).cloud_id for n in (1, 3))],
    Field.STATE: [phase.value for phase in Phase],
    Field.TRIGGER: ["AUTO_12H", "AUTO_24H", "MANUAL", "OTHER"],
    Field.ERROR: [*(code for code, _ in ERRORS), "LEASE_EXPIRED", "NONE_SUCH"],
}
spans = st.integers(0, 200).map(lambda half_hours: timedelta(minutes=30 * half_hours))


def _values(field: Field, operator: Operator) -> st.SearchStrategy[Value]:
    if field in words_of:
        words = st.sampled_from(words_of[field])
        most = 1 if operator is Operator.HAS else 4
        return st.lists(words, min_size=1, max_size=most, unique=True).map(tuple)
    if field is Field.ATTEMPTS:
        return st.integers(0, 5)
    return st.booleans() if Operator.IS in RULES[field].operators else spans


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    """Draw up to four conditions that may stand beside each other."""
    keys = [(field, operator) for field, rule in RULES.items() for operator in rule.operators]
    chosen = draw(st.lists(st.sampled_from(keys), max_size=4, unique=True))
    return Filter(tuple(Condition(f, o, draw(_values(f, o))) for f, o in chosen))


@given(filters())
def test_what_is_printed_reads_as_the_same_filter(wanted: Filter) -> None:
    assert parse_filter(print_filter(wanted)) == wanted


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet at rest, seen in both ways."""

    store: Store
    scan: Insight
    sql: Insight
    now: datetime

    def scene(self, later: timedelta) -> Scene:
        """Return the scene some time after the last act."""
        return scene_at(self.now + later, POLICY)


@pytest.fixture(scope="module", params=SHARED)
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """One fleet on each kind of SQL store."""
    folder: Path = tmp_path_factory.mktemp("fleet")
    store = BACKINGS[request.param](folder).open()
    assert isinstance(store, SqlStore)
    _, now = settle_down(store, Random(29), TENANTS, ACTS)
    yield Fleet(store, ScanInsight(store), SqlInsight(store.database), now)
    store.close()


def _tenants(insight: Insight, wanted: Filter, scene: Scene, size: int) -> list[CloudId]:
    found: list[CloudId] = []
    while page := insight.tenants(wanted, scene, found[-1] if found else None, size):
        found += [record.tenant.cloud_id for record in page]
    return found


def _targets(insight: Insight, wanted: Filter, scene: Scene, size: int) -> list[Target]:
    found: list[Target] = []
    while page := insight.targets(wanted, scene, found[-1] if found else None, size):
        found += page
    return found


@settings(deadline=None, max_examples=120)
@given(wanted=filters(), later=spans, size=st.integers(1, 20))
def test_any_filter_means_the_same(
    fleet: Fleet, wanted: Filter, later: timedelta, size: int
) -> None:
    scene = fleet.scene(later)
    expected = _tenants(fleet.scan, wanted, scene, 1000)
    assert _tenants(fleet.sql, wanted, scene, size) == expected
    assert fleet.sql.count_tenants(wanted, scene) == len(expected)
    targets = _targets(fleet.scan, wanted, scene, 1000)
    assert _targets(fleet.sql, wanted, scene, size) == targets
    assert fleet.sql.count(wanted, scene) == Count(len(expected), len(targets))
    assert fleet.sql.count_targets(wanted, scene) == len(targets)


@settings(deadline=None, max_examples=40)
@given(later=spans, late=spans)
def test_the_numbers_are_the_same(fleet: Fleet, later: timedelta, late: timedelta) -> None:
    scene = fleet.scene(later)
    tally = fleet.scan.tally(scene, scene.now - late)
    assert fleet.sql.tally(scene, scene.now - late) == tally
    assert fleet.sql.rates(fleet.now - late) == fleet.scan.rates(fleet.now - late)
    assert fleet.sql.next_due_at(scene.now) == fleet.scan.next_due_at(scene.now)
    assert fleet.sql.to_erase(scene.now - late, 9) == fleet.scan.to_erase(scene.now - late, 9)


def test_failures_and_ticks_are_the_same(fleet: Fleet) -> None:
    assert fleet.sql.failures(100) == fleet.scan.failures(100)
    assert fleet.sql.last_tick_at() == fleet.scan.last_tick_at()


@pytest.mark.parametrize(
    "query",
    [
        LineQuery(),
        LineQuery(kind="FAILED"),
        LineQuery(kind="EVIDENCE_READ"),
        LineQuery(actor="operator"),
        LineQuery(actor="scheduler", kind="DISCARDED"),
        LineQuery(actor="operator", kind="PAUSED"),
        LineQuery(named(4)),
        LineQuery(named(4), kind="CLAIMED", actor="scheduler"),
    ],
    ids=str,
)
def test_the_ledgers_are_listed_the_same(fleet: Fleet, query: LineQuery) -> None:
    expected = _lines(fleet.scan, query, 1000)
    assert _lines(fleet.sql, query, 7) == expected
    assert expected or query.kind == "EVIDENCE_READ"


def _lines(insight: Insight, query: LineQuery, size: int) -> Sequence[Line]:
    found: list[Line] = []
    while page := insight.lines(query, found[-1].place if found else None, size):
        found += page
    return found


def test_the_fleet_has_every_phase_somewhere(fleet: Fleet) -> None:
    """Else the comparisons above would compare nothing."""
    seen: Counter[Phase] = Counter()
    for hours in range(-6, 60, 3):
        scene = fleet.scene(timedelta(hours=hours))
        for each in fleet.scan.tally(scene, scene.now):
            seen[each.phase] += each.count
    assert set(seen) == set(Phase)
