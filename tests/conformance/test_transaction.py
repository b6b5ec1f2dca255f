"""A change is written whole or not at all, and is there for the next reader."""

from dataclasses import replace
from datetime import timedelta

import pytest

from firstry.domain.errors import Defect
from firstry.domain.ledger import SCHEDULER, Entry
from firstry.domain.milestone import State
from firstry.domain.outcome import Deferred, Failed, Outcome
from firstry.domain.policy import DeferralKind
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.settle import Settled, settle
from firstry.ports.store import Store
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    MOMENT,
    TENANT,
    all_entries,
    all_reports,
    at,
    claimable_at,
    complete,
    completed,
    install,
    known,
    milestone_of,
    settle_at,
    tenant,
    token,
    won,
)
from support.invariants import breaches_of, snapshot


class Stopped(Exception):
    """What a decision raises in these tests."""


def everything(store: Store) -> object:
    """Return all that a store shows of the tenant."""
    return (
        store.read(TENANT),
        store.token(TENANT),
        all_entries(store),
        all_reports(store),
        [record.tenant for record in store.tenants(None, 100)],
        claimable_at(store, at(24 * 99)),
        store.check(),
    )


def test_an_empty_store_knows_nobody(store: Store) -> None:
    assert everything(store) == (None, None, (), (), [], [], None)
    assert store.report("r-0") is None


def test_what_was_written_is_read(store: Store) -> None:
    install(store, installation_id="installation-1")
    record = known(store)
    assert record.tenant == TENANT
    assert record.installation.installation_id == "installation-1"
    assert [m.key for m in record.milestones] == [(AUTO_12H, 1), (AUTO_24H, 1)]
    assert record.head.sequence == len(all_entries(store)) == 1
    held = won(store, at(12))
    assert milestone_of(store, AUTO_12H).fence == held.fence
    assert known(store).head == held.head


def test_every_field_of_a_milestone_survives(store: Store) -> None:
    """P2: what is read back is what was written, not a default in its place."""
    install(store)
    outcomes: list[Outcome] = [
        Failed("CODE", "words, and more: ö"),
        Deferred(DeferralKind.QUOTA, "later", at(13, 1)),
        Deferred(DeferralKind.TOKEN, "later"),
    ]
    for outcome in outcomes:
        now = milestone_of(store, AUTO_12H).next_due
        answer = settle_at(store, won(store, now), outcome, now + 7 * MOMENT)
        assert isinstance(answer, Settled)
        assert milestone_of(store, AUTO_12H) == answer.milestone
    held = won(store, milestone_of(store, AUTO_12H).next_due)
    answer = settle_at(store, held, completed(held), held.decided_at + timedelta(seconds=5))
    assert isinstance(answer, Settled)
    assert milestone_of(store, AUTO_12H) == answer.milestone
    assert answer.milestone.last_error is not None
    assert answer.milestone.last_error.at == at(12) + 7 * MOMENT


def test_the_answer_of_a_decision_is_returned(store: Store) -> None:
    asked: list[TenantRecord | None] = []

    def decide(record: TenantRecord | None) -> Change[str]:
        asked.append(record)
        return Change("nothing to write")

    assert store.transact(TENANT, at(0), decide) == "nothing to write"
    assert asked == [None]
    assert store.check() is None


def test_a_decision_that_raises_leaves_nothing(store: Store) -> None:
    install(store)
    before = everything(store)

    def decide(record: TenantRecord | None) -> Change[None]:
        raise Stopped

    with pytest.raises(Stopped):
        store.transact(TENANT, at(12), decide)
    assert everything(store) == before
    won(store, at(12))


def test_a_change_that_is_refused_leaves_nothing(store: Store) -> None:
    """P11, P12: all but the report is in order, and nothing of it is written."""
    install(store)
    held = won(store, at(12))
    before = everything(store)

    def decide(record: TenantRecord | None) -> Change[None]:
        assert record is not None
        change = settle(record, held, completed(held), at(12), DEFAULT)
        assert change.after is not None
        later = token(at(99_999))
        after = replace(change.after, token_expires_at=later.expires_at)
        return Change(None, after, change.entries, report=None, token=later)

    with pytest.raises(Defect):
        store.transact(TENANT, at(13), decide)
    assert everything(store) == before
    settle_at(store, held, completed(held), at(13))
    assert len(all_reports(store)) == 1


def test_marker_report_and_milestone_come_together(store: Store) -> None:
    """P4, P11, P12, I2."""
    install(store)
    held = won(store, at(12))
    assert all_reports(store) == ()
    assert milestone_of(store, AUTO_12H).completed_at is None
    outcome = completed(held)
    settle_at(store, held, outcome, at(12, 1))
    done = milestone_of(store, AUTO_12H)
    assert (done.state, done.completed_at) == (State.COMPLETED, at(12, 1))
    assert store.report(str(done.report_id)) == outcome.report
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []


def test_a_report_is_stored_byte_for_byte(store: Store) -> None:
    install(store)
    made = complete(store, at(12))
    kept = store.report(made.report_id)
    assert kept == made
    assert kept is not None
    assert kept.body == made.body


def test_a_change_of_one_tenant_shows_in_no_other(store: Store) -> None:
    """I9."""
    install(store)
    install(store, tenant(1))
    before = replace(known(store), store_clock_at=None)
    entries = all_entries(store)
    complete(store, at(12), tenant(1))
    assert replace(known(store), store_clock_at=None) == before
    assert all_entries(store) == entries
    assert all_reports(store) == ()


def test_the_stores_clock_is_the_latest_that_anybody_wrote(store: Store) -> None:
    """I14."""
    install(store, now=at(0))
    assert known(store).store_clock_at == store.check() == at(0)
    install(store, tenant(1), now=at(5))
    assert known(store).store_clock_at == known(store, tenant(1)).store_clock_at == at(5)
    install(store, tenant(2), now=at(3))
    assert known(store).store_clock_at == store.check() == at(5)


def test_a_look_does_not_move_the_stores_clock(store: Store) -> None:
    """I14: only what was written counts, so a quiet call from a fast clock stops nobody."""
    install(store)
    store.transact(TENANT, at(99), lambda record: Change(None))
    assert known(store).store_clock_at == at(0)


def test_a_decision_sees_the_stores_clock(store: Store) -> None:
    install(store, now=at(1))
    install(store, tenant(1), now=at(7))
    seen = store.transact(TENANT, at(8), lambda record: Change(record))
    assert seen is not None
    assert seen == known(store)
    assert seen.store_clock_at == at(7)


def test_entries_and_head_move_together(store: Store) -> None:
    install(store)

    def decide(record: TenantRecord | None) -> Change[None]:
        assert record is not None
        notes = [Entry("NOTE", at(1), SCHEDULER, {"number": number}) for number in range(3)]
        return Change(None, *ledgered(record, notes))

    store.transact(TENANT, at(1), decide)
    store.transact(TENANT, at(1), decide)
    assert known(store).head.sequence == 7
    assert [entry.sequence for entry in all_entries(store)] == list(range(1, 8))
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []
