"""What a tick speaks of: the table of SURFACE, row by row, and the limits between its rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from firstry.domain.due import (
    Due,
    Quiet,
    Reason,
    decide,
    due_query,
    end_of,
    has_ends,
    has_live_token,
)
from firstry.domain.milestone import Act, State
from firstry.domain.outcome import Deferred, Failed
from firstry.domain.policy import CLOCK_TOLERANCE, CatchUp, DeferralKind, Policy, Trigger
from firstry.domain.record import TenantRecord
from firstry.lifecycle.pause import pause
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    MOMENT,
    TENANT,
    at,
    claim_at,
    complete,
    drop_token,
    install,
    known,
    milestone_of,
    settle_at,
    tenant,
    won,
)

FAILED = Failed("JIRA_UNREADABLE", "Jira did not answer")
REFUSED = Deferred(DeferralKind.TOKEN, "Jira refused the app's token")
THROTTLED = Deferred(DeferralKind.QUOTA, "Jira's rate limit is used up", at(16))
LEASE = DEFAULT.lease

Arrange = Callable[[MemoryStore], object]


def _installed(store: MemoryStore) -> None:
    install(store)


def _failed_at_12(store: MemoryStore) -> None:
    install(store)
    settle_at(store, won(store, at(12)), FAILED, at(12))


def _deferred_at_12(store: MemoryStore) -> None:
    install(store)
    settle_at(store, won(store, at(12)), REFUSED, at(12))


def _throttled_at_12(store: MemoryStore) -> None:
    install(store)
    settle_at(store, won(store, at(12)), THROTTLED, at(12))


def _claimed_at_12(store: MemoryStore) -> None:
    install(store)
    won(store, at(12))


def _done_at_12(store: MemoryStore) -> None:
    install(store)
    complete(store, at(12))


def _all_done(store: MemoryStore) -> None:
    _done_at_12(store)
    complete(store, at(24))


def _missed_at_24(store: MemoryStore) -> None:
    install(store)
    settle_at(store, won(store, at(24)), FAILED, at(24))


def _without_token(store: MemoryStore) -> None:
    install(store, token_until=None)


def _done_then_without_token(store: MemoryStore) -> None:
    _done_at_12(store)
    drop_token(store, at(13))


def _paused(store: MemoryStore) -> None:
    install(store)
    pause(store, TENANT, "reason", at(1))


def _paused_without_token(store: MemoryStore) -> None:
    _without_token(store)
    pause(store, TENANT, "reason", at(1))


def _with_a_clock_ahead(store: MemoryStore) -> None:
    _installed(store)
    install(store, tenant(1), now=at(15))


TICK_TABLE: list[tuple[str, Arrange, datetime, Reason, Trigger | None]] = [
    ("nothing known of it", lambda store: None, at(12), Reason.INSTALLATION_UNKNOWN, None),
    ("paused", _paused, at(12), Reason.PAUSED, None),
    ("paused, no token", _paused_without_token, at(12), Reason.PAUSED, None),
    ("clock stepped back", _with_a_clock_ahead, at(12), Reason.CLOCK_BEHIND, None),
    ("young", _installed, at(12) - MOMENT, Reason.NOT_DUE, None),
    ("young, no token", _without_token, at(0), Reason.NOT_DUE, None),
    ("due, no token", _without_token, at(12), Reason.WAITING_FOR_TOKEN, AUTO_12H),
    ("both due, no token", _done_then_without_token, at(24), Reason.WAITING_FOR_TOKEN, AUTO_24H),
    ("lease begun", _claimed_at_12, at(12), Reason.CLAIMED_ELSEWHERE, AUTO_12H),
    ("lease ending", _claimed_at_12, at(12) + LEASE - MOMENT, Reason.CLAIMED_ELSEWHERE, AUTO_12H),
    ("lease over", _claimed_at_12, at(12) + LEASE, Reason.BACKOFF_ACTIVE, AUTO_12H),
    ("crash wait ending", _claimed_at_12, at(12, 35) - MOMENT, Reason.BACKOFF_ACTIVE, AUTO_12H),
    ("failed now", _failed_at_12, at(12), Reason.BACKOFF_ACTIVE, AUTO_12H),
    ("wait ending", _failed_at_12, at(12, 30) - MOMENT, Reason.BACKOFF_ACTIVE, AUTO_12H),
    ("token refused", _deferred_at_12, at(12, 15) - MOMENT, Reason.DEFERRED, AUTO_12H),
    ("quota", _throttled_at_12, at(16) - MOMENT, Reason.DEFERRED, AUTO_12H),
    ("done", _done_at_12, at(12), Reason.DONE_KEY_EXISTS, AUTO_12H),
    ("done, 24 h to come", _done_at_12, at(24) - MOMENT, Reason.DONE_KEY_EXISTS, AUTO_12H),
    ("all done", _all_done, at(24), Reason.DONE_KEY_EXISTS, AUTO_24H),
    ("done years ago", _all_done, at(24 * 3000), Reason.DONE_KEY_EXISTS, AUTO_24H),
    ("missed, next waits", _missed_at_24, at(24, 1), Reason.BACKOFF_ACTIVE, AUTO_24H),
]


@pytest.mark.parametrize(
    ("arrange", "now", "reason", "trigger"),
    [row[1:] for row in TICK_TABLE],
    ids=[row[0] for row in TICK_TABLE],
)
def test_a_tick_that_claims_nothing_says_why(
    arrange: Arrange, now: datetime, reason: Reason, trigger: Trigger | None
) -> None:
    """P9: done stays done for years. P19: the reason speaks of the trigger it is about.
    P25: a reason is only given for a record that was really read."""
    store = MemoryStore()
    arrange(store)
    decision = claim_at(store, now)
    assert isinstance(decision, Quiet)
    named = decision.milestone.trigger if decision.milestone else None
    assert (decision.reason, named) == (reason, trigger)


@pytest.mark.parametrize("state", [State.MISSED, State.DISCARDED, State.CANCELLED])
def test_a_closed_milestone_is_called_closed(state: State) -> None:
    record = _record(state, hours=13)
    decision = decide(record, at(13), DEFAULT)
    assert decision == Quiet(Reason.CLOSED, record.milestones[0])


def _record(state: State, *, hours: float) -> TenantRecord:
    store = MemoryStore()
    install(store)
    record = known(store)
    return record.with_milestone(replace(record.milestones[0], state=state, next_due=at(hours)))


def test_every_reason_of_a_quiet_tick_is_reached() -> None:
    reached = {row[3] for row in TICK_TABLE} | {Reason.CLOSED}
    of_an_attempt = {Reason.GENERATED, Reason.GENERATION_FAILED, Reason.GENERATION_IN_PROGRESS}
    assert reached | of_an_attempt == set(Reason)


@pytest.mark.parametrize("now", [at(12), at(12) + MOMENT, at(24) - MOMENT])
def test_a_milestone_is_due_from_its_due_time_to_the_end_of_its_window(now: datetime) -> None:
    """I8, P15: due from the instant the evidence says, that instant included."""
    store = MemoryStore()
    install(store)
    assert decide(known(store), now, DEFAULT) == Due(milestone_of(store, AUTO_12H))


def test_at_the_end_of_a_window_the_next_trigger_is_due_instead() -> None:
    store = MemoryStore()
    install(store)
    assert decide(known(store), at(24), DEFAULT) == Due(milestone_of(store, AUTO_24H))


@pytest.mark.parametrize(
    ("arrange", "now"),
    [(_failed_at_12, at(12, 30)), (_claimed_at_12, at(12, 35)), (_deferred_at_12, at(12, 15))],
    ids=["failure", "crash", "deferral"],
)
def test_a_wait_ends_at_its_end(arrange: Arrange, now: datetime) -> None:
    store = MemoryStore()
    arrange(store)
    assert isinstance(decide(known(store), now, DEFAULT), Due)


def test_the_first_that_may_be_claimed_comes_first() -> None:
    policy = Policy(catch_up=CatchUp.ALL)
    store = MemoryStore()
    install(store, policy=policy)
    assert decide(known(store), at(24), policy) == Due(milestone_of(store, AUTO_12H))
    settle_at(store, won(store, at(24), policy=policy), FAILED, at(24), policy)
    assert decide(known(store), at(24), policy) == Due(milestone_of(store, AUTO_24H))


def test_a_failure_of_one_trigger_delays_no_other() -> None:
    """P5: a wait belongs to one trigger."""
    store = MemoryStore()
    install(store)
    for minutes in (0, 30, 150):
        settle_at(store, won(store, at(12, minutes)), FAILED, at(12, minutes))
    assert milestone_of(store, AUTO_12H).next_due == at(38, 30)
    assert decide(known(store), at(24), DEFAULT) == Due(milestone_of(store, AUTO_24H))


def test_a_failure_does_not_hold_up_a_trigger_of_the_next_days() -> None:
    """P44: after one failure the next daily run still comes."""
    days = tuple((Trigger(f"DAY_{day}"), timedelta(days=day)) for day in range(1, 8))
    policy = Policy(triggers=days)
    store = MemoryStore()
    install(store, policy=policy)
    for day in range(1, 8):
        held = won(store, at(24 * day), policy=policy)
        assert held.trigger == f"DAY_{day}"
        settle_at(store, held, FAILED, at(24 * day), policy)


@pytest.mark.parametrize(
    ("state", "next_due", "now", "end"),
    [
        (State.SCHEDULED, at(12), at(24) - MOMENT, None),
        (State.SCHEDULED, at(12), at(24), Act.MISS),
        (State.SCHEDULED, at(38), at(24), Act.MISS),
        (State.CLAIMED, at(38), at(24), None),
        (State.CLAIMED, at(24), at(24), Act.MISS),
        (State.COMPLETED, at(12), at(99), None),
        (State.MISSED, at(12), at(99), None),
        (State.DISCARDED, at(12), at(99), None),
        (State.CANCELLED, at(12), at(99), None),
    ],
)
def test_a_window_closes_what_nobody_holds(
    state: State, next_due: datetime, now: datetime, end: Act | None
) -> None:
    """P10: what was missed is known as missed."""
    held = replace(_record(state, hours=12).milestones[0], next_due=next_due, attempts=3)
    assert end_of(held, now, DEFAULT) is end


@pytest.mark.parametrize(
    ("attempts", "now", "end"),
    [
        (9, at(13), None),
        (10, at(13) - MOMENT, None),
        (10, at(13), Act.DISCARD),
        (11, at(13), Act.DISCARD),
        (10, at(24), Act.MISS),
    ],
)
@pytest.mark.parametrize("state", [State.SCHEDULED, State.CLAIMED])
def test_used_up_attempts_are_discarded_when_the_wait_is_over(
    state: State, attempts: int, now: datetime, end: Act | None
) -> None:
    held = replace(_record(state, hours=13).milestones[0], attempts=attempts)
    assert end_of(held, now, DEFAULT) is end


def test_what_is_to_be_closed_is_never_due_and_is_called_closed() -> None:
    record = _record(State.SCHEDULED, hours=13)
    spent = record.with_milestone(replace(record.milestones[0], attempts=10))
    assert decide(spent, at(13), DEFAULT) == Quiet(Reason.CLOSED, spent.milestones[0])
    assert has_ends(spent, at(13), DEFAULT)


def test_a_pause_and_a_clock_behind_close_nothing() -> None:
    record = _record(State.SCHEDULED, hours=12)
    assert has_ends(record, at(24), DEFAULT)
    assert not has_ends(replace(record, paused_at=at(1)), at(24), DEFAULT)
    ahead = at(24) + CLOCK_TOLERANCE + MOMENT
    assert not has_ends(replace(record, store_clock_at=ahead), at(24), DEFAULT)


@pytest.mark.parametrize(
    ("behind", "is_claimed"),
    [(MOMENT, True), (CLOCK_TOLERANCE, True), (CLOCK_TOLERANCE + MOMENT, False)],
)
def test_a_clock_a_little_behind_still_claims(behind: timedelta, is_claimed: bool) -> None:
    """I14: five seconds are forgiven, and no more."""
    record = replace(_record(State.SCHEDULED, hours=12), store_clock_at=at(12) + behind)
    assert isinstance(decide(record, at(12), DEFAULT), Due) is is_claimed


@pytest.mark.parametrize(
    ("minutes", "is_live"), [(0, False), (3, True), (3 - 1 / 60_000, False), (60, True)]
)
def test_a_token_must_outlive_the_attempt_and_its_margin(minutes: float, is_live: bool) -> None:
    record = replace(
        _record(State.SCHEDULED, hours=12), token_expires_at=at(12) + timedelta(minutes=minutes)
    )
    assert has_live_token(record, at(12), DEFAULT) is is_live
    assert isinstance(decide(record, at(12), DEFAULT), Due) is is_live


def test_nobody_known_has_nothing_due() -> None:
    assert decide(None, at(12), DEFAULT) == Quiet(Reason.INSTALLATION_UNKNOWN)


def test_a_query_asks_what_decide_asks() -> None:
    """So that a list holds what can be claimed or closed, and nothing else."""
    query = due_query(at(100), Policy(max_attempts=2))
    assert query.now == at(100)
    assert query.token_until == at(100, 3)
    assert (query.max_attempts, query.manual_attempts) == (2, 2)
    assert due_query(at(100), DEFAULT).manual_attempts == 3
    assert query.silent_since == at(28)
    assert query.refusals == 2
