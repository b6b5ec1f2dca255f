"""What an import makes of one tenant: evidence, attempts and waits, and nothing made twice."""

import json
from datetime import timedelta
from typing import Any

import pytest

from firstry.domain.due import Quiet, Reason
from firstry.domain.import_key import Refused
from firstry.domain.imported import Met, Taken, imported
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import IMPORTED_REPORT, State
from firstry.domain.outcome import Failed
from firstry.domain.policy import MANUAL, Policy, Trigger
from firstry.domain.record import Installation, InstallationSource
from firstry.lifecycle.manual import request_report
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    TENANT,
    all_entries,
    at,
    claim_at,
    install,
    known,
    milestone_of,
    settle_at,
    tick_at,
    token,
    won,
)
from support.imported import EVIDENCE, INSTALLED, NOW, STATE, facts, failing, reason_at, take, told


def test_evidence_alone_arms_every_trigger_by_its_age() -> None:
    store = MemoryStore()
    assert take(store, evidence=INSTALLED) == Taken(Met.RECORDED, armed=2)
    record = known(store)
    assert record.installation == Installation(at(0), InstallationSource.MIGRATED)
    assert [(m.trigger, m.due_at, m.attempts) for m in record.milestones] == [
        (AUTO_12H, at(12), 0),
        (AUTO_24H, at(24), 0),
    ]
    assert milestone_of(store, AUTO_12H).window_end_at == at(24)


@pytest.mark.parametrize(
    "value", [{"completed_at": iso(at(12, 1))}, {}, None, "yes", {"completed_at": 5}, False]
)
def test_a_marker_counts_whatever_stands_under_it(value: object) -> None:
    """P2, P8: the key alone says that it is done."""
    store = MemoryStore()
    assert take(store, evidence=INSTALLED, done_12h=value) == Taken(Met.RECORDED, 1, 1)
    done = milestone_of(store, AUTO_12H)
    assert (done.state, done.report_id, done.attempts) == (State.COMPLETED, IMPORTED_REPORT, 0)
    assert done.completed_at == (at(12, 1) if value == {"completed_at": iso(at(12, 1))} else NOW)
    assert reason_at(store, at(13)) is Reason.DONE_KEY_EXISTS


@pytest.mark.parametrize("value", [iso(at(12)), "long ago", 17, True, {"at": 1}])
def test_a_generation_that_the_state_notes_counts_without_a_marker(value: object) -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, state={"auto_12h_generated_at": value})
    assert milestone_of(store, AUTO_12H).is_imported()


@pytest.mark.parametrize("value", [None, "", 0, False])
def test_a_generation_that_is_not_set_does_not_count(value: object) -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, state={"auto_12h_generated_at": value})
    assert milestone_of(store, AUTO_12H).state is State.SCHEDULED


def test_what_is_done_stays_done_after_a_tick_a_reinstallation_and_another_import() -> None:
    """P8: no second report, whatever comes."""
    store = MemoryStore()
    dump: dict[str, Any] = {"evidence": INSTALLED, "done_12h": {}, "done_24h": {}}
    take(store, **dump)
    before = known(store), all_entries(store)
    assert take(store, at(30), **dump) == Taken(Met.KNOWN)
    assert (known(store), all_entries(store)) == before
    tick_at(store, at(40), token(at(400)))
    install(store, installed_at=at(41), installation_id="second", now=at(41))
    for hours in (53, 65, 90):
        assert isinstance(claim_at(store, at(hours)), Quiet)
    assert {m.state for m in known(store).milestones} == {State.COMPLETED}


def test_a_running_wait_goes_to_the_trigger_of_the_last_error() -> None:
    """P5, P8: and to no other."""
    store = MemoryStore()
    take(store, evidence=INSTALLED, state=failing(2, last_backoff_until=iso(at(14))))
    waiting = milestone_of(store, AUTO_12H)
    assert (waiting.attempts, waiting.starts, waiting.next_due) == (2, 2, at(14))
    assert waiting.last_error is not None
    assert (waiting.last_error.code, waiting.last_error.attempt) == ("IMPORTED_FAILURE", 2)
    assert waiting.last_error.at == at(12)
    other = milestone_of(store, AUTO_24H)
    assert (other.attempts, other.next_due, other.last_error) == (0, at(24), None)
    tick_at(store, at(13), token(at(400)))
    assert reason_at(store, at(13, 59)) is Reason.BACKOFF_ACTIVE
    held = won(store, at(14))
    assert held.attempt == 3
    settle_at(store, held, Failed("CODE", "words"), at(14))
    assert milestone_of(store, AUTO_12H).next_due == at(14) + timedelta(hours=24)


def test_the_words_of_an_error_are_not_kept() -> None:
    """I16: nobody knows what they hold."""
    store = MemoryStore()
    take(store, evidence=INSTALLED, state=failing(2))
    kept = repr(known(store)) + repr(all_entries(store))
    assert "secret" not in kept


@pytest.mark.parametrize("until", [iso(at(12)), None, "soon", 17])
def test_a_wait_that_is_over_or_unreadable_holds_nothing_up(until: object) -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, state=failing(2, last_backoff_until=until))
    assert milestone_of(store, AUTO_12H).next_due == at(12)


