"""What no store takes, whatever the code that asks for it believes.

Each change here is what an old or faulty worker might send: in good order but
for one thing. It is refused, and nothing of it is written.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from firstry.domain.errors import Defect
from firstry.domain.ledger import Head, SealedEntry
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.policy import Trigger
from firstry.domain.record import Change, Decide, StoredReport, TenantRecord
from firstry.ports.store import Store
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    TENANT,
    all_entries,
    all_reports,
    at,
    complete,
    install,
    known,
    tenant,
    won,
)

MISSED = tenant(1)
Fault = Callable[[TenantRecord], Change[None]]


def prepared(store: Store) -> None:
    """TENANT: AUTO_12H completed, AUTO_24H claimed. MISSED: AUTO_12H missed, AUTO_24H claimed."""
    install(store)
    install(store, MISSED)
    complete(store, at(12))
    won(store, at(24))
    won(store, at(24), MISSED)


def milestone(record: TenantRecord, trigger: Trigger) -> Milestone:
    found = record.latest(trigger)
    assert found is not None
    return found


def changed(trigger: Trigger, **fields: Any) -> Fault:
    """Return the fault that gives one milestone other fields."""

    def fault(record: TenantRecord) -> Change[None]:
        other = replace(milestone(record, trigger), **fields)
        return Change(None, record.with_milestone(other))

    return fault


def armed(**fields: Any) -> Fault:
    """Return the fault that adds a milestone with other fields than a fresh one has."""

    def fault(record: TenantRecord) -> Change[None]:
        fresh = Milestone(
            trigger=AUTO_24H,
            revision=2,
            state=State.SCHEDULED,
            installed_at=at(0),
            due_at=at(24),
            window_end_at=None,
            next_due=at(24),
        )
        return Change(None, record.with_milestone(replace(fresh, **fields)))

    return fault


def completing(**fields: Any) -> Fault:
    """Return the fault that completes AUTO_24H with a report that has other fields."""

    def fault(record: TenantRecord) -> Change[None]:
        claimed = milestone(record, AUTO_24H)
        report = StoredReport(
            report_id="r-24",
            tenant=record.tenant,
            trigger=AUTO_24H,
            revision=1,
            generated_at=at(24),
            digest="sha256:24",
            body=b"{}",
            envelope=b"an envelope",
        )
        done = replace(
            claimed,
            state=State.COMPLETED,
            lease_until=None,
            settled_fence=claimed.fence,
            settled_as=Act.COMPLETE,
            completed_at=at(24),
            report_id="r-24",
        )
        made = replace(report, **fields)
        return Change(None, record.with_milestone(done), report=made)

    return fault


def without_report(record: TenantRecord) -> Change[None]:
    return replace(completing()(record), report=None)


def id_used_again(record: TenantRecord) -> Change[None]:
    used = milestone(record, AUTO_12H).report_id
    change = completing(report_id=used)(record)
    assert change.after is not None
    done = replace(milestone(change.after, AUTO_24H), report_id=used)
    return replace(change, after=change.after.with_milestone(done))


def entries(*sequences: int, head: int) -> Fault:
    """Return the fault that writes entries with these sequences and this head."""

    def fault(record: TenantRecord) -> Change[None]:
        start = record.head.sequence
        sealed = [SealedEntry(start + n, b"{}", f"sha256:{n}") for n in sequences]
        after = replace(record, head=Head(start + head, f"sha256:{head}"))
        return Change(None, after, tuple(sealed))

    return fault


def evidence_moved(record: TenantRecord) -> Change[None]:
    installation = replace(record.installation, installed_at=at(1))
    return Change(None, replace(record, installation=installation))


FAULTS: dict[str, Fault] = {
    "I1 a second report for a milestone": completing(report_id="r-other", trigger=AUTO_12H),
    "I1 a report under the id of another": id_used_again,
    "I2 completed without a report": without_report,
    "I2 completed with a report of another tenant": completing(tenant=MISSED),
    "I2 completed with a report of another trigger": completing(trigger=AUTO_12H),
    "I2 completed with a report of another revision": completing(revision=2),
    "I2 completed with a report that is not signed": completing(envelope=b""),
    "I3 completed goes back": changed(AUTO_12H, state=State.SCHEDULED),
    "I3 completed is claimed": changed(
        AUTO_12H, state=State.CLAIMED, fence=9, starts=9, lease_until=at(25)
    ),
    "I3 completed changes its counts": changed(AUTO_12H, attempts=0),
    "I4 the fence falls": changed(AUTO_24H, state=State.SCHEDULED, lease_until=None, fence=0),
    "I4 a claim keeps the fence": changed(AUTO_24H, starts=2, lease_until=at(26)),
    "I4 a claim counts no start": changed(AUTO_24H, fence=2, lease_until=at(26)),
    "I5 another fence is settled": changed(
        AUTO_24H, state=State.SCHEDULED, lease_until=None, settled_fence=7, settled_as=Act.FAIL
    ),
    "I6 the starts fall": changed(
        AUTO_24H, state=State.SCHEDULED, lease_until=None, starts=0, attempts=0
    ),
    "I6 more attempts than starts": changed(
        AUTO_24H, state=State.SCHEDULED, lease_until=None, attempts=5
    ),
    "I7 a claim without a lease": changed(AUTO_24H, fence=2, starts=2, lease_until=None),
    "I7 a lease without a claim": changed(AUTO_24H, state=State.SCHEDULED, lease_until=at(25)),
    "a milestone begins claimed": armed(state=State.CLAIMED, fence=1, starts=1, lease_until=at(25)),
    "a milestone begins completed": armed(state=State.COMPLETED),
    "a milestone begins with a fence": armed(fence=3),
    "a milestone begins with starts": armed(starts=1),
    "a revision below 1": armed(revision=0),
    "I15 an entry is left out": entries(2, head=2),
    "I15 an entry is written again": entries(0, head=0),
    "I15 the head falls": entries(head=-1),
    "I15 the head changes without an entry": entries(head=0),
}


def _on_record(fault: Fault) -> Decide[None]:
    def decide(record: TenantRecord | None) -> Change[None]:
        assert record is not None
        return fault(record)

    return decide


def everything(store: Store) -> object:
    return [
        (known(store, who), all_entries(store, who), store.token(who)) for who in (TENANT, MISSED)
    ], all_reports(store, None)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_faulty_change_is_refused(store: Store, fault: Fault) -> None:
    """P1, P11, P18, P34: the store itself holds I1 to I8 and I15."""
    prepared(store)
    before = everything(store)

    with pytest.raises(Defect):
        store.transact(TENANT, at(24), _on_record(fault))
    assert everything(store) == before


def unclaimed(fault: Fault) -> Fault:
    """Return `fault` on a record in which AUTO_24H was set free, with nothing settled."""

    def freed(record: TenantRecord) -> Change[None]:
        change = fault(record)
        assert change.after is not None
        done = replace(milestone(change.after, AUTO_24H), settled_fence=None, settled_as=None)
        return replace(change, after=change.after.with_milestone(done))

    return freed


def test_only_what_is_claimed_is_completed(store: Store) -> None:
    """I2, I5."""
    prepared(store)
    free = changed(AUTO_24H, state=State.SCHEDULED, lease_until=None)
    store.transact(TENANT, at(24), _on_record(free))
    before = everything(store)
    for fault in (completing(), unclaimed(completing())):
        with pytest.raises(Defect):
            store.transact(TENANT, at(24), _on_record(fault))
        assert everything(store) == before


def test_a_report_is_of_what_is_claimed(store: Store) -> None:
    """I2: a report alone, of a milestone that waits, would let its marker in afterwards."""
    prepared(store)
    free = changed(AUTO_24H, state=State.SCHEDULED, lease_until=None)
    store.transact(TENANT, at(24), _on_record(free))
    before = everything(store)

    def report_alone(record: TenantRecord) -> Change[None]:
        return replace(completing()(record), after=replace(record, last_tick_at=at(24)))

    with pytest.raises(Defect):
        store.transact(TENANT, at(24), _on_record(report_alone))
    assert everything(store) == before


@pytest.mark.parametrize(
    "fault",
    [
        changed(AUTO_12H, state=State.SCHEDULED),
        changed(AUTO_12H, state=State.CLAIMED, fence=9, starts=9, lease_until=at(25)),
        changed(AUTO_12H, state=State.CANCELLED),
        changed(AUTO_12H, next_due=at(30)),
    ],
    ids=["scheduled", "claimed", "cancelled", "later"],
)
def test_missed_is_final(store: Store, fault: Fault) -> None:
    """I3, P10: what was missed stays missed; a reset arms the next revision."""
    prepared(store)
    before = everything(store)
    with pytest.raises(Defect):
        store.transact(MISSED, at(24), _on_record(fault))
    assert everything(store) == before


def left_out(record: TenantRecord) -> Change[None]:
    return Change(None, replace(record, milestones=record.milestones[:1], last_tick_at=at(24)))


KEPT: dict[str, Fault] = {
    "I3 a milestone is left out": left_out,
    "I8 the due time moves": changed(
        AUTO_24H, state=State.SCHEDULED, lease_until=None, due_at=at(20)
    ),
    "I8 the installation of a milestone moves": changed(
        AUTO_24H, state=State.SCHEDULED, lease_until=None, installed_at=at(20)
    ),
    "I8 the installation evidence moves": evidence_moved,
}


@pytest.mark.parametrize("fault", KEPT.values(), ids=KEPT.keys())
def test_what_never_changes_is_refused_or_left_as_it_was(store: Store, fault: Fault) -> None:
    """P15: a store may refuse such a change, or not know how to write it."""
    prepared(store)
    before = known(store)
    with contextlib.suppress(Defect):
        store.transact(TENANT, at(24), _on_record(fault))
    after = known(store)
    assert after.installation == before.installation
    assert [(m.key, m.installed_at, m.due_at) for m in after.milestones] == [
        (m.key, m.installed_at, m.due_at) for m in before.milestones
    ]


def test_the_sound_version_of_each_fault_is_taken(store: Store) -> None:
    """The faults are refused for what they are: without it they are written."""
    prepared(store)
    for sound in (entries(1, head=1), completing(), armed()):
        store.transact(TENANT, at(24), _on_record(sound))
    assert [m.state for m in known(store).milestones] == [
        State.COMPLETED,
        State.COMPLETED,
        State.SCHEDULED,
    ]
    assert len(all_reports(store)) == 2
