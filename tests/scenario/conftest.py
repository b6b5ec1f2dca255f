"""Fixtures of the scenarios: the platform's key, and a world that is sound when it ends."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing
from support.service import StillClock, World


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """The platform's signing key; making one takes long."""
    return KeyRing()


@pytest.fixture
def world(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A running service with every default; what it stored must break no invariant."""
    with World(tmp_path, keys) as world:
        yield world
        assert world.breaches() == []


@pytest.fixture
def present(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A world that begins now: commands, which live by the host's clock, may write in it."""
    now = datetime.now(UTC).replace(microsecond=0)
    with World(tmp_path, keys, clock=StillClock(now)) as world:
        yield world
        assert world.breaches() == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[World]:
    """One world for a whole module, for tests that each bring a tenant of their own."""
    with World(tmp_path_factory.mktemp("shared"), keys) as world:
        yield world
        assert world.breaches() == []
