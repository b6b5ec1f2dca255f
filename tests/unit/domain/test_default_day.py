"""The days of one tenant under the default settings, from the installation to the last report."""

from datetime import datetime, timedelta

from firstry.domain.claim import Claim
from firstry.domain.milestone import State
from firstry.domain.outcome import Failed
from firstry.domain.policy import Policy
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    all_reports,
    at,
    complete,
    completed,
    install,
    known,
    milestone_of,
    settle_at,
    tick_at,
)
from support.invariants import breaches, snapshot

FAILED = Failed("JIRA_UNREADABLE", "Jira did not answer")
FIVE_MINUTES = timedelta(minutes=5)


def _failing_ticks(store: MemoryStore, until: datetime) -> list[tuple[str, datetime]]:
    """Tick every five minutes, fail every attempt, and return when attempts began."""
    begun = []
    now = at(0)
    history = [snapshot(store, known(store))]
    while now <= until:
        answer = tick_at(store, now)
        history.append(snapshot(store, known(store)))
        if isinstance(answer, Claim):
            begun.append((str(answer.trigger), now))
            settle_at(store, answer, FAILED, now)
            history.append(snapshot(store, known(store)))
        now += FIVE_MINUTES
    assert breaches(history, DEFAULT) == []
    return begun


def test_a_failing_12h_report_gets_three_attempts_and_is_then_missed() -> None:
    """P10: the window that was missed is on record. P44: the next trigger is not held up."""
    store = MemoryStore()
    install(store)
    assert _failing_ticks(store, at(24)) == [
        ("AUTO_12H", at(12)),
        ("AUTO_12H", at(12, 30)),
        ("AUTO_12H", at(14, 30)),
        ("AUTO_24H", at(24)),
    ]
    missed = milestone_of(store, AUTO_12H)
    assert (missed.state, missed.attempts, missed.window_end_at) == (State.MISSED, 3, at(24))


def test_a_failing_24h_report_gets_ten_attempts_and_is_then_discarded() -> None:
    store = MemoryStore()
    install(store)
    begun = [now for name, now in _failing_ticks(store, at(24 * 10)) if name == "AUTO_24H"]
    assert begun == [at(24), at(24, 30), *(at(24 * day + 2, 30) for day in range(1, 9))]
    discarded = milestone_of(store, AUTO_24H)
    assert (discarded.state, discarded.attempts, discarded.starts) == (State.DISCARDED, 10, 10)
    assert all_reports(store) == ()


def test_a_good_day_leaves_two_reports_of_their_own_instants() -> None:
    """P4, P27: both are kept, each with the instant of its decision."""
    store = MemoryStore()
    install(store)
    complete(store, at(12))
    complete(store, at(24))
    made = {report.trigger: report.generated_at for report in all_reports(store)}
    assert made == {AUTO_12H: at(12), AUTO_24H: at(24)}


def test_a_tenant_first_heard_of_late_gets_the_report_of_its_age() -> None:
    """P15: due times come from the evidence, however late it is first seen."""
    store = MemoryStore()
    install(store, now=at(100))
    answer = tick_at(store, at(100))
    assert isinstance(answer, Claim)
    assert answer.trigger == AUTO_24H
    assert milestone_of(store, AUTO_12H).state is State.MISSED
    assert milestone_of(store, AUTO_24H).due_at == at(24)


def test_an_attempt_that_begins_just_before_the_window_ends_may_finish_after_it() -> None:
    store = MemoryStore()
    install(store)
    answer = tick_at(store, at(23, 59))
    assert isinstance(answer, Claim)
    settle_at(store, answer, completed(answer), at(24, 1))
    assert milestone_of(store, AUTO_12H).state is State.COMPLETED
    complete(store, at(24, 1))


def test_other_settings_make_other_days() -> None:
    policy = Policy(
        triggers=((AUTO_12H, timedelta(hours=1)),), waits=(FIVE_MINUTES,), max_attempts=2
    )
    store = MemoryStore()
    install(store, policy=policy)
    for minutes in (0, 5):
        answer = tick_at(store, at(1, minutes), policy=policy)
        assert isinstance(answer, Claim)
        settle_at(store, answer, FAILED, at(1, minutes), policy)
    tick_at(store, at(1, 10), policy=policy)
    assert milestone_of(store, AUTO_12H).state is State.DISCARDED
