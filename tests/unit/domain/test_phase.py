"""Where a milestone stands at an instant, as whoever watches it is told."""

from dataclasses import replace
from datetime import datetime

import pytest

from firstry.domain.ledger import genesis
from firstry.domain.milestone import LastError, Milestone, State
from firstry.domain.phase import Phase, current, phase_of, scene_at, wait_began_at, wait_of
from firstry.domain.policy import DeferralKind
from firstry.domain.record import Installation, InstallationSource, TenantRecord
from support.domain import AUTO_12H, AUTO_24H, DEFAULT, FAR, INSTALLED_AT, MOMENT, TENANT, at

DUE_AT = at(12)
FRESH = Milestone(AUTO_12H, 1, State.SCHEDULED, INSTALLED_AT, DUE_AT, at(24), DUE_AT)
CLAIMED = replace(
    FRESH, state=State.CLAIMED, attempts=1, starts=1, fence=1, lease_until=at(13), next_due=at(14)
)
FAILED = replace(
    FRESH, attempts=1, next_due=at(15), last_error=LastError("C", "it failed", at(12, 30), 1)
)
DEFERRED = replace(FRESH, next_due=at(15), deferral_kind=DeferralKind.TOKEN, deferrals=1)
RECORD = TenantRecord(
    TENANT,
    Installation(INSTALLED_AT, InstallationSource.LIFECYCLE),
    genesis(TENANT),
    (FRESH,),
    token_expires_at=INSTALLED_AT + FAR,
)
BEFORE = DUE_AT - MOMENT


@pytest.mark.parametrize(
    ("milestone", "now", "phase"),
    [
        (FRESH, BEFORE, Phase.SCHEDULED),
        (FRESH, DUE_AT, Phase.DUE),
        (CLAIMED, at(12, 30), Phase.RUNNING),
        (CLAIMED, at(13), Phase.BACKOFF),
        (CLAIMED, at(14), Phase.DUE),
        (replace(CLAIMED, deferral_kind=DeferralKind.TOKEN), at(13), Phase.BACKOFF),
        (replace(CLAIMED, next_due=DUE_AT, lease_until=at(11)), at(11), Phase.BACKOFF),
        (FAILED, at(14), Phase.BACKOFF),
        (FAILED, at(15), Phase.DUE),
        (DEFERRED, at(14), Phase.DEFERRED),
        (DEFERRED, at(15), Phase.DUE),
    ],
)
def test_a_live_milestone_stands_by_the_clock(
    milestone: Milestone, now: datetime, phase: Phase
) -> None:
    record = replace(RECORD, milestones=(milestone,))
    assert phase_of(record, milestone, scene_at(now, DEFAULT)) is phase


@pytest.mark.parametrize("state", [State.COMPLETED, State.MISSED, State.DISCARDED, State.CANCELLED])
def test_a_milestone_that_has_ended_stands_where_it_ended(state: State) -> None:
    ended = replace(CLAIMED, state=state)
    assert phase_of(RECORD, ended, scene_at(at(12, 30), DEFAULT)).value == state.value


def test_what_is_due_waits_for_a_token_that_outlives_an_attempt() -> None:
    scene = scene_at(DUE_AT, DEFAULT)
    assert scene.token_until == at(12, 3), "120 seconds of generation and the margin of 60"
    for until, phase in (
        (None, Phase.WAITING),
        (at(12, 3) - MOMENT, Phase.WAITING),
        (at(12, 3), Phase.DUE),
    ):
        assert phase_of(replace(RECORD, token_expires_at=until), FRESH, scene) is phase


def test_only_the_latest_revision_of_a_trigger_is_current() -> None:
    old = replace(FRESH, state=State.CANCELLED)
    new, other = replace(FRESH, revision=2), replace(FRESH, trigger=AUTO_24H)
    record = replace(RECORD, milestones=(old, new, other))
    assert list(current(record)) == [new, other]


@pytest.mark.parametrize(
    ("milestone", "began_at"),
    [
        (FAILED, at(12, 30)),
        (replace(CLAIMED, last_error=FAILED.last_error), at(13)),
        (FRESH, DUE_AT),
        (replace(FAILED, last_error=None), DUE_AT),
    ],
    ids=["a failure", "a crash", "none", "a wait without its failure"],
)
def test_a_wait_begins_where_the_attempt_ended(milestone: Milestone, began_at: datetime) -> None:
    assert wait_began_at(milestone) == began_at
    assert wait_of(milestone) == milestone.next_due - began_at
