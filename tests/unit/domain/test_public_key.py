"""A key id belongs to one key for ever."""

from dataclasses import replace

import pytest

from firstry.domain.errors import Conflict
from firstry.domain.public_key import PublicKey, refuse_other
from support.domain import INSTALLED_AT, at

KEY = PublicKey("k1", bytes(32), INSTALLED_AT)


def test_the_same_key_is_known_again() -> None:
    refuse_other(KEY, replace(KEY, first_used_at=at(1)))


def test_another_key_under_a_known_id_is_refused() -> None:
    with pytest.raises(Conflict, match="'k1' was used with another key"):
        refuse_other(KEY, replace(KEY, point=bytes([1] * 32)))
