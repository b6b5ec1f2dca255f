"""Fixtures of the security tests: the platform's key and one world for a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing, SigningKey, new_private_key
from support.service import World


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """The platform's signing key; making one takes long."""
    return KeyRing()


@pytest.fixture(scope="session")
def stranger() -> SigningKey:
    """A key that the platform has never heard of."""
    return SigningKey.of(new_private_key())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[World]:
    """One world for a whole module."""
    with World(tmp_path_factory.mktemp("shared"), keys) as world:
        yield world
        assert world.breaches() == []


@pytest.fixture
def world(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A running service with every default; what it stored must break no invariant."""
    with World(tmp_path, keys) as world:
        yield world
        assert world.breaches() == []
