"""What makes a worker look at once: a milestone that is due and was not (`has_become_due`)."""

from dataclasses import replace

from firstry.domain.due import Quiet, Reason, decide, has_become_due, has_ends
from firstry.domain.flag import GENERATION
from firstry.domain.milestone import Milestone, State
from firstry.domain.policy import DeferralKind
from firstry.domain.record import TenantRecord
from firstry.stores.memory import MemoryStore
from support.domain import AUTO_12H, DEFAULT, at, install, known

NOON = at(12)


def _record() -> TenantRecord:
    store = MemoryStore()
    install(store)
    return known(store)


def _first(record: TenantRecord) -> Milestone:
    found = record.milestone(AUTO_12H, 1)
    assert found is not None
    return found


def _waiting(record: TenantRecord) -> TenantRecord:
    return record.with_milestone(replace(_first(record), next_due=at(13)))


def test_a_wait_that_was_taken_off_is_news() -> None:
    """The other trigger is not due; one is enough."""
    assert has_become_due(_waiting(_record()), _record(), NOON)


def test_a_tenant_that_is_new_and_due_is_news() -> None:
    assert has_become_due(None, _record(), NOON)


def test_what_was_due_before_is_no_news() -> None:
    assert not has_become_due(_record(), _record(), NOON)


def test_what_is_not_due_is_no_news() -> None:
    assert not has_become_due(_record(), _waiting(_record()), NOON)
    assert not has_become_due(None, None, NOON)
    assert not has_become_due(_record(), None, NOON)


def test_a_claim_whose_wait_is_over_is_no_news() -> None:
    """Time alone makes it due, and a worker sees that for itself."""
    held = replace(_first(_record()), state=State.CLAIMED, lease_until=at(11), next_due=at(11.5))
    assert not has_become_due(_waiting(_record()), _record().with_milestone(held), NOON)


def test_no_window_is_closed_while_generation_is_off() -> None:
    assert has_ends(_record(), at(25), DEFAULT)
    off = replace(_record(), switched_off=frozenset({GENERATION}))
    assert not has_ends(off, at(25), DEFAULT)


def test_a_crash_after_a_deferral_waits_as_a_crash() -> None:
    first = replace(
        _first(_record()),
        state=State.CLAIMED,
        lease_until=at(12.5),
        next_due=at(14),
        deferral_kind=DeferralKind.TOKEN,
    )
    answer = decide(_record().with_milestone(first), at(13), DEFAULT)
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.BACKOFF_ACTIVE


def test_nobody_is_presumed_uninstalled_while_generation_is_off() -> None:
    refused = replace(_first(_record()), deferral_kind=DeferralKind.TOKEN, deferrals=2)
    silent = replace(_record().with_milestone(refused), last_tick_at=at(0))
    assert has_ends(silent, at(24 * 9), DEFAULT)
    off = replace(silent, switched_off=frozenset({GENERATION}))
    assert not has_ends(off, at(24 * 9), DEFAULT)
