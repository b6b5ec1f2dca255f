"""The table of transitions, and the ends of a milestone's times."""

from dataclasses import replace

import pytest

from firstry.domain.milestone import LIVE, TRANSITIONS, Act, Milestone, State, require
from support.domain import AUTO_12H, MOMENT, at

FINAL = frozenset(State) - LIVE


SCHEDULED = Milestone(
    trigger=AUTO_12H,
    revision=1,
    state=State.SCHEDULED,
    installed_at=at(0),
    due_at=at(12),
    window_end_at=at(24),
    next_due=at(12),
)
LEASED = replace(SCHEDULED, state=State.CLAIMED, lease_until=at(12, 5))


def test_every_act_has_its_place_in_the_table() -> None:
    assert TRANSITIONS.keys() == set(Act)


def test_no_act_starts_from_a_final_state() -> None:
    """I3: completed, missed, discarded and cancelled are final."""
    assert {state for sources, _ in TRANSITIONS.values() for state in sources} == LIVE
    assert {State.COMPLETED, State.MISSED, State.DISCARDED, State.CANCELLED} == FINAL


def test_only_a_claimed_milestone_is_settled() -> None:
    """I5: what was not claimed has no outcome."""
    settling = {Act.COMPLETE, Act.FAIL, Act.DEFER}
    assert {TRANSITIONS[act][0] for act in settling} == {frozenset({State.CLAIMED})}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", Act)
def test_an_act_happens_where_the_table_allows_it_and_nowhere_else(act: Act, state: State) -> None:
    sources, target = TRANSITIONS[act]
    if state in sources:
        assert require(act, replace(SCHEDULED, state=state)) is target
    else:
        with pytest.raises(ValueError, match="cannot start from"):
            require(act, replace(SCHEDULED, state=state))


@pytest.mark.parametrize("state", State)
def test_only_live_milestones_are_eligible_and_only_from_next_due_on(state: State) -> None:
    """I8: eligible from its due time on, that instant included."""
    held = replace(SCHEDULED, state=state)
    assert not held.is_eligible(at(12) - MOMENT)
    assert held.is_eligible(at(12)) is held.is_eligible(at(99)) is (state in LIVE)


def test_a_lease_ends_at_its_end() -> None:
    assert LEASED.is_leased(at(12, 5) - MOMENT)
    assert not LEASED.is_leased(at(12, 5))


def test_what_is_not_claimed_has_no_lease() -> None:
    assert not SCHEDULED.is_leased(at(12))


def test_a_window_is_over_at_its_end() -> None:
    assert not SCHEDULED.is_window_over(at(24) - MOMENT)
    assert SCHEDULED.is_window_over(at(24))


def test_a_window_without_an_end_is_never_over() -> None:
    assert not replace(SCHEDULED, window_end_at=None).is_window_over(at(1_000_000))
