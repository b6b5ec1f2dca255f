"""Tenants that come from two sides: from a dump, and from the platform or an operator (P8)."""

from typing import Any

import pytest

from firstry.domain.due import Due, Quiet, Reason, decide
from firstry.domain.errors import Conflict
from firstry.domain.imported import Met, Taken
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import State
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
from support.imported import INSTALLED, failing, reason_at, take
from support.invariants import breaches_of, snapshot


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


def test_a_dump_that_says_nothing_new_of_a_tenant_without_evidence_changes_nothing() -> None:
    store = MemoryStore()
    take(store, done_12h={})
    before = known(store)
    assert take(store, at(14), state=failing(2)) == Taken(Met.KNOWN, armed=0, done=0)
    assert known(store) == before


def test_without_evidence_the_first_completion_stands_in_the_place_of_the_installation() -> None:
    store = MemoryStore()
    first, second = {"completed_at": iso(at(12, 1))}, {"completed_at": iso(at(12, 59))}
    take(store, done_12h=second, done_24h=first)
    assert known(store).installation.installed_at == at(12, 1)


def test_a_second_dump_adds_the_marker_of_a_trigger_that_was_never_seen_here() -> None:
    store = MemoryStore()
    take(store, done_12h={"completed_at": iso(at(12, 1))})
    taken = take(store, at(30), done_24h={"completed_at": iso(at(24, 1))})
    assert taken == Taken(Met.KNOWN, armed=0, done=1)
    added = milestone_of(store, AUTO_24H)
    assert added.is_imported()
    assert (added.installed_at, added.due_at) == (at(12, 1), at(36, 1))
    assert added.completed_at == at(24, 1)
