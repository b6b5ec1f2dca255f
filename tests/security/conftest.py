"""Fixtures of the security tests: the platform's key and one world for a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing, SigningKey, new_private_key
from support.oidc_provider import OidcProvider
from support.oidc_visit import CLOCK, OidcVisit, visit
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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[OidcVisit]:
    """A console and the identity provider that it trusts, for the whole module."""
    with OidcProvider(CLOCK.now) as provider:
        folder = tmp_path_factory.mktemp("oidc")
        with World(folder, keys, clock=CLOCK, **provider.settings) as world:
            yield visit(world, provider)


@pytest.fixture
def person(place: OidcVisit) -> OidcVisit:
    """Somebody new in front of it, on a day of their own: no limit, nothing kept."""
    CLOCK.advance(days=1)
    CLOCK.skip(24 * 3600 + 1)
    place.provider.be_honest()
    return visit(place.world, place.provider)
