"""What the worker is shown: everything that may be claimed or closed, oldest first."""

from datetime import datetime, timedelta

import pytest

from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import State
from firstry.domain.outcome import Deferred, Failed
from firstry.domain.policy import MANUAL, SILENCE, TOKEN_MARGIN, CatchUp, DeferralKind, Policy
from firstry.domain.tenant import Tenant
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause, resume
from firstry.ports.store import Store
from support.domain import (
    AUTO_24H,
    DEFAULT,
    MOMENT,
    TENANT,
    at,
    claim_at,
    claimable_at,
    complete,
    drop_token,
    install,
    milestone_of,
    settle_at,
    tenant,
    tick_at,
    token,
    won,
)

FAILED = Failed("CODE", "words")


@pytest.mark.parametrize(
    ("now", "is_shown"), [(at(12) - MOMENT, False), (at(12), True), (at(500), True)]
)
def test_a_milestone_is_shown_from_its_due_time_on(
    store: Store, now: datetime, is_shown: bool
) -> None:
    install(store)
    assert list(claimable_at(store, now)) == ([TENANT] if is_shown else [])


def test_a_claimed_milestone_is_shown_after_lease_and_wait(store: Store) -> None:
    """I7: a crash needs no rescuer, the list shows it when its wait is over."""
    install(store)
    won(store, at(12))
    again = at(12) + DEFAULT.lease + DEFAULT.waits[0]
    assert list(claimable_at(store, at(12))) == []
    assert list(claimable_at(store, again - MOMENT)) == []
    assert list(claimable_at(store, again)) == [TENANT]


def test_a_failed_milestone_is_shown_after_its_wait(store: Store) -> None:
    install(store)
    settle_at(store, won(store, at(12)), FAILED, at(12, 1))
    assert list(claimable_at(store, at(12, 31) - MOMENT)) == []
    assert list(claimable_at(store, at(12, 31))) == [TENANT]


def test_what_is_finished_is_not_shown(store: Store) -> None:
    install(store)
    complete(store, at(12))
    complete(store, at(24))
    assert list(claimable_at(store, at(24 * 999))) == []


@pytest.mark.parametrize(("spare", "is_shown"), [(-MOMENT, False), (timedelta(), True)])
def test_a_token_must_outlive_the_attempt(store: Store, spare: timedelta, is_shown: bool) -> None:
    """The list asks what `decide` asks, so nothing is shown that cannot be claimed."""
    until = at(12) + DEFAULT.generation_timeout + TOKEN_MARGIN + spare
    install(store, token_until=until)
    assert list(claimable_at(store, at(12))) == ([TENANT] if is_shown else [])
    assert (type(claim_at(store, at(12))).__name__ == "Claim") is is_shown


def test_a_token_that_comes_or_goes_shows(store: Store) -> None:
    install(store, token_until=None)
    assert list(claimable_at(store, at(12))) == []
    tick_at(store, at(11), token(at(20)))
    assert list(claimable_at(store, at(12))) == [TENANT]
    drop_token(store, at(11, 30))
    assert list(claimable_at(store, at(12))) == []


def test_a_window_that_is_over_is_shown_without_a_token(store: Store) -> None:
    """P10: so that it is closed, whether or not anybody can work."""
    install(store, token_until=None)
    assert list(claimable_at(store, at(24) - MOMENT)) == []
    assert list(claimable_at(store, at(24))) == [TENANT]
    claim_at(store, at(24))
    assert list(claimable_at(store, at(24))) == []


def test_used_up_attempts_are_shown_without_a_token(store: Store) -> None:
    policy = Policy(max_attempts=1, catch_up=CatchUp.ALL)
    install(store, policy=policy)
    settle_at(store, won(store, at(12), policy=policy), FAILED, at(12), policy)
    drop_token(store, at(12))
    assert list(claimable_at(store, at(12, 30) - MOMENT, policy)) == []
    assert list(claimable_at(store, at(12, 30), policy)) == [TENANT]
    assert list(claimable_at(store, at(12, 30), DEFAULT)) == []
    claim_at(store, at(12, 30), policy=policy)
    assert list(claimable_at(store, at(12, 30), policy)) == []


