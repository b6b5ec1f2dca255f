"""What an import makes of one tenant: evidence, attempts and waits, and nothing made twice."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from firstry.domain.due import Due, Quiet, Reason, decide
from firstry.domain.errors import Conflict
from firstry.domain.import_key import Key, Refused, parse_key
from firstry.domain.import_value import Told, facts_of
from firstry.domain.imported import AGES, Met, Taken, imported
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import IMPORTED_REPORT, State
from firstry.domain.outcome import Failed
from firstry.domain.policy import MANUAL, Policy, Trigger
from firstry.domain.record import Installation, InstallationSource
from firstry.domain.settle import Fenced
from firstry.lifecycle.install import Recorded, record_installation
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.reset import reset
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    TENANT,
    all_entries,
    at,
    claim_at,
    completed,
    install,
    known,
    milestone_of,
    settle_at,
    tick_at,
    token,
    won,
)
from support.invariants import breaches_of, snapshot

NOW = at(13)
STATE = "phase5:scheduler:state:{}"
DONE_12H = "phase5:scheduler:{}:AUTO_12H:DONE"
DONE_24H = "phase5:scheduler:{}:AUTO_24H:DONE"
EVIDENCE = "phase4:evidence:installation:{}"
INSTALLED = {"installed_at": iso(at(0))}


def facts(shape: str, value: object, now: datetime = NOW) -> object:
    key = parse_key(shape.format(TENANT.cloud_id), frozenset(AGES))
    assert isinstance(key, Key)
    return facts_of(key, value, now)


def told(now: datetime = NOW, **values: Any) -> Told:
    """Return what a dump tells with these values: evidence, done_12h, done_24h, state."""
    shapes = {"evidence": EVIDENCE, "done_12h": DONE_12H, "done_24h": DONE_24H, "state": STATE}
    found = Told()
    for name, value in values.items():
        read = facts(shapes[name], value, now)
        assert isinstance(read, list), read
        for fact in read:
            found.add(fact)
    return found


def take(store: MemoryStore, now: datetime = NOW, policy: Policy = DEFAULT, **values: Any) -> Taken:
    """Import a dump of one tenant, and judge what stands there then."""
    what = told(now, **values)
    taken = store.transact(TENANT, now, lambda record: imported(TENANT, what, now, policy, record))
    record = store.read(TENANT)
    if record is not None:
        assert breaches_of(snapshot(store, record), policy) == []
    return taken


def reason_at(store: MemoryStore, now: datetime) -> Reason | None:
    decided = decide(store.read(TENANT), now, DEFAULT)
    return decided.reason if isinstance(decided, Quiet) else None


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


def failing(number: int, **more: object) -> dict[str, object]:
    error = {
        "timestamp": iso(at(12)),
        "message": "secret words",
        "trigger": "AUTO_12H",
        "attempt_count": number,
    }
    return {"auto_12h_attempt_count": number, "last_error": error, **more}


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


def test_nothing_to_keep_is_not_recorded() -> None:
    store = MemoryStore()
    assert take(store, state=failing(2)) == Taken(Met.LEFT_OUT)
    assert store.read(TENANT) is None


def test_markers_without_evidence_arm_nothing_and_are_kept_until_it_comes() -> None:
    """Contract B, P8: no due time is made up, and what was done is not made again."""
    store = MemoryStore()
    taken = take(store, done_12h={"completed_at": iso(at(12, 1))})
    assert taken == Taken(Met.RECORDED_WITHOUT_EVIDENCE, 0, 1)
    assert known(store).installation.detected_at is None
    assert tick_at(store, at(30), token(at(400))) == Quiet(Reason.INSTALLATION_UNKNOWN)
    assert known(store).last_tick_at is None
    with pytest.raises(Conflict):
        request_report(store, TENANT, "now", OPERATOR, at(30), DEFAULT)
    with pytest.raises(Conflict):
        reset(store, TENANT, AUTO_12H, "again", at(30))
    assert take(store, done_12h={}) == Taken(Met.KNOWN)
    assert install(store, installed_at=at(31), now=at(31)) is Recorded.INSTALLATION
    assert known(store).installation.detected_at == at(31)
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []
    assert reason_at(store, at(31 + 13)) is Reason.DONE_KEY_EXISTS
    assert won(store, at(31 + 24)).trigger == AUTO_24H


def test_evidence_that_a_second_dump_brings_arms_the_rest() -> None:
    store = MemoryStore()
    take(store, done_12h={})
    assert take(store, evidence=INSTALLED) == Taken(Met.RECORDED, armed=1)
    assert known(store).installation.source is InstallationSource.MIGRATED
    assert milestone_of(store, AUTO_24H).due_at == at(24)


def test_a_reset_of_an_imported_completion_counts_from_the_evidence() -> None:
    """Revision 2, due by the installation as it is known now; revision 1 stays done."""
    store = MemoryStore()
    take(store, done_12h={})
    install(store, installed_at=at(2), now=at(14))
    fresh = reset(store, TENANT, AUTO_12H, "made anew", at(15))
    assert (fresh.revision, fresh.installed_at, fresh.due_at) == (2, at(2), at(14))
    held = won(store, at(15))
    settle_at(store, held, completed(held), at(15))
    assert milestone_of(store, AUTO_12H).is_imported()
    assert milestone_of(store, AUTO_12H, revision=2).state is State.COMPLETED
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []


def test_a_reset_is_not_undone_by_importing_again() -> None:
    store = MemoryStore()
    take(store, evidence=INSTALLED, done_12h={})
    reset(store, TENANT, AUTO_12H, "made anew", at(15))
    assert take(store, evidence=INSTALLED, done_12h={}) == Taken(Met.KNOWN)
    assert milestone_of(store, AUTO_12H, revision=2).state is State.SCHEDULED


def test_a_tenant_that_is_served_here_keeps_its_evidence_and_its_attempts() -> None:
    store = MemoryStore()
    install(store, installed_at=at(3))
    dump: dict[str, Any] = {
        "evidence": INSTALLED,
        "state": failing(5, last_backoff_until=iso(at(20))),
    }
    before = known(store)
    assert take(store, **dump) == Taken(Met.KNOWN)
    assert known(store) == before


def test_a_marker_ends_what_is_open_here_and_its_attempt_is_fenced() -> None:
    """P8: the tenant came here before the dump did."""
    store = MemoryStore()
    install(store)
    held = won(store, at(12))
    assert take(store, at(12, 1), done_12h={}) == Taken(Met.KNOWN, 0, 1)
    assert milestone_of(store, AUTO_12H).state is State.CANCELLED
    assert milestone_of(store, AUTO_12H, revision=2).is_imported()
    assert isinstance(settle_at(store, held, completed(held), at(12, 2)), Fenced)
    assert reason_at(store, at(13)) is Reason.DONE_KEY_EXISTS
    assert isinstance(decide(store.read(TENANT), at(24), DEFAULT), Due)
    install(store, installed_at=at(30), installation_id="second", now=at(30))
    assert known(store).latest(AUTO_12H) == milestone_of(store, AUTO_12H, revision=2)
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []


def test_a_marker_after_a_missed_window_says_that_it_was_done() -> None:
    store = MemoryStore()
    install(store)
    claim_at(store, at(24))
    assert milestone_of(store, AUTO_12H).state is State.MISSED
    take(store, at(25), done_12h={})
    assert milestone_of(store, AUTO_12H, revision=2).is_imported()


def test_a_report_that_was_made_here_needs_no_marker() -> None:
    store = MemoryStore()
    install(store)
    held = won(store, at(12))
    settle_at(store, held, completed(held), at(12))
    before = known(store)
    assert take(store, done_12h={}) == Taken(Met.KNOWN)
    assert known(store) == before


def test_an_uninstalled_site_takes_no_evidence_from_a_dump() -> None:
    store = MemoryStore()
    take(store, done_12h={})
    record_uninstallation(store, TENANT, None, at(20))
    assert take(store, evidence=INSTALLED) == Taken(Met.KNOWN)
    evidence = Installation(at(30), InstallationSource.LIFECYCLE, "i")
    recorded = record_installation(store, TENANT, evidence, at(30), DEFAULT)
    assert recorded is Recorded.INSTALLATION
    assert known(store).uninstalled_at is None
    assert milestone_of(store, AUTO_24H).due_at == at(54)


def test_triggers_of_other_settings_are_armed_and_the_old_ones_stay_done() -> None:
    weekly = Trigger("AUTO_168H")
    policy = Policy(triggers=((weekly, timedelta(hours=168)),))
    store = MemoryStore()
    what = told(evidence=INSTALLED, done_12h={})
    store.transact(TENANT, NOW, lambda record: imported(TENANT, what, NOW, policy, record))
    assert milestone_of(store, AUTO_12H).is_imported()
    assert milestone_of(store, weekly).due_at == at(168)


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
