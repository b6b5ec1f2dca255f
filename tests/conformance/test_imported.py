"""An imported completion on every store: the one milestone that is done without a report here."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from firstry.domain.due import Quiet, Reason
from firstry.domain.errors import Defect
from firstry.domain.import_value import Told
from firstry.domain.imported import Met, Taken, imported
from firstry.domain.milestone import IMPORTED_REPORT, Milestone, State
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import Change, InstallationSource, StoredReport, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.lifecycle.reset import reset
from firstry.ports.store import Store
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    INSTALLED_AT,
    TENANT,
    all_entries,
    all_reports,
    at,
    claim_at,
    claimable_at,
    complete,
    install,
    known,
    milestone_of,
    tenant,
    tick_at,
    token,
    won,
)
from support.invariants import breaches_of, snapshot

NOW = at(13)


def take(
    store: Store,
    *done: Trigger,
    who: Tenant = TENANT,
    installed_at: datetime | None = INSTALLED_AT,
    attempts: int = 0,
    now: datetime = NOW,
) -> Taken:
    """Import one tenant, of which these triggers were done."""
    told = Told(installed_at, dict.fromkeys(done, at(12, 1)), {AUTO_24H: attempts})
    return store.transact(who, now, lambda record: imported(who, told, now, DEFAULT, record))


def sound(store: Store, who: Tenant = TENANT, policy: Policy = DEFAULT) -> bool:
    return breaches_of(snapshot(store, known(store, who)), policy) == []


def test_what_was_imported_is_read_back_as_it_was_written(store: Store) -> None:
    assert take(store, AUTO_12H, attempts=2) == Taken(Met.RECORDED, 1, 1)
    record = known(store)
    assert record.installation.source is InstallationSource.MIGRATED
    done = milestone_of(store, AUTO_12H)
    assert (done.state, done.report_id) == (State.COMPLETED, IMPORTED_REPORT)
    assert (done.completed_at, done.due_at, done.fence) == (at(12, 1), at(12), 0)
    left = milestone_of(store, AUTO_24H)
    assert (left.state, left.attempts, left.starts, left.fence) == (State.SCHEDULED, 2, 2, 0)
    (listed,) = store.tenants(None, 10)
    assert listed == record
    assert store.reports(None, None, 10) == []
    assert store.report(IMPORTED_REPORT) is None
    assert sound(store)


def test_what_was_imported_as_done_is_never_claimed(store: Store) -> None:
    """P8, contract C: not by a worker, not by a tick, at no time."""
    take(store, AUTO_12H, AUTO_24H)
    for hours in (13, 24, 25, 500):
        answer = tick_at(store, at(hours), token(at(5000)))
        assert isinstance(answer, Quiet)
        assert answer.reason is Reason.DONE_KEY_EXISTS
        assert claimable_at(store, at(hours)) == []
    assert all_reports(store) == ()


def test_what_was_left_open_goes_on_from_its_attempts(store: Store) -> None:
    take(store, AUTO_12H, attempts=2)
    tick_at(store, at(14), token(at(5000)))
    assert claimable_at(store, at(24)) == [TENANT]
    held = won(store, at(24))
    assert (held.trigger, held.attempt, held.fence) == (AUTO_24H, 3, 1)
    assert sound(store)


def test_several_tenants_at_once_are_all_written_or_none(store: Store) -> None:
    told = Told(at(0), {AUTO_12H: at(12, 1)})

    def decide(who: Tenant) -> Callable[[TenantRecord | None], Change[Taken]]:
        return lambda record: imported(who, told, NOW, DEFAULT, record)

    work = {tenant(number): decide(tenant(number)) for number in range(30)}
    answers = store.transact_many(NOW, work)
    assert answers == {tenant(number): Taken(Met.RECORDED, 1, 1) for number in range(30)}
    before = [(known(store, who), all_entries(store, who)) for who in work]
    assert set(store.transact_many(NOW, work).values()) == {Taken(Met.KNOWN)}
    assert [(known(store, who), all_entries(store, who)) for who in work] == before

    def fails(record: TenantRecord | None) -> Change[Taken]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transact_many(NOW, {tenant(98): decide(tenant(98)), tenant(99): fails})
    assert store.read(tenant(98)) is None


def test_a_tenant_without_evidence_waits_for_it(store: Store) -> None:
    """Contract B, P8."""
    take(store, AUTO_12H, installed_at=None)
    assert known(store).installation.detected_at is None
    assert tick_at(store, at(30), token(at(5000))) == Quiet(Reason.INSTALLATION_UNKNOWN)
    assert store.token(TENANT) is None
    install(store, installed_at=at(31), now=at(31))
    assert known(store).installation.detected_at == at(31)
    assert milestone_of(store, AUTO_12H).is_imported()
    assert milestone_of(store, AUTO_24H).due_at == at(55)
    assert sound(store)


def test_a_reset_makes_it_anew_and_keeps_what_was_imported(store: Store) -> None:
    take(store, AUTO_12H, AUTO_24H)
    tick_at(store, at(14), token(at(5000)))
    reset(store, TENANT, AUTO_12H, "made anew", at(15))
    assert complete(store, at(15)).revision == 2
    assert milestone_of(store, AUTO_12H).is_imported()
    assert sound(store)


def test_a_marker_ends_what_is_open_here(store: Store) -> None:
    """P8: also where the tenant came before its dump."""
    install(store)
    won(store, at(12))
    assert take(store, AUTO_12H) == Taken(Met.KNOWN, 0, 1)
    assert milestone_of(store, AUTO_12H).state is State.CANCELLED
    assert milestone_of(store, AUTO_12H, revision=2).is_imported()
    assert isinstance(claim_at(store, at(13)), Quiet)
    assert sound(store)


Fault = Callable[[TenantRecord], Change[None]]


def fresh(**fields: Any) -> Fault:
    """Return the fault that adds a second revision of AUTO_12H with these fields."""

    def fault(record: TenantRecord) -> Change[None]:
        blank = Milestone(AUTO_12H, 2, State.COMPLETED, at(0), at(12), None, at(12))
        return Change(None, record.with_milestone(replace(blank, **fields)))

    return fault


def open_one_ended(record: TenantRecord) -> Change[None]:
    latest = record.latest(AUTO_24H)
    assert latest is not None
    ended = replace(
        latest, state=State.COMPLETED, completed_at=NOW, report_id=IMPORTED_REPORT, lease_until=None
    )
    return Change(None, record.with_milestone(ended))


def report_of_it(record: TenantRecord) -> Change[None]:
    report = StoredReport("r-1", record.tenant, AUTO_12H, 1, NOW, "sha256:0", b"{}", b"an envelope")
    return Change(None, replace(record, last_tick_at=NOW), report=report)


def changed(record: TenantRecord) -> Change[None]:
    done = record.latest(AUTO_12H)
    assert done is not None
    return Change(None, record.with_milestone(replace(done, next_due=at(99))))


FAULTS: dict[str, Fault] = {
    "completed from the start without being imported": fresh(completed_at=NOW),
    "imported with a start": fresh(completed_at=NOW, report_id=IMPORTED_REPORT, starts=1),
    "imported with a fence": fresh(completed_at=NOW, report_id=IMPORTED_REPORT, fence=1),
    "imported as missed": fresh(state=State.MISSED, completed_at=NOW, report_id=IMPORTED_REPORT),
    "an open one ended as imported": open_one_ended,
    "a report of what was imported": report_of_it,
    "what was imported changed": changed,
    "attempts of a later revision": fresh(state=State.SCHEDULED, attempts=2, starts=2),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_no_store_takes_more_than_an_import_may_write(store: Store, fault: Fault) -> None:
    """I1, I2, I3: the exception is as narrow as it is told."""

    def decide(record: TenantRecord | None) -> Change[None]:
        assert record is not None
        return fault(record)

    take(store, AUTO_12H)
    before = known(store), all_entries(store)
    with pytest.raises(Defect, match="the store refused a write"):
        store.transact(TENANT, NOW, decide)
    assert (known(store), all_entries(store)) == before


def test_attempts_are_taken_over_from_a_migrated_tenant_only(store: Store) -> None:
    """I6: elsewhere a milestone starts unattempted."""
    install(store)
    old = known(store)
    attempted = Milestone(
        Trigger("AUTO_48H"), 1, State.SCHEDULED, at(0), at(48), None, at(48), attempts=1, starts=1
    )
    with pytest.raises(Defect):
        store.transact(TENANT, NOW, lambda _: Change(None, old.with_milestone(attempted)))
    assert known(store) == old
