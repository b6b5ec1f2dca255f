"""Erasing on every store: what a tenant told goes, what keeps a report from coming twice stays."""

import json
from collections.abc import Callable, Iterator

import pytest

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet
from firstry.domain.errors import Conflict, NotFound
from firstry.domain.import_value import Told
from firstry.domain.imported import imported
from firstry.domain.ledger import OPERATOR, first_break
from firstry.domain.milestone import State
from firstry.domain.outcome import Failed
from firstry.domain.policy import MANUAL
from firstry.domain.record import Order, StoredReport, TenantRecord
from firstry.domain.settle import Fenced
from firstry.domain.tenant import Tenant
from firstry.lifecycle.erase import AtStake, Erased, at_stake, erase
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.store import Store
from support.backing import Backing
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    TENANT,
    all_entries,
    all_reports,
    at,
    claim_at,
    complete,
    completed,
    install,
    known,
    settle_at,
    tenant,
    tick_at,
    token,
    won,
)
from support.invariants import Snapshot, breaches_between, breaches_of, snapshot

Eraser = Callable[..., Erased]
SECRETS = (b"a message that tells", b"a reason that tells", b"Projects")


@pytest.fixture
def eraser(backing: Backing, store: Store) -> Iterator[Eraser]:
    """What erases a tenant of the store, as the role that may."""
    opened = backing.open_eraser(store)

    def erased(hours: float, who: Tenant = TENANT) -> Erased:
        return erase(opened, who, Order("asked to", OPERATOR, at(hours)))

    yield erased
    if opened is not store:
        opened.close()


def told(store: Store, *others: Tenant) -> None:
    """Let tenants have a report, an error, a reason and a token, and uninstall the app."""
    everybody = (TENANT, *others)
    for who in everybody:
        install(store, who)
    for who in everybody:
        held = won(store, at(12), who)
        settle_at(store, held, Failed("JIRA_TIMEOUT", "a message that tells"), at(12))
    for who in everybody:
        complete(store, at(13), who)
    for who in everybody:
        request_report(store, who, "a reason that tells", OPERATOR, at(14), DEFAULT)
        record_uninstallation(store, who, None, at(15))


def whole(store: Store, who: Tenant = TENANT) -> Snapshot:
    """Return what the store holds of a tenant; an assertion fails where an invariant does."""
    seen = snapshot(store, known(store, who))
    assert breaches_of(seen, DEFAULT) == []
    return seen


def said(seen: Snapshot) -> bytes:
    """Return every byte of content that is left."""
    bodies = [entry.body for entry in seen.entries] + [report.body for report in seen.reports]
    return b"\n".join((*bodies, *(each.envelope for each in seen.reports), repr(seen).encode()))


def test_content_goes_and_hashes_stay(store: Store, eraser: Eraser) -> None:
    """I2, I3, I15, I17."""
    told(store)
    before = whole(store)
    assert all(secret in said(before) for secret in SECRETS)
    erased = eraser(16)
    after = whole(store)
    assert not any(secret in said(after) for secret in SECRETS)
    assert breaches_between(before, after) == []
    assert (erased.record.erasure, erased.is_repeat) == (after.record.erasure, False)
    assert [e.entry_hash for e in after.entries[:-1]] == [e.entry_hash for e in before.entries]
    assert json.loads(after.entries[-1].body)["detail"] == {
        "reason": "asked to",
        "until": len(before.entries),
    }
    (was,), (is_now,) = before.reports, after.reports
    assert (is_now.digest, is_now.report_id, is_now.body) == (was.digest, was.report_id, b"")
    assert is_now.erased_at == at(16)
    assert store.token(TENANT) is None
    assert all(m.last_error is None for m in after.record.milestones)


def test_nobody_else_is_touched(store: Store, eraser: Eraser) -> None:
    """I9."""
    told(store, tenant(1))
    before = whole(store, tenant(1))
    eraser(16)
    after = whole(store, tenant(1))
    assert (after.entries, after.reports) == (before.entries, before.reports)
    assert after.record.milestones == before.record.milestones


def test_what_is_at_stake_is_told_beforehand(store: Store, eraser: Eraser) -> None:
    told(store)
    entries = known(store).head.sequence
    assert at_stake(store, known(store)) == AtStake(1, entries, 1, False)
    eraser(16)
    assert at_stake(store, known(store)) == AtStake(0, 1, 0, False)


def test_a_second_erasure_writes_nothing(store: Store, eraser: Eraser) -> None:
    told(store)
    eraser(16)
    before = whole(store)
    assert eraser(17).is_repeat
    assert whole(store) == before


def test_a_tenant_that_is_served_is_not_erased(store: Store, eraser: Eraser) -> None:
    install(store)
    complete(store, at(12))
    before = whole(store)
    with pytest.raises(Conflict, match="not paused"):
        eraser(13)
    with pytest.raises(NotFound):
        eraser(13, tenant(7))
    assert whole(store) == before


