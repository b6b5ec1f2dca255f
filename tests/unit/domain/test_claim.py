"""A claim: one attempt, counted and fenced, with its crash backoff set before any work."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from firstry.domain.claim import Claim, claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.milestone import LastError, State
from firstry.domain.outcome import Failed
from firstry.domain.policy import Policy
from firstry.lifecycle.pause import pause, resume
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    INSTALLED_AT,
    MOMENT,
    TENANT,
    all_entries,
    at,
    claim_at,
    complete,
    install,
    known,
    milestone_of,
    settle_at,
    won,
)

FAILED = Failed("JIRA_UNREADABLE", "Jira did not answer")


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    install(store)
    return store


def kinds(store: MemoryStore) -> list[str]:
    return [json.loads(entry.body)["kind"] for entry in all_entries(store)]


def test_a_claim_counts_the_attempt_and_sets_its_crash_backoff(store: MemoryStore) -> None:
    """P7, I6, I7: before any work the attempt is spent and the wait after a crash is set."""
    won(store, at(12))
    held = milestone_of(store, AUTO_12H)
    assert (held.state, held.attempts, held.starts, held.fence) == (State.CLAIMED, 1, 1, 1)
    assert held.lease_until == at(12, 5)
    assert held.next_due == at(12, 35)


def test_a_claim_says_all_that_its_work_needs(store: MemoryStore) -> None:
    """P27: the instant of the decision is read once and handed on."""
    answer = won(store, at(12))
    assert answer == Claim(
        tenant=TENANT,
        trigger=AUTO_12H,
        revision=1,
        attempt=1,
        fence=1,
        decided_at=at(12),
        lease_until=at(12, 5),
        installed_at=INSTALLED_AT,
        head=known(store).head,
    )


def test_a_claim_leaves_its_entry_in_the_ledger(store: MemoryStore) -> None:
    """I15."""
    won(store, at(12))
    entry = json.loads(all_entries(store)[-1].body)
    assert entry == {
        "kind": "CLAIMED",
        "at": "2026-01-01T12:00:00.000Z",
        "actor": "scheduler",
        "detail": {
            "trigger": "AUTO_12H",
            "revision": 1,
            "attempt": 1,
            "fence": 1,
            "lease_until": "2026-01-01T12:05:00.000Z",
        },
    }


@pytest.mark.parametrize(
    "now", [at(12), at(12, 5) - MOMENT, at(12, 5), at(12, 35) - MOMENT], ids=str
)
def test_nobody_else_gets_a_claim_before_the_crash_backoff_is_over(
    store: MemoryStore, now: datetime
) -> None:
    """P1: of two that come for one trigger, one wins."""
    won(store, at(12))
    before = known(store)
    assert isinstance(claim_at(store, now), Quiet)
    assert known(store) == before


def test_a_crash_is_a_charged_attempt_with_its_backoff(store: MemoryStore) -> None:
    """P7, I7: the k-th crash waits until its lease is over and wait(k) more."""
    now = at(12)
    for attempt, wait in enumerate((30, 120), start=1):
        assert won(store, now).attempt == attempt
        lease_until = now + DEFAULT.lease
        again = lease_until + timedelta(minutes=wait)
        assert isinstance(claim_at(store, again - MOMENT), Quiet)
        now = again
    assert won(store, now).attempt == 3


def test_a_crash_is_named_when_the_next_attempt_begins(store: MemoryStore) -> None:
    won(store, at(12))
    assert milestone_of(store, AUTO_12H).last_error is None
    won(store, at(12, 35))
    error = milestone_of(store, AUTO_12H).last_error
    assert error is not None
    assert (error.code, error.at, error.attempt) == ("LEASE_EXPIRED", at(12, 5), 1)


def test_every_claim_raises_the_fence(store: MemoryStore) -> None:
    """I4: also after a failure and after a crash."""
    first = won(store, at(12))
    settle_at(store, first, FAILED, at(12, 1))
    second = won(store, at(12, 31))
    third = won(store, at(12, 31) + DEFAULT.lease + DEFAULT.waits[1])
    assert [held.fence for held in (first, second, third)] == [1, 2, 3]
    assert milestone_of(store, AUTO_12H).starts == 3


def test_a_window_that_is_over_is_written_as_missed(store: MemoryStore) -> None:
    """P10: a late first tick leaves a record of what it missed, before it claims the next."""
    assert won(store, at(24)).trigger == AUTO_24H
    assert milestone_of(store, AUTO_12H).state is State.MISSED
    assert kinds(store) == ["INSTALLED", "MISSED", "CLAIMED"]


def test_an_end_is_written_also_where_nothing_is_claimed() -> None:
    """P10."""
    store = MemoryStore()
    install(store, token_until=None)
    answer = claim_at(store, at(24))
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.WAITING_FOR_TOKEN
    assert milestone_of(store, AUTO_12H).state is State.MISSED
    assert kinds(store) == ["INSTALLED", "MISSED"]


def test_a_long_wait_does_not_outlast_its_window(store: MemoryStore) -> None:
    """P10: the window closes while the failure still waits."""
    for minutes in (0, 30, 150):
        settle_at(store, won(store, at(12, minutes)), FAILED, at(12, minutes))
    assert milestone_of(store, AUTO_12H).next_due == at(38, 30)
    won(store, at(24))
    missed = milestone_of(store, AUTO_12H)
    assert missed.state is State.MISSED
    assert missed.last_error == LastError(FAILED.code, FAILED.message, at(14, 30), 3)


def test_an_attempt_in_flight_is_not_closed_by_the_end_of_its_window(store: MemoryStore) -> None:
    """SURFACE: an attempt that was begun inside the window may settle after it."""
    held = won(store, at(24) - MOMENT)
    assert won(store, at(24)).trigger == AUTO_24H
    assert milestone_of(store, AUTO_12H).state is State.CLAIMED
    settle_at(store, held, FAILED, at(24, 1))
    claim_at(store, at(24, 1))
    assert milestone_of(store, AUTO_12H).state is State.MISSED


def test_a_crash_in_a_window_that_is_over_is_closed_as_missed(store: MemoryStore) -> None:
    won(store, at(23, 59))
    won(store, at(24))
    claim_at(store, at(24, 34))
    missed = milestone_of(store, AUTO_12H)
    assert (missed.state, missed.lease_until) == (State.MISSED, None)
    assert missed.last_error is not None
    assert missed.last_error.code == "LEASE_EXPIRED"


def test_the_last_failed_attempt_is_discarded_after_its_wait() -> None:
    policy = Policy(max_attempts=2)
    store = MemoryStore()
    install(store, policy=policy)
    settle_at(store, won(store, at(24), policy=policy), FAILED, at(24), policy)
    settle_at(store, won(store, at(24, 30), policy=policy), FAILED, at(24, 30), policy)
    early = claim_at(store, at(26, 30) - MOMENT, policy=policy)
    assert isinstance(early, Quiet)
    assert early.reason is Reason.BACKOFF_ACTIVE
    late = claim_at(store, at(26, 30), policy=policy)
    assert isinstance(late, Quiet)
    assert late.reason is Reason.CLOSED
    discarded = milestone_of(store, AUTO_24H)
    assert (discarded.state, discarded.attempts) == (State.DISCARDED, 2)
    assert json.loads(all_entries(store)[-1].body)["detail"] == {
        "trigger": "AUTO_24H",
        "revision": 1,
        "attempts": 2,
    }


def test_what_is_done_is_never_claimed_again(store: MemoryStore) -> None:
    """P9, P11: neither at once nor after years; there is one report for ever."""
    complete(store, at(12))
    done = milestone_of(store, AUTO_12H)
    for hours in (12, 13, 23.9):
        assert isinstance(claim_at(store, at(hours)), Quiet)
    complete(store, at(24))
    assert isinstance(claim_at(store, at(24 * 365 * 8)), Quiet)
    assert milestone_of(store, AUTO_12H) == done


@pytest.mark.parametrize("now", [at(0), at(12) - MOMENT], ids=str)
def test_a_quiet_claim_changes_nothing(store: MemoryStore, now: datetime) -> None:
    change = claim(known(store), now, DEFAULT)
    assert (change.after, change.entries, change.report, change.token) == (None, (), None, None)


def test_an_unknown_tenant_is_not_written() -> None:
    """P15: a first run is no evidence of an installation."""
    change = claim(None, at(12), DEFAULT)
    assert change.answer == Quiet(Reason.INSTALLATION_UNKNOWN)
    assert change.after is None


def test_a_paused_tenant_is_neither_claimed_nor_closed(store: MemoryStore) -> None:
    pause(store, TENANT, "reason", at(1))
    assert claim(known(store), at(24), DEFAULT).after is None
    resume(store, TENANT, "reason", at(25))
    assert won(store, at(25)).trigger == AUTO_24H


def test_a_claim_on_another_policy_takes_its_lease_and_waits_from_it() -> None:
    policy = Policy(
        waits=(timedelta(minutes=1),),
        generation_timeout=timedelta(seconds=5),
        lease=timedelta(seconds=10),
    )
    store = MemoryStore()
    install(store, policy=policy)
    held = won(store, at(12), policy=policy)
    assert held.lease_until == at(12, 0, 10)
    assert milestone_of(store, AUTO_12H).next_due == at(12, 1, 10)


def test_a_claim_touches_nothing_but_its_milestone_and_the_head(store: MemoryStore) -> None:
    """P18: nobody else's counters are written."""
    before = known(store)
    change = claim(before, at(12), DEFAULT)
    assert change.after is not None
    untouched = replace(change.after, head=before.head, milestones=before.milestones)
    assert untouched == before
    assert change.after.milestone(AUTO_24H, 1) == before.milestone(AUTO_24H, 1)
