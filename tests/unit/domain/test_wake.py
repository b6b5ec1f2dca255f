"""A tick: what it writes, and that an idle one writes nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.record import Change, SealedToken
from firstry.domain.value import replace
from firstry.domain.wake import forget_token, outlives, wake, wake_unclaimed
from firstry.lifecycle.pause import pause
from firstry.stores.memory import MemoryStore
from support.domain import (
    DEFAULT,
    MOMENT,
    TENANT,
    at,
    claim_at,
    complete,
    install,
    known,
    tick_at,
    token,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    install(store, token_until=at(4))
    return store


def test_the_first_tick_is_noted(store: MemoryStore) -> None:
    tick_at(store, at(1))
    assert known(store).last_tick_at == at(1)


@pytest.mark.parametrize(
    ("after", "noted"), [(MOMENT, False), (HOUR - MOMENT, False), (HOUR, True), (2 * HOUR, True)]
)
def test_an_idle_tick_is_noted_once_an_hour(
    store: MemoryStore, after: timedelta, noted: bool
) -> None:
    """P16: an idle tick writes nothing, so it can erase nothing."""
    tick_at(store, at(1))
    before = known(store)
    change = wake(before, None, at(1) + after, DEFAULT)
    assert change.answer == Quiet(Reason.NOT_DUE)
    assert (change.after is not None) is noted
    assert (change.entries, change.report, change.token) == ((), None, None)


@pytest.mark.parametrize(
    ("held_until", "brought_until", "is_kept"),
    [
        (None, at(2), True),
        (at(4), at(4), False),
        (at(4), at(4) - MOMENT, False),
        (at(4), at(4) + MOMENT, True),
    ],
)
def test_a_token_is_kept_only_if_it_lives_longer(
    held_until: datetime | None, brought_until: datetime, is_kept: bool
) -> None:
    store = MemoryStore()
    install(store, token_until=held_until)
    tick_at(store, at(1))
    brought = token(brought_until, b"new")
    assert outlives(brought_until, known(store)) is is_kept
    change = wake(known(store), brought, at(1) + MOMENT, DEFAULT)
    assert (change.token == brought) is is_kept
    assert (change.after is not None) is is_kept
    tick_at(store, at(1) + MOMENT, brought)
    assert (store.token(known(store).tenant) == brought) is is_kept
    assert known(store).token_expires_at == (brought_until if is_kept else held_until)


def test_a_token_that_comes_with_the_tick_serves_its_claim(store: MemoryStore) -> None:
    assert isinstance(claim_at(store, at(12)), Quiet)
    assert isinstance(tick_at(store, at(12), token(at(13))), Claim)
    assert known(store).last_tick_at == at(12)


def test_a_tick_without_a_live_token_leaves_the_milestone_due(store: MemoryStore) -> None:
    """SURFACE: nothing is written and next_due stays."""
    tick_at(store, at(11, 59))
    before = known(store)
    change = wake(before, token(at(12, 1)), at(12), DEFAULT)
    assert isinstance(change.answer, Quiet)
    assert change.answer.reason is Reason.WAITING_FOR_TOKEN
    assert change.after is not None
    assert change.after.milestones == before.milestones
    assert wake(before, None, at(12), DEFAULT).after is None


@pytest.mark.parametrize("brought", [None, token(at(50))], ids=["no token", "a token"])
def test_a_tick_of_an_unknown_tenant_writes_nothing(brought: SealedToken | None) -> None:
    """P15: the first tick is no evidence of an installation."""
    change = wake(None, brought, at(12), DEFAULT)
    assert change.answer == Quiet(Reason.INSTALLATION_UNKNOWN)
    assert (change.after, change.token) == (None, None)


def _pause(store: MemoryStore) -> None:
    pause(store, TENANT, "reason", at(10))


def _finish(store: MemoryStore) -> None:
    tick_at(store, at(10), token(at(40)))
    complete(store, at(12))


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [(_pause, Reason.PAUSED), (_finish, Reason.DONE_KEY_EXISTS)],
)
def test_a_quiet_tick_keeps_token_and_note_and_touches_nothing_else(
    store: MemoryStore, arrange: Callable[[MemoryStore], None], reason: Reason
) -> None:
    """P16: the last success stays as it was, whatever wakes the tenant later."""
    arrange(store)
    before = known(store)
    answer = tick_at(store, at(13), token(at(60)))
    assert isinstance(answer, Quiet)
    assert answer.reason is reason
    after = known(store)
    assert (after.milestones, after.head) == (before.milestones, before.head)
    assert (after.last_tick_at, after.token_expires_at) == (at(13), at(60))


def test_a_claiming_tick_writes_claim_token_and_note_at_once(store: MemoryStore) -> None:
    change = wake(known(store), token(at(20)), at(12), DEFAULT)
    assert isinstance(change.answer, Claim)
    assert change.after is not None
    assert change.token == token(at(20))
    assert (change.after.last_tick_at, change.after.token_expires_at) == (at(12), at(20))
    assert len(change.entries) == 1
    assert change.answer.head == change.after.head


def test_a_tick_without_a_slot_writes_token_and_note_and_leaves_the_claim(
    store: MemoryStore,
) -> None:
    before = known(store)
    change = wake_unclaimed(before, token(at(20)), at(12), DEFAULT)
    assert change == Change(
        None, replace(before, token_expires_at=at(20), last_tick_at=at(12)), token=token(at(20))
    )


@pytest.mark.parametrize(("ago", "is_noted"), [(HOUR - MOMENT, False), (HOUR, True)])
def test_a_tick_without_a_slot_is_noted_once_an_hour(
    store: MemoryStore, ago: timedelta, is_noted: bool
) -> None:
    install(store, token_until=at(20))
    before = replace(known(store), token_expires_at=at(20), last_tick_at=at(12) - ago)
    change = wake_unclaimed(before, None, at(12), DEFAULT)
    noted = replace(before, last_tick_at=at(12)) if is_noted else None
    assert change == Change(None, noted)
    brought = wake_unclaimed(before, token(at(21)), at(12), DEFAULT)
    assert (brought.token, brought.after is not None) == (token(at(21)), True)


def test_a_tick_that_claims_nothing_is_the_same_without_a_slot(store: MemoryStore) -> None:
    for record, now in [(None, at(1)), (known(store), at(1)), (known(store), at(13))]:
        for brought in (None, token(at(3)), token(at(9))):
            change = wake(record, brought, now, DEFAULT)
            if isinstance(change.answer, Quiet):
                assert wake_unclaimed(record, brought, now, DEFAULT) == change


@pytest.mark.parametrize(
    ("named", "is_dropped"), [(None, True), (at(4), True), (at(4) - MOMENT, False), (at(5), False)]
)
def test_a_refused_token_is_dropped_and_a_newer_one_stays(
    store: MemoryStore, named: datetime | None, is_dropped: bool
) -> None:
    change = forget_token(known(store), named)
    assert (change.after is not None) is is_dropped
    if change.after is not None:
        assert change.after.token_expires_at is None


@pytest.mark.parametrize("named", [None, at(4)])
def test_where_no_token_is_kept_none_is_dropped(named: datetime | None) -> None:
    store = MemoryStore()
    assert forget_token(None, named).after is None
    install(store, token_until=None)
    assert forget_token(known(store), named).after is None
