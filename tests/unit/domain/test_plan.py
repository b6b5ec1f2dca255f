"""What other settings mean for one record, at the limits of each rule.

`tests/conformance/test_plan.py` plays the days of a tenant on every store.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from firstry.domain.ledger import OPERATOR, genesis
from firstry.domain.milestone import Milestone, State
from firstry.domain.plan import (
    Fate,
    Planned,
    is_ordered_again,
    is_planned_anew,
    planned,
    replanning,
)
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import Installation, InstallationSource, Order, TenantRecord
from support.domain import AUTO_12H, AUTO_24H, DEFAULT, INSTALLED_AT, MOMENT, TENANT, at

HOUR = timedelta(hours=1)
AUTO_48H = Trigger("AUTO_48H")
MORE = Policy(triggers=(*DEFAULT.triggers, (AUTO_48H, 48 * HOUR)))
LATER = Policy(triggers=((AUTO_12H, 18 * HOUR), (AUTO_24H, 36 * HOUR)))
FIRST = Milestone(AUTO_12H, 1, State.SCHEDULED, INSTALLED_AT, at(12), at(24), at(12))
SECOND = Milestone(AUTO_24H, 1, State.SCHEDULED, INSTALLED_AT, at(24), None, at(24))
RECORD = TenantRecord(
    TENANT,
    Installation(INSTALLED_AT, InstallationSource.LIFECYCLE),
    genesis(TENANT),
    (FIRST, SECOND),
)
CANCELLED = replace(FIRST, state=State.CANCELLED)
ADDED = Planned(AUTO_48H, Fate.ADDED, None, 48 * HOUR, is_due=False, is_over=False)


def fates(record: TenantRecord, now: datetime, policy: Policy) -> dict[Trigger, Planned]:
    return {each.trigger: each for each in planned(record, now, policy)}


def revisions(before: Milestone, **changed: object) -> TenantRecord:
    """Return a record of two revisions: `before`, and a fresh one with `changed`."""
    fresh = replace(replace(FIRST, revision=2), **changed)  # type: ignore[arg-type]
    return replace(RECORD, milestones=(before, fresh))


def test_a_new_trigger_is_armed_only_where_it_is_still_to_come() -> None:
    window = Planned(AUTO_24H, Fate.WINDOW_MOVES, 24 * HOUR, 24 * HOUR)
    assert planned(RECORD, at(1), MORE) == (window, ADDED)
    assert AUTO_48H in fates(RECORD, at(48) - MOMENT, MORE)
    assert AUTO_48H not in fates(RECORD, at(48), MORE)


def test_nothing_is_planned_without_evidence_or_for_who_is_gone() -> None:
    """Also where a trigger is new, and the installation young enough for it."""
    unknown = Installation(INSTALLED_AT, InstallationSource.UNKNOWN)
    assert planned(replace(RECORD, installation=unknown), at(1), MORE) == ()
    assert planned(replace(RECORD, uninstalled_at=at(1)), at(1), MORE) == ()
    assert planned(replace(RECORD, installation=unknown, uninstalled_at=at(1)), at(1), MORE) == ()


def test_a_trigger_that_is_taken_away_is_neither_due_nor_over() -> None:
    only = Policy(triggers=LATER.triggers[1:])
    removed = Planned(AUTO_12H, Fate.REMOVED, 12 * HOUR, None, is_due=False, is_over=False)
    assert fates(RECORD, at(1), only)[AUTO_12H] == removed


@pytest.mark.parametrize(
    ("now", "is_due", "is_over"),
    [
        (at(18) - MOMENT, False, False),
        (at(18), True, False),
        (at(36) - MOMENT, True, False),
        (at(36), False, True),
    ],
)
def test_what_moves_says_whether_it_is_due_then_or_over(
    now: datetime, is_due: bool, is_over: bool
) -> None:
    moves = Planned(AUTO_12H, Fate.MOVES, 12 * HOUR, 18 * HOUR, is_due, is_over)
    assert fates(RECORD, now, LATER)[AUTO_12H] == moves


@pytest.mark.parametrize(
    "begun",
    [replace(FIRST, attempts=1, starts=1), replace(FIRST, fence=1)],
    ids=["an attempt before an import", "a reset that started it over"],
)
def test_what_was_begun_or_ordered_stays_also_where_only_one_number_tells(
    begun: Milestone,
) -> None:
    """An import counts an attempt under no fence; a reset raises the fence without a start."""
    found = fates(replace(RECORD, milestones=(begun, SECOND)), at(1), LATER)
    assert (found[AUTO_12H].fate, found[AUTO_24H].fate) == (Fate.STAYS, Fate.MOVES)


def test_a_plan_in_which_all_stays_writes_nothing() -> None:
    begun = replace(RECORD, milestones=(replace(FIRST, attempts=1, starts=1),))
    only = Policy(triggers=LATER.triggers[:1])
    change = replanning(Order("a test", OPERATOR, at(1)), only)(begun)
    assert [each.fate for each in change.answer] == [Fate.STAYS]
    assert (change.after, change.entries) == (None, ())


@pytest.mark.parametrize(
    ("before", "due_at", "is_ordered"),
    [
        (CANCELLED, at(12), True),
        (CANCELLED, at(18), False),
        (replace(FIRST, state=State.COMPLETED), at(12), True),
        (replace(FIRST, state=State.COMPLETED), at(18), True),
    ],
    ids=["a reset of what was open", "planned anew", "a reset", "a reset by other evidence"],
)
def test_a_reset_takes_over_the_due_time_or_follows_an_end(
    before: Milestone, due_at: datetime, is_ordered: bool
) -> None:
    record = revisions(before, due_at=due_at)
    assert is_ordered_again(record, record.milestones[1]) is is_ordered
    assert not is_ordered_again(record, before), "nothing is before the first revision"


@pytest.mark.parametrize(
    ("before", "installed_at", "due_at", "is_anew"),
    [
        (CANCELLED, at(0), at(18), True),
        (CANCELLED, at(0), at(12), False),
        (CANCELLED, at(6), at(18), False),
        (replace(FIRST, state=State.COMPLETED), at(0), at(18), False),
    ],
    ids=["planned anew", "a reset", "installed again", "a reset of what had ended"],
)
def test_only_what_was_cancelled_for_another_due_time_is_planned_anew(
    before: Milestone, installed_at: datetime, due_at: datetime, is_anew: bool
) -> None:
    record = revisions(before, installed_at=installed_at, due_at=due_at)
    assert is_planned_anew(record, before) is is_anew
    assert not is_planned_anew(record, record.milestones[1]), "it has no successor"
