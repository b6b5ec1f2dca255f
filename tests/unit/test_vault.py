"""The token vault: a token opens for its own tenant, under a key that is there, unchanged (I16)."""

from datetime import timedelta
from typing import Any

import pytest

from firstry.domain.record import SealedToken
from firstry.domain.tenant import Tenant
from firstry.forge.evidence import JiraEvidence
from firstry.forge.vault import TokenVault
from firstry.ports.evidence import TokenRefused
from firstry.ports.store import Store
from firstry.ports.vault import SystemToken
from firstry.stores.memory import MemoryStore
from support.attempt import HandClock
from support.domain import at, install, known, tenant, tick_at

OLD, NEW = ("old", bytes(32)), ("new", bytes(range(32)))
BEARER = "header.payload.signature"
ADDRESS = "https://api.atlassian.com/ex/jira/site-00001"
TOKEN = SystemToken(BEARER, ADDRESS, at(4))
ONE, OTHER = tenant(1), tenant(2)


@pytest.fixture
def store() -> Store:
    """Return a store that knows two tenants, neither with a token."""
    store = MemoryStore()
    for each in (ONE, OTHER):
        install(store, each, token_until=None)
    return store


def _keep(store: Store, sealed: SealedToken, who: Tenant = ONE) -> None:
    tick_at(store, at(0), sealed, who)
    assert store.token(who) == sealed


def _vault(store: Store, *keys: tuple[str, bytes]) -> TokenVault:
    return TokenVault(store, keys or (NEW,))


def test_a_token_opens_as_it_was_sealed(store: Store) -> None:
    vault = _vault(store)
    _keep(store, vault.seal(ONE, TOKEN))
    assert vault.open(ONE, at(1)) == TOKEN


def test_neither_bearer_nor_address_stands_in_what_is_stored(store: Store) -> None:
    sealed = _vault(store).seal(ONE, TOKEN)
    assert BEARER.encode() not in sealed.ciphertext
    assert b"atlassian" not in sealed.ciphertext


def test_the_same_token_is_never_sealed_alike(store: Store) -> None:
    vault = _vault(store)
    assert vault.seal(ONE, TOKEN).ciphertext != vault.seal(ONE, TOKEN).ciphertext


def test_a_ciphertext_in_another_tenants_row_does_not_open(store: Store) -> None:
    """I9: the tenant is bound into the encryption, so a row cannot be moved."""
    vault = _vault(store)
    _keep(store, vault.seal(ONE, TOKEN), OTHER)
    assert vault.open(OTHER, at(1)) is None


def test_no_byte_of_a_ciphertext_can_be_changed(store: Store) -> None:
    """The address that the token may be sent to lies inside, so it cannot be edited either."""
    vault = _vault(store)
    sealed = vault.seal(ONE, TOKEN)
    for place in range(len(sealed.ciphertext)):
        spoiled = bytearray(sealed.ciphertext)
        spoiled[place] ^= 1
        row = SealedToken(bytes(spoiled), sealed.key_id, sealed.expires_at)
        other = MemoryStore()
        install(other, ONE, token_until=None)
        _keep(other, row)
        assert _vault(other).open(ONE, at(1)) is None, place


def test_the_first_key_seals_and_every_key_opens(store: Store) -> None:
    sealed = _vault(store, OLD).seal(ONE, TOKEN)
    _keep(store, sealed)
    both = _vault(store, NEW, OLD)
    assert both.open(ONE, at(1)) == TOKEN
    assert both.seal(ONE, TOKEN).key_id == "new"


def test_without_its_key_a_token_counts_as_none(store: Store) -> None:
    _keep(store, _vault(store, OLD).seal(ONE, TOKEN))
    assert _vault(store, NEW).open(ONE, at(1)) is None
    assert _vault(store, ("old", NEW[1])).open(ONE, at(1)) is None


@pytest.mark.parametrize(("seconds_left", "opens"), [(61, True), (60, False), (0, False)])
def test_a_token_counts_as_gone_a_minute_before_its_end(
    store: Store, seconds_left: int, opens: bool
) -> None:
    vault = _vault(store)
    _keep(store, vault.seal(ONE, TOKEN))
    now = TOKEN.expires_at - timedelta(seconds=seconds_left)
    assert (vault.open(ONE, now) is not None) is opens


def test_the_token_that_was_refused_is_forgotten_and_a_newer_one_stays(store: Store) -> None:
    vault = _vault(store)
    newer = SystemToken(BEARER, ADDRESS, at(6))
    _keep(store, vault.seal(ONE, TOKEN))
    _keep(store, vault.seal(ONE, newer))
    vault.forget(ONE, at(1), TOKEN)
    assert vault.open(ONE, at(1)) == newer
    vault.forget(ONE, at(1), newer)
    assert vault.open(ONE, at(1)) is None
    assert known(store, ONE).token_expires_at is None


@pytest.mark.parametrize("key", [NEW, OLD], ids=["ended", "key gone"])
def test_a_token_that_does_not_open_is_deleted(store: Store, key: tuple[str, bytes]) -> None:
    _keep(store, _vault(store, key).seal(ONE, TOKEN))
    assert _vault(store).open(ONE, at(4) if key is NEW else at(1)) is None
    assert store.token(ONE) is None
    assert known(store, ONE).token_expires_at is None


class _Overtaken(MemoryStore):
    """A store in which a fresh token arrives just after one was read."""

    fresh: SealedToken | None = None

    def token(self, tenant: Tenant) -> SealedToken | None:
        found = super().token(tenant)
        if self.fresh is not None:
            fresh, self.fresh = self.fresh, None
            tick_at(self, at(5), fresh, tenant)
        return found


def test_a_token_that_came_after_the_one_that_was_read_stays() -> None:
    store = _Overtaken()
    install(store, ONE, token_until=None)
    vault = _vault(store)
    fresh = SystemToken(BEARER, ADDRESS, at(9))
    _keep(store, vault.seal(ONE, TOKEN))
    store.fresh = vault.seal(ONE, fresh)
    nobody: Any = None  # no site is asked without a token
    source = JiraEvidence(nobody, vault, HandClock(at(5)), frozenset())
    assert source.collect(ONE, 0.0) == TokenRefused()
    assert vault.open(ONE, at(5)) == fresh