def test_no_wait_is_longer_than_ours() -> None:
    """Contract D: never longer than 24 h."""
    store = MemoryStore()
    take(store, evidence=INSTALLED, state=failing(2, last_backoff_until=iso(at(500))))
    assert milestone_of(store, AUTO_12H).next_due == NOW + timedelta(hours=24)


def test_a_wait_without_a_trigger_holds_up_what_was_attempted() -> None:
    store = MemoryStore()
    state = {"auto_12h_attempt_count": 1, "last_backoff_until": iso(at(14)), "last_error": None}
    take(store, evidence=INSTALLED, state=state)
    assert milestone_of(store, AUTO_12H).next_due == at(14)
    assert milestone_of(store, AUTO_24H).next_due == at(24)


@pytest.mark.parametrize(
    ("count", "kept"),
    [(0, 0), (1, 1), (3, 3), (9, 9), (10, 9), (10**30, 9), (2.0, 2), (-4, 0), ("3", 0), (None, 0)],
)
def test_attempts_stay_counted_and_one_is_left(count: object, kept: int) -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, state={"auto_24h_attempt_count": count})
    assert milestone_of(store, AUTO_24H).attempts == kept


@pytest.mark.parametrize(
    "value",
    [
        {"installed_at": "2025"},
        {"installed_at": "2026-01-01"},
        {"installed_at": "2026-01-01T00:00:00"},
        {"installed_at": iso(at(14))},
        {"installed_at": 1767225600000},
        {"installed_at": None},
        {},
        "2026-01-01T00:00:00Z",
        None,
        [],
    ],
)
def test_half_an_installation_time_or_one_to_come_is_refused(value: object) -> None:
    """Contract B, P14."""
    assert isinstance(facts(EVIDENCE, value), Refused)


@pytest.mark.parametrize("value", [None, "x", 5, []])
def test_a_state_that_is_no_object_is_refused(value: object) -> None:
    assert isinstance(facts(STATE, value), Refused)


def test_of_two_installation_times_the_first_counts() -> None:
    store = MemoryStore()
    both = told(evidence=INSTALLED)
    both.add(("i", None, 10**12))
    store.transact(TENANT, NOW, lambda record: imported(TENANT, both, NOW, DEFAULT, record))
    assert known(store).installation.installed_at < at(0)


def test_triggers_of_other_settings_are_armed_and_the_old_ones_stay_done() -> None:
    weekly = Trigger("AUTO_168H")
    policy = Policy(triggers=((weekly, timedelta(hours=168)),))
    store = MemoryStore()
    what = told(evidence=INSTALLED, done_12h={})
    store.transact(TENANT, NOW, lambda record: imported(TENANT, what, NOW, policy, record))
    assert milestone_of(store, AUTO_12H).is_imported()
    assert milestone_of(store, weekly).due_at == at(168)


def test_what_is_done_was_due_by_the_age_of_its_trigger() -> None:
    """By the settings' own age where they have one, and by the predecessor's where not."""
    ages = ((AUTO_12H, timedelta(hours=13)), (Trigger("AUTO_168H"), timedelta(hours=168)))
    store, policy = MemoryStore(), Policy(triggers=ages)
    assert take(store, at(30), policy, evidence=INSTALLED, done_12h={}, done_24h={}).done == 2
    assert milestone_of(store, AUTO_12H).due_at == at(13)
    assert milestone_of(store, AUTO_24H).due_at == at(24)
    other = MemoryStore()
    weekly = Policy(triggers=ages[1:])
    take(other, at(30), weekly, evidence=INSTALLED, done_12h={}, done_24h={})
    assert milestone_of(other, AUTO_12H).due_at == at(12)


def test_a_wait_without_a_trigger_does_not_hold_up_what_was_never_attempted() -> None:
    store = MemoryStore()
    state = {"auto_12h_attempt_count": 1, "last_backoff_until": iso(at(26))}
    take(store, evidence=INSTALLED, state=state)
    assert milestone_of(store, AUTO_12H).next_due == at(26)
    assert milestone_of(store, AUTO_24H).next_due == at(24)


def test_the_ledger_tells_when_it_was_done() -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, done_12h={"completed_at": iso(at(12, 1))})
    (entry,) = all_entries(store)
    assert json.loads(entry.body)["detail"]["done"] == [
        {
            "trigger": "AUTO_12H",
            "revision": 1,
            "due_at": iso(at(12)),
            "completed_at": iso(at(12, 1)),
        }
    ]


def test_the_ledger_tells_what_was_taken_over() -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, done_12h={}, state={"auto_24h_attempt_count": 1})
    (entry,) = all_entries(store)
    body = json.loads(entry.body)
    assert (body["kind"], body["actor"]) == ("IMPORTED", "import")
    assert body["detail"]["armed"] == [
        {"trigger": "AUTO_24H", "revision": 1, "due_at": iso(at(24)), "attempts": 1}
    ]
    assert body["detail"]["done"][0]["trigger"] == "AUTO_12H"


def test_a_manual_report_may_be_asked_for_after_an_import() -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, done_12h={}, done_24h={})
    tick_at(store, at(30), token(at(400)))
    request_report(store, TENANT, "now", OPERATOR, at(30), DEFAULT)
    assert won(store, at(30)).trigger == MANUAL
