"""Public keys: each that ever signed a report is kept, and its id stays its own."""

import pytest

from firstry.domain.errors import Conflict
from firstry.domain.public_key import PublicKey
from firstry.ports.keyring import Keyring
from support.domain import at

FIRST = PublicKey("k1", b"\x01" * 32, at(1))


def test_an_empty_store_has_no_keys(store: Keyring) -> None:
    assert list(store.public_keys()) == []


def test_keys_come_in_the_order_of_their_first_use(store: Keyring) -> None:
    second = PublicKey("a2", b"\x02" * 32, at(2))
    third = PublicKey("b2", b"\x03" * 32, at(2))
    for key in (third, FIRST, second):
        store.remember(key)
    assert list(store.public_keys()) == [FIRST, second, third]


def test_a_key_that_is_used_again_keeps_its_first_use(store: Keyring) -> None:
    store.remember(FIRST)
    store.remember(PublicKey("k1", FIRST.point, at(5)))
    assert list(store.public_keys()) == [FIRST]


def test_an_id_is_never_given_to_another_key(store: Keyring) -> None:
    store.remember(FIRST)
    with pytest.raises(Conflict, match="k1"):
        store.remember(PublicKey("k1", b"\x09" * 32, at(5)))
    assert list(store.public_keys()) == [FIRST]
