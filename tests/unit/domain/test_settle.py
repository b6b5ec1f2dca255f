"""Settling: an outcome counts once, under the fence of the claim that earned it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet
from firstry.domain.milestone import Act, LastError, State
from firstry.domain.outcome import Deferred, Failed, Outcome
from firstry.domain.policy import DEFERRALS_IN_A_ROW, DeferralKind
from firstry.domain.settle import Fenced, Settled, settle
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    MOMENT,
    all_entries,
    all_reports,
    at,
    claim_at,
    completed,
    install,
    known,
    milestone_of,
    settle_at,
    won,
)

FAILED = Failed("JIRA_UNREADABLE", "Jira did not answer")
REFUSED = Deferred(DeferralKind.TOKEN, "Jira refused the app's token")
THROTTLED = Deferred(DeferralKind.QUOTA, "Jira's rate limit is used up")


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    install(store)
    return store


def accepted(store: MemoryStore, held: Claim, outcome: Outcome, now: datetime) -> Settled:
    answer = settle_at(store, held, outcome, now)
    assert isinstance(answer, Settled)
    return answer


def test_success_stores_marker_and_report_together(store: MemoryStore) -> None:
    """P4, P11, P12, I2: the report is kept, and one change holds it and its marker."""
    held = won(store, at(12))
    outcome = completed(held)
    change = settle(known(store), held, outcome, at(12, 1), DEFAULT)
    assert change.report == outcome.report
    assert change.after is not None
    done = change.after.milestone(AUTO_12H, 1)
    assert done is not None
    assert (done.state, done.completed_at) == (State.COMPLETED, at(12, 1))
    assert (done.report_id, done.lease_until) == (outcome.report.report_id, None)
    assert (done.settled_fence, done.settled_as) == (held.fence, Act.COMPLETE)
    assert done.attempts == 1


def test_success_writes_what_was_read_before_what_was_made(store: MemoryStore) -> None:
    """I15: evidence entries, then the completion with the digest of the report."""
    held = won(store, at(12))
    outcome = completed(held)
    accepted(store, held, outcome, at(12, 1))
    entries = [json.loads(entry.body) for entry in all_entries(store)]
    assert [entry["kind"] for entry in entries] == [
        "INSTALLED",
        "CLAIMED",
        *["EVIDENCE_READ"] * 5,
        "COMPLETED",
    ]
    assert entries[-1]["detail"] == {
        "trigger": "AUTO_12H",
        "revision": 1,
        "attempt": 1,
        "fence": 1,
        "report_id": outcome.report.report_id,
        "digest": outcome.report.digest,
    }


@pytest.mark.parametrize(("failures", "minutes"), [(1, 30), (2, 120), (3, 1440), (4, 1440)])
def test_a_failure_waits_by_its_number(store: MemoryStore, failures: int, minutes: int) -> None:
    """P6, I7: 30 min, 2 h, 24 h, 24 h, counted from when it failed."""
    now = at(24)
    for _ in range(failures - 1):
        now = accepted(store, won(store, now), FAILED, now).milestone.next_due
    failed_at = now + timedelta(seconds=90)
    after = accepted(store, won(store, now), FAILED, failed_at).milestone
    assert after.next_due == failed_at + timedelta(minutes=minutes)
    assert (after.state, after.attempts) == (State.SCHEDULED, failures)
    assert after.last_error == LastError(FAILED.code, FAILED.message, failed_at, failures)
    assert isinstance(claim_at(store, after.next_due - MOMENT), Quiet)
    assert won(store, after.next_due).attempt == failures + 1


def test_a_failure_leaves_no_marker_and_no_report(store: MemoryStore) -> None:
    accepted(store, won(store, at(12)), FAILED, at(12))
    held = milestone_of(store, AUTO_12H)
    assert (held.completed_at, held.report_id) == (None, None)
    assert all_reports(store) == ()


def test_failures_count_for_their_own_trigger(store: MemoryStore) -> None:
    """P5: each trigger has its own count and its own wait."""
    accepted(store, won(store, at(12)), FAILED, at(12))
    accepted(store, won(store, at(24)), FAILED, at(24))
    assert milestone_of(store, AUTO_24H).attempts == 1
    assert milestone_of(store, AUTO_24H).next_due == at(24, 30)


def test_a_success_after_failures_counts_all_attempts(store: MemoryStore) -> None:
    accepted(store, won(store, at(12)), FAILED, at(12))
    held = won(store, at(12, 30))
    done = accepted(store, held, completed(held), at(12, 31)).milestone
    assert (done.attempts, done.starts, done.fence) == (2, 2, 2)
    assert done.last_error is not None


@pytest.mark.parametrize(
    ("outcome", "until"),
    [
        (REFUSED, at(12, 16)),
        (replace(REFUSED, retry_at=at(20)), at(12, 16)),
        (THROTTLED, at(12, 2)),
        (replace(THROTTLED, retry_at=at(11)), at(12, 2)),
        (replace(THROTTLED, retry_at=at(12, 2) + MOMENT), at(12, 2) + MOMENT),
        (replace(THROTTLED, retry_at=at(13)), at(13)),
        (replace(THROTTLED, retry_at=at(99)), at(36, 1)),
    ],
)
def test_a_deferral_waits_as_the_platform_says_within_limits(
    store: MemoryStore, outcome: Deferred, until: datetime
) -> None:
    after = accepted(store, won(store, at(12)), outcome, at(12, 1)).milestone
    assert (after.state, after.next_due) == (State.SCHEDULED, until)


def test_a_deferral_gives_the_attempt_back_and_never_the_start(store: MemoryStore) -> None:
    """I6: attempts are what was charged, starts what was begun."""
    after = accepted(store, won(store, at(12)), REFUSED, at(12)).milestone
    assert (after.attempts, after.starts, after.fence) == (0, 1, 1)
    assert (after.deferral_kind, after.deferrals) == (DeferralKind.TOKEN, 1)
    assert after.last_error is None
    assert won(store, at(12, 15)).attempt == 1


@pytest.mark.parametrize(("outcome", "allowed"), [(REFUSED, 5), (THROTTLED, 48)])
def test_one_deferral_too_many_is_charged_as_a_failure(
    store: MemoryStore, outcome: Deferred, allowed: int
) -> None:
    assert DEFERRALS_IN_A_ROW[outcome.kind] == allowed
    now = at(24)
    for number in range(1, allowed + 1):
        answer = accepted(store, won(store, now), outcome, now)
        assert (answer.act, answer.milestone.deferrals) == (Act.DEFER, number)
        now = answer.milestone.next_due
    charged = accepted(store, won(store, now), outcome, now)
    assert charged.act is Act.FAIL
    assert (charged.milestone.attempts, charged.milestone.starts) == (1, allowed + 1)
    assert charged.milestone.next_due == now + timedelta(minutes=30)
    assert charged.milestone.last_error is not None
    assert charged.milestone.last_error.code == f"DEFERRED_TOO_OFTEN_{outcome.kind.name}"
    again = accepted(store, won(store, now + timedelta(minutes=30)), outcome, now)
    assert (again.act, again.milestone.deferrals) == (Act.DEFER, 1)


@pytest.mark.parametrize("between", [THROTTLED, FAILED], ids=["another kind", "a failure"])
def test_only_deferrals_in_a_row_are_too_many(store: MemoryStore, between: Outcome) -> None:
    now = at(24)
    for outcome in [REFUSED] * 5 + [between] + [REFUSED] * 4:
        now = accepted(store, won(store, now), outcome, now).milestone.next_due
    answer = accepted(store, won(store, now), REFUSED, now)
    assert (answer.act, answer.milestone.deferrals) == (Act.DEFER, 5)


def test_deferrals_of_both_kinds_by_turns_are_charged_in_the_end(store: MemoryStore) -> None:
    """I10: 53 are free, so many as both rows hold; then a change of kind is a failure."""
    now = at(24)
    for number in range(53):
        answer = accepted(store, won(store, now), (REFUSED, THROTTLED)[number % 2], now)
        assert (answer.act, answer.milestone.deferrals) == (Act.DEFER, 1)
        now = answer.milestone.next_due
    charged = accepted(store, won(store, now), THROTTLED, now)
    assert (charged.act, charged.milestone.attempts, charged.milestone.starts) == (Act.FAIL, 1, 54)
    assert charged.milestone.last_error is not None
    assert charged.milestone.last_error.code == "DEFERRED_TOO_OFTEN_BY_TURNS"
    assert charged.milestone.deferral_kind is None
    told = json.loads(all_entries(store)[-1].body)
    assert (told["kind"], told["detail"]["code"]) == ("FAILED", "DEFERRED_TOO_OFTEN_BY_TURNS")
    again = accepted(store, won(store, charged.milestone.next_due), REFUSED, now)
    assert again.act is Act.DEFER


def test_a_settle_that_comes_again_finds_its_own_success(store: MemoryStore) -> None:
    """I1: a lost answer is found out by reading; nothing is written twice."""
    held = won(store, at(12))
    outcome = completed(held)
    first = accepted(store, held, outcome, at(12, 1))
    before = known(store), all_entries(store), all_reports(store)
    again = accepted(store, held, outcome, at(12, 2))
    assert again == replace(first, is_repeat=True)
    assert (known(store), all_entries(store), all_reports(store)) == before


@pytest.mark.parametrize("outcome", [FAILED, REFUSED], ids=["failure", "deferral"])
def test_a_failure_or_deferral_that_comes_again_is_found_too(
    store: MemoryStore, outcome: Outcome
) -> None:
    held = won(store, at(12))
    first = accepted(store, held, outcome, at(12, 1))
    later = won(store, first.milestone.next_due)
    again = accepted(store, held, outcome, at(13))
    assert (again.act, again.is_repeat) == (first.act, True)
    assert milestone_of(store, AUTO_12H).fence == later.fence
    assert milestone_of(store, AUTO_12H).state is State.CLAIMED


def test_what_was_settled_first_stands(store: MemoryStore) -> None:
    held = won(store, at(12))
    accepted(store, held, FAILED, at(12, 1))
    again = accepted(store, held, completed(held), at(12, 2))
    assert (again.act, again.is_repeat) == (Act.FAIL, True)
    assert all_reports(store) == ()


@pytest.mark.parametrize(
    "make", [completed, lambda _: FAILED, lambda _: REFUSED], ids=["success", "failure", "deferral"]
)
def test_a_claim_that_was_overtaken_is_fenced(
    store: MemoryStore, make: Callable[[Claim], Outcome]
) -> None:
    """I5: whoever was paused beyond its lease has its result dropped."""
    stale = won(store, at(12))
    won(store, at(12, 35))
    before = known(store)
    change = settle(before, stale, make(stale), at(12, 36), DEFAULT)
    assert change.answer == Fenced(before.milestone(AUTO_12H, 1))
    assert (change.after, change.report, change.entries) == (None, None, ())


def test_a_claim_that_was_overtaken_stays_fenced_after_the_other_finished(
    store: MemoryStore,
) -> None:
    stale = won(store, at(12))
    newer = won(store, at(12, 35))
    accepted(store, newer, completed(newer), at(12, 36))
    assert isinstance(settle_at(store, stale, completed(stale), at(12, 37)), Fenced)
    assert len(all_reports(store)) == 1


def test_a_late_result_counts_while_nobody_else_has_claimed(store: MemoryStore) -> None:
    """The lease only says when others may try; the fence alone decides what counts."""
    held = won(store, at(12))
    assert accepted(store, held, completed(held), at(12, 34)).act is Act.COMPLETE


def test_a_settle_for_nobody_is_fenced(store: MemoryStore) -> None:
    held = won(store, at(12))
    assert settle(None, held, FAILED, at(12), DEFAULT).answer == Fenced(None)
    other = replace(held, revision=2)
    assert settle(known(store), other, FAILED, at(12), DEFAULT).answer == Fenced(None)


def test_a_clock_that_stepped_back_does_not_settle_before_the_claim(store: MemoryStore) -> None:
    """I7, I14: the wait counts from the claim at least."""
    after = accepted(store, won(store, at(12)), FAILED, at(11)).milestone
    assert after.next_due == at(12, 30)


def test_a_missed_or_discarded_milestone_takes_no_result(store: MemoryStore) -> None:
    """I3: an attempt that comes back after its milestone was closed is dropped."""
    held = won(store, at(23, 59))
    won(store, at(24))
    claim_at(store, at(24, 34))
    assert milestone_of(store, AUTO_12H).state is State.MISSED
    answer = settle_at(store, held, completed(held), at(24, 35))
    assert isinstance(answer, Fenced)
    assert all_reports(store) == ()


@pytest.mark.parametrize("outcome", [FAILED, REFUSED], ids=["failure", "deferral"])
def test_only_a_success_carries_a_report(store: MemoryStore, outcome: Outcome) -> None:
    change = settle(known(store), won(store, at(12)), outcome, at(12), DEFAULT)
    assert change.report is None


@pytest.mark.parametrize("make", [completed, lambda _: FAILED], ids=["success", "failure"])
def test_an_end_that_counts_ends_the_row_of_deferrals(
    store: MemoryStore, make: Callable[[Claim], Outcome]
) -> None:
    deferred = accepted(store, won(store, at(12)), REFUSED, at(12)).milestone
    assert (deferred.deferral_kind, deferred.deferrals) == (DeferralKind.TOKEN, 1)
    held = won(store, deferred.next_due)
    after = accepted(store, held, make(held), held.decided_at).milestone
    assert (after.deferral_kind, after.deferrals) == (None, 0)


def test_the_first_deferral_of_a_row_is_never_charged(store: MemoryStore) -> None:
    """After a reset the starts of long ago are still counted, and begin no change of kind."""
    held = won(store, at(12))
    record = known(store)
    begun = replace(milestone_of(store, AUTO_12H), starts=500)
    change = settle(record.with_milestone(begun), held, REFUSED, at(12, 1), DEFAULT)
    assert isinstance(change.answer, Settled)
    assert change.answer.act is Act.DEFER
