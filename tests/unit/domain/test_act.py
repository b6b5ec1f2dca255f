"""What people may do to a milestone: retry, reset, ask for one, pause; and what they may not."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from firstry.domain.due import Quiet, Reason
from firstry.domain.errors import Conflict, InputInvalid, NotFound
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import Milestone, State
from firstry.domain.outcome import Deferred, Failed
from firstry.domain.policy import MANUAL, SILENCE, DeferralKind, Trigger
from firstry.domain.settle import Fenced
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause, resume
from firstry.lifecycle.reset import reset
from firstry.lifecycle.retry import retry_now
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    MOMENT,
    TENANT,
    all_entries,
    all_reports,
    at,
    claim_at,
    complete,
    completed,
    install,
    known,
    milestone_of,
    settle_at,
    tenant,
    tick_at,
    won,
)

FAILED = Failed("CODE", "words")
REFUSED = Deferred(DeferralKind.TOKEN, "refused")


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    install(store)
    return store


def retried(store: MemoryStore, hours: float, trigger: Trigger = AUTO_12H) -> Milestone:
    return retry_now(store, TENANT, trigger, "reason", at(hours))


def asked(store: MemoryStore, hours: float, minutes: float = 0) -> Milestone:
    return request_report(store, TENANT, "reason", OPERATOR, at(hours, minutes), DEFAULT)


def test_a_retry_ends_the_wait_and_keeps_the_count(store: MemoryStore) -> None:
    settle_at(store, won(store, at(12)), FAILED, at(12))
    freed = retried(store, 12.1)
    assert (freed.next_due, freed.attempts, freed.starts) == (at(12.1), 1, 1)
    assert won(store, at(12.1)).attempt == 2


def test_a_retry_after_a_crash_frees_it_and_names_the_crash(store: MemoryStore) -> None:
    stale = won(store, at(12))
    freed = retried(store, 12.1)
    assert (freed.state, freed.lease_until) == (State.SCHEDULED, None)
    assert freed.last_error is not None
    assert freed.last_error.code == "LEASE_EXPIRED"
    assert isinstance(settle_at(store, stale, completed(stale), at(12.1)), Fenced)
    assert won(store, at(12.1)).fence == stale.fence + 1


def test_a_retry_never_makes_a_milestone_wait_longer(store: MemoryStore) -> None:
    assert retried(store, 13).next_due == at(12)


def test_a_retry_refuses_what_does_not_wait(store: MemoryStore) -> None:
    with pytest.raises(Conflict, match="not due yet"):
        retry_now(store, TENANT, AUTO_12H, "reason", at(12) - MOMENT)
    assert retried(store, 12).next_due == at(12)
    won(store, at(12))
    with pytest.raises(Conflict, match="claimed by an attempt"):
        retry_now(store, TENANT, AUTO_12H, "reason", at(12, 5) - MOMENT)
    complete(store, at(12, 35))
    with pytest.raises(Conflict, match="completed") as refused:
        retried(store, 13)
    assert "firstry tenants reset" in refused.value.remedy


def test_who_retries_a_request_that_is_answered_is_told_to_ask_again(store: MemoryStore) -> None:
    asked(store, 1)
    complete(store, at(1))
    with pytest.raises(Conflict, match="nothing to retry") as refused:
        retried(store, 2, MANUAL)
    assert "firstry reports generate" in refused.value.remedy


@pytest.mark.parametrize(
    "act",
    [
        lambda store, who, trigger: retry_now(store, who, trigger, "reason", at(13)),
        lambda store, who, trigger: reset(store, who, trigger, "reason", at(13)),
    ],
    ids=["retry", "reset"],
)
def test_what_does_not_exist_is_not_found(
    store: MemoryStore, act: Callable[[MemoryStore, object, str], object]
) -> None:
    for who, trigger in ((TENANT, "AUTO_48H"), (tenant(9), "AUTO_12H")):
        with pytest.raises(NotFound):
            act(store, who, trigger)
    assert store.read(tenant(9)) is None


def test_a_reset_of_a_finished_milestone_arms_the_next_revision(store: MemoryStore) -> None:
    """I3: the first report stays as it is, and the second has its own id."""
    first = complete(store, at(12))
    fresh = reset(store, TENANT, AUTO_12H, "reason", at(13))
    assert (fresh.revision, fresh.due_at, fresh.window_end_at) == (2, at(12), None)
    assert (fresh.attempts, fresh.fence) == (0, 0)
    second = complete(store, at(13))
    assert second.revision == 2
    assert {report.report_id for report in all_reports(store)} == {
        first.report_id,
        second.report_id,
    }
    assert store.report(first.report_id) == first


def test_a_reset_milestone_is_not_missed(store: MemoryStore) -> None:
    tick_at(store, at(24))
    reset(store, TENANT, AUTO_12H, "reason", at(30))
    held = won(store, at(99))
    assert (held.trigger, held.revision) == (AUTO_12H, 2)


def test_a_reset_of_an_unfinished_one_starts_over_under_a_higher_fence(store: MemoryStore) -> None:
    """I4: whatever an attempt still does for it is dropped."""
    stale = won(store, at(12))
    fresh = reset(store, TENANT, AUTO_12H, "reason", at(12, 1))
    assert (fresh.revision, fresh.state, fresh.attempts) == (1, State.SCHEDULED, 0)
    assert (fresh.fence, fresh.starts, fresh.next_due) == (stale.fence + 1, 1, at(12))
    assert isinstance(settle_at(store, stale, completed(stale), at(12, 2)), Fenced)
    assert won(store, at(12, 2)).fence == stale.fence + 2


def test_a_reset_forgets_the_deferrals(store: MemoryStore) -> None:
    settle_at(store, won(store, at(12)), REFUSED, at(12))
    fresh = reset(store, TENANT, AUTO_12H, "reason", at(12, 1))
    assert (fresh.deferral_kind, fresh.deferrals) == (None, 0)


def test_a_reset_refuses_manual_and_the_uninstalled(store: MemoryStore) -> None:
    with pytest.raises(InputInvalid):
        reset(store, TENANT, MANUAL, "reason", at(1))
    record_uninstallation(store, TENANT, None, at(1))
    with pytest.raises(Conflict, match="uninstalled"):
        reset(store, TENANT, AUTO_12H, "reason", at(1))


def test_a_report_that_was_asked_for_is_made_like_any_other(store: MemoryStore) -> None:
    """P41, contract F: a milestone of its own, with its report stored."""
    fresh = asked(store, 1)
    assert (fresh.key, fresh.due_at, fresh.window_end_at) == ((MANUAL, 1), at(1), None)
    report = complete(store, at(1))
    assert (report.trigger, report.revision) == (MANUAL, 1)
    assert asked(store, 2).revision == 2
    assert milestone_of(store, AUTO_12H).starts == 0


def test_a_request_while_one_waits_lets_it_go_on(store: MemoryStore) -> None:
    asked(store, 1)
    settle_at(store, won(store, at(1)), FAILED, at(1))
    again = asked(store, 1, 1)
    assert (again.revision, again.next_due, again.attempts) == (1, at(1, 1), 1)


def test_a_request_while_one_runs_is_refused(store: MemoryStore) -> None:
    """P41: there is one at a time."""
    asked(store, 1)
    won(store, at(1))
    with pytest.raises(Conflict, match="being made"):
        asked(store, 1, 4.9)
    assert asked(store, 1, 5).next_due == at(1, 5)


def test_manual_gets_three_attempts_and_is_then_discarded(store: MemoryStore) -> None:
    asked(store, 1)
    now = at(1)
    for attempt in (1, 2, 3):
        held = won(store, now)
        assert (held.trigger, held.attempt) == (MANUAL, attempt)
        settle_at(store, held, FAILED, now)
        now = milestone_of(store, MANUAL).next_due
    claim_at(store, now)
    assert milestone_of(store, MANUAL).state is State.DISCARDED


def test_manual_is_never_missed(store: MemoryStore) -> None:
    asked(store, 1)
    tick_at(store, at(500))
    assert milestone_of(store, MANUAL).state is State.CLAIMED


def test_an_hour_holds_six_requests(store: MemoryStore) -> None:
    for number in range(DEFAULT.manual_rate):
        asked(store, 1, number)
        complete(store, at(1, number))
    with pytest.raises(Conflict) as refused:
        asked(store, 2 - 1 / 3_600_000)
    assert "2026-01-01T02:00:00.000Z" in refused.value.remedy
    assert asked(store, 2).revision == DEFAULT.manual_rate + 1


def test_a_request_needs_a_tenant_that_is_served(store: MemoryStore) -> None:
    """Contract B: without installation evidence nothing is generated."""
    with pytest.raises(NotFound):
        request_report(store, tenant(9), "reason", OPERATOR, at(1), DEFAULT)
    pause(store, TENANT, "reason", at(1))
    with pytest.raises(Conflict, match="paused"):
        asked(store, 1)
    resume(store, TENANT, "reason", at(1))
    record_uninstallation(store, TENANT, None, at(1))
    with pytest.raises(Conflict, match="uninstalled"):
        asked(store, 1)


def test_pause_and_resume_refuse_what_is_so_already(store: MemoryStore) -> None:
    with pytest.raises(Conflict, match="not paused"):
        resume(store, TENANT, "reason", at(1))
    pause(store, TENANT, "reason", at(1))
    with pytest.raises(Conflict, match="paused already"):
        pause(store, TENANT, "reason", at(1))
    for switch in (pause, resume):
        with pytest.raises(NotFound):
            switch(store, tenant(9), "reason", at(1))


def test_a_pause_and_its_end_stand_in_the_ledger(store: MemoryStore) -> None:
    pause(store, TENANT, "too loud", at(1))
    resume(store, TENANT, "quiet again", at(2))
    told = [json.loads(entry.body) for entry in all_entries(store)[-2:]]
    assert [(entry["kind"], entry["detail"]["reason"]) for entry in told] == [
        ("PAUSED", "too loud"),
        ("RESUMED", "quiet again"),
    ]


def test_an_attempt_that_runs_while_paused_still_settles(store: MemoryStore) -> None:
    held = won(store, at(12))
    pause(store, TENANT, "reason", at(12, 1))
    settle_at(store, held, completed(held), at(12, 2))
    assert milestone_of(store, AUTO_12H).state is State.COMPLETED


def _refused_twice(store: MemoryStore) -> None:
    tick_at(store, at(20))
    settle_at(store, won(store, at(24)), REFUSED, at(24))
    settle_at(store, won(store, at(24, 15)), REFUSED, at(24, 15))


@pytest.mark.parametrize(
    ("silent", "is_gone"), [(SILENCE - MOMENT, False), (SILENCE, True), (2 * SILENCE, True)]
)
def test_a_long_silence_and_two_refusals_count_as_uninstalled(
    store: MemoryStore, silent: timedelta, is_gone: bool
) -> None:
    """FORGE: no event tells of an uninstallation, so two signs together stand for it."""
    _refused_twice(store)
    claim_at(store, at(20) + silent)
    assert (milestone_of(store, AUTO_24H).state is State.CANCELLED) is is_gone
    assert (store.token(TENANT) is None) is is_gone


def test_a_tick_breaks_the_silence(store: MemoryStore) -> None:
    _refused_twice(store)
    answer = tick_at(store, at(20) + 2 * SILENCE)
    assert not isinstance(answer, Quiet)
    assert milestone_of(store, AUTO_24H).state is State.CLAIMED


@pytest.mark.parametrize("refusals", [0, 1])
def test_silence_alone_cancels_nothing(store: MemoryStore, refusals: int) -> None:
    tick_at(store, at(20))
    now = at(24)
    for _ in range(refusals):
        settle_at(store, won(store, now), REFUSED, now)
        now += timedelta(minutes=15)
    claim_at(store, at(500))
    assert milestone_of(store, AUTO_24H).state is State.CLAIMED


def test_refusals_of_what_is_closed_are_no_sign(store: MemoryStore) -> None:
    """Only what is still open shows whether the site refuses us now."""
    tick_at(store, at(12))
    settle_at(store, won(store, at(12, 35)), REFUSED, at(12, 35))
    settle_at(store, won(store, at(12, 50)), REFUSED, at(12, 50))
    claim_at(store, at(24))
    missed = milestone_of(store, AUTO_12H)
    assert (missed.state, missed.deferrals) == (State.MISSED, 2)
    claim_at(store, at(12) + SILENCE)
    assert milestone_of(store, AUTO_24H).state is State.CLAIMED


def test_the_ledger_says_why_a_site_counts_as_uninstalled(store: MemoryStore) -> None:
    """I15."""
    _refused_twice(store)
    claim_at(store, at(20) + SILENCE)
    told = [json.loads(entry.body) for entry in all_entries(store)[-2:]]
    assert [entry["kind"] for entry in told] == ["PRESUMED_UNINSTALLED", "CANCELLED"]
    assert told[0]["detail"] == {"last_tick_at": "2026-01-01T20:00:00.000Z"}


def test_what_is_finished_stays_when_the_site_seems_gone(store: MemoryStore) -> None:
    done = complete(store, at(12))
    _refused_twice(store)
    answer = claim_at(store, at(20) + SILENCE)
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.CLOSED
    assert milestone_of(store, AUTO_12H).report_id == done.report_id
    assert known(store).uninstalled_at is None