def test_a_running_attempt_writes_nothing_back(store: Store, eraser: Eraser) -> None:
    """I5: it was begun before the tenant was paused and erased."""
    install(store)
    complete(store, at(12))
    held = won(store, at(24))
    pause(store, TENANT, "to be erased", at(24))
    eraser(24)
    before = whole(store)
    assert isinstance(settle_at(store, held, completed(held), at(24)), Fenced)
    assert isinstance(settle_at(store, held, Failed("CODE", "words"), at(24)), Fenced)
    assert whole(store) == before
    assert [m.state for m in before.record.milestones] == [State.COMPLETED, State.CANCELLED]
    assert before.record.uninstalled_at == at(24)


def test_a_tick_after_it_leaves_no_token(store: Store, eraser: Eraser) -> None:
    """The app is still installed, so its ticks go on until the platform hears of it."""
    install(store)
    pause(store, TENANT, "to be erased", at(1))
    eraser(2)
    for hours in (12, 24, 36):
        assert isinstance(tick_at(store, at(hours), token(at(99))), Quiet)
        assert store.token(TENANT) is None
    assert len(all_reports(store)) == 0


def test_what_was_done_stays_done_after_a_reinstallation(store: Store, eraser: Eraser) -> None:
    """I1: only what the uninstallation had cancelled is armed, as the next revision."""
    told(store)
    eraser(16)
    install(store, installed_at=at(100), installation_id="again", now=at(100))
    states = {m.key: m.state for m in whole(store).record.milestones}
    assert states == {
        (AUTO_12H, 1): State.COMPLETED,
        (AUTO_24H, 1): State.CANCELLED,
        (AUTO_24H, 2): State.SCHEDULED,
        (MANUAL, 1): State.CANCELLED,
    }
    assert isinstance(claim_at(store, at(112)), Quiet)
    complete(store, at(124))
    seen = whole(store)
    assert [(r.trigger, r.revision, bool(r.body)) for r in sorted(seen.reports, key=_key)] == [
        (AUTO_12H, 1, False),
        (AUTO_24H, 2, True),
    ]


def _key(report: StoredReport) -> tuple[str, int]:
    return report.trigger, report.revision


def test_it_can_be_erased_again_after_it_came_back(store: Store, eraser: Eraser) -> None:
    told(store)
    eraser(16)
    install(store, installed_at=at(100), installation_id="again", now=at(100))
    complete(store, at(124))
    with pytest.raises(Conflict):
        eraser(125)
    record_uninstallation(store, TENANT, None, at(126))
    before = whole(store)
    eraser(127)
    after = whole(store)
    assert breaches_between(before, after) == []
    assert not any(report.body for report in after.reports)
    assert {report.erased_at for report in after.reports} == {at(16), at(127)}


def test_the_chain_verifies_and_shows_what_was_taken_out_unsaid(
    store: Store, eraser: Eraser
) -> None:
    """I15: an entry that lost its content without an erasure is a broken ledger."""
    told(store)
    record = known(store)
    chain = all_entries(store)
    eraser(16)
    erased = all_entries(store)
    assert first_break(TENANT, erased, known(store).head) is None
    mixed = (*erased[:3], *chain[3:])
    assert first_break(TENANT, mixed, record.head) == 1
    assert first_break(TENANT, (*chain[:3], erased[3], *chain[4:]), record.head) == 4


def test_an_attempt_may_begin_again_only_by_a_new_installation(
    store: Store, eraser: Eraser
) -> None:
    told(store)
    eraser(16)
    assert not isinstance(claim_at(store, at(40)), Claim)
    with pytest.raises(Conflict):
        request_report(store, TENANT, "again", OPERATOR, at(40), DEFAULT)


def test_what_the_predecessor_had_done_stays_done(store: Store, eraser: Eraser) -> None:
    """P8: a completion that was imported has neither report nor marker here, and stays."""
    told_of = Told(at(0), {AUTO_12H: at(12)})
    store.transact(
        TENANT, at(20), lambda record: imported(TENANT, told_of, at(20), DEFAULT, record)
    )
    record_uninstallation(store, TENANT, None, at(21))
    eraser(22)
    done = whole(store).record.milestone(AUTO_12H, 1)
    assert done is not None
    assert (done.state, done.is_imported()) == (State.COMPLETED, True)


def test_the_record_says_when_it_was(store: Store, eraser: Eraser) -> None:
    told(store)
    assert known(store).erasure is None
    eraser(16)
    records: list[TenantRecord] = list(store.tenants(None, 9))
    assert [r.erasure.at for r in records if r.erasure] == [at(16)]
    (head,) = store.reports(TENANT, None, 9)
    assert head.erased_at == at(16)
