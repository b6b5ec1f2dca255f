"""Tokens: put, replaced and deleted with the record, never beside it."""

from firstry.ports.store import Store
from support.domain import (
    TENANT,
    all_entries,
    at,
    drop_token,
    install,
    known,
    tenant,
    tick_at,
    token,
)


def test_a_token_is_kept_byte_for_byte(store: Store) -> None:
    install(store, token_until=None)
    assert store.token(TENANT) is None
    brought = token(at(4), bytes(range(256)))
    tick_at(store, at(1), brought)
    assert store.token(TENANT) == brought
    assert known(store).token_expires_at == at(4)


def test_a_later_token_takes_the_place_of_the_first(store: Store) -> None:
    install(store, token_until=at(4))
    brought = token(at(5), b"later")
    tick_at(store, at(1), brought)
    assert store.token(TENANT) == brought
    tick_at(store, at(1), token(at(4.5), b"earlier"))
    assert store.token(TENANT) == brought


def test_a_token_that_is_forgotten_is_gone(store: Store) -> None:
    install(store, token_until=at(4))
    drop_token(store, at(1))
    assert store.token(TENANT) is None
    assert known(store).token_expires_at is None
    tick_at(store, at(1), token(at(3)))
    assert store.token(TENANT) == token(at(3))


def test_a_change_that_says_nothing_of_the_token_leaves_it(store: Store) -> None:
    install(store, token_until=at(4))
    tick_at(store, at(2))
    assert known(store).last_tick_at == at(2)
    assert store.token(TENANT) == token(at(4))


def test_every_tenant_has_its_own(store: Store) -> None:
    """I9."""
    for number in range(3):
        install(store, tenant(number), token_until=at(number + 1))
    drop_token(store, at(0), tenant(1))
    kept = [store.token(tenant(number)) for number in range(3)]
    assert kept == [token(at(1)), None, token(at(3))]
    assert store.token(tenant(9)) is None


def test_a_token_leaves_no_trace_in_the_ledger(store: Store) -> None:
    """I16: neither the token nor its coming and going is written down for ever."""
    install(store, token_until=None)
    before = all_entries(store)
    tick_at(store, at(1), token(at(4), b"s3cret"))
    drop_token(store, at(2))
    assert all_entries(store) == before