def test_manual_is_used_up_after_three_attempts(store: Store) -> None:
    install(store)
    request_report(store, TENANT, "reason", OPERATOR, at(1), DEFAULT)
    now = at(1)
    for _ in range(3):
        settle_at(store, won(store, now), FAILED, now)
        now = milestone_of(store, MANUAL).next_due
        drop_token(store, now)
        expected = [TENANT] if milestone_of(store, MANUAL).attempts == 3 else []
        assert list(claimable_at(store, now)) == expected
        tick_at(store, now - timedelta(minutes=1), token(at(99)))
    claim_at(store, now)
    assert milestone_of(store, MANUAL).state is State.DISCARDED


@pytest.mark.parametrize(
    ("silent", "refusals", "kind", "is_shown"),
    [
        (SILENCE, 2, DeferralKind.TOKEN, True),
        (SILENCE, 3, DeferralKind.TOKEN, True),
        (SILENCE - MOMENT, 2, DeferralKind.TOKEN, False),
        (SILENCE, 1, DeferralKind.TOKEN, False),
        (SILENCE, 2, DeferralKind.QUOTA, False),
    ],
)
def test_a_site_that_seems_gone_is_shown_without_a_token(
    store: Store, silent: timedelta, refusals: int, kind: DeferralKind, is_shown: bool
) -> None:
    """So that what is open is cancelled, though no token will ever come again."""
    install(store)
    tick_at(store, at(23))
    for _ in range(refusals):
        now = max(at(24), milestone_of(store, AUTO_24H).next_due)
        settle_at(store, won(store, now), Deferred(kind, "words"), now)
    drop_token(store, at(25))
    assert list(claimable_at(store, at(23) + silent)) == ([TENANT] if is_shown else [])
    claim_at(store, at(23) + silent)
    assert (milestone_of(store, AUTO_24H).state is State.CANCELLED) is is_shown


def test_a_site_that_never_ticked_does_not_seem_gone(store: Store) -> None:
    install(store)
    for _ in range(2):
        now = max(at(24), milestone_of(store, AUTO_24H).next_due)
        settle_at(store, won(store, now), Deferred(DeferralKind.TOKEN, "words"), now)
    drop_token(store, at(25))
    assert list(claimable_at(store, at(500))) == []


def test_a_paused_tenant_is_not_shown(store: Store) -> None:
    install(store)
    pause(store, TENANT, "reason", at(1))
    assert list(claimable_at(store, at(24))) == []
    resume(store, TENANT, "reason", at(2))
    assert list(claimable_at(store, at(24))) == [TENANT]


def test_the_oldest_comes_first_and_then_the_cloud_id(store: Store) -> None:
    ages = {3: 2, 1: 2, 2: 1, 4: 0, 0: 5}
    for number, hours in ages.items():
        install(store, tenant(number), installed_at=at(hours), now=at(5))
    assert list(claimable_at(store, at(17))) == [tenant(number) for number in (4, 2, 1, 3, 0)]


@pytest.mark.parametrize("limit", range(7))
def test_a_limit_takes_the_oldest(store: Store, limit: int) -> None:
    for number in range(5):
        install(store, tenant(number), installed_at=at(5 - number), now=at(5))
    expected = [tenant(number) for number in (4, 3, 2, 1, 0)]
    assert list(claimable_at(store, at(17), limit=limit)) == expected[:limit]


def test_a_tenant_is_shown_once_however_much_it_has_to_do(store: Store) -> None:
    policy = Policy(catch_up=CatchUp.ALL)
    for number in range(3):
        install(store, tenant(number), policy=policy)
    assert list(claimable_at(store, at(24), policy)) == list(map(tenant, range(3)))


def test_the_list_empties_as_its_tenants_are_claimed(store: Store) -> None:
    everybody = [tenant(number) for number in range(4)]
    for who in everybody:
        install(store, who)
    shown: list[Tenant] = []
    while listed := claimable_at(store, at(12), limit=2):
        shown += listed
        for who in listed:
            won(store, at(12), who)
    assert shown == everybody


def test_an_end_makes_room_for_the_next_trigger(store: Store) -> None:
    install(store)
    assert list(claimable_at(store, at(24))) == [TENANT]
    won(store, at(24))
    assert milestone_of(store, AUTO_24H).starts == 1
    assert list(claimable_at(store, at(24))) == []
