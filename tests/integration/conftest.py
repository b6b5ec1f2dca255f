"""Fixtures of the integration tests: the platform's key, a world, and a fleet of processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing
from support.backing import SHARED
from support.postgres_rows import database_in
from support.process import Fleet
from support.service import World


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
def fleet(tmp_path: Path, keys: KeyRing) -> Iterator[Fleet]:
    """A platform and a clock for processes; they answer after a second at the latest."""
    with Fleet(tmp_path, keys, ANSWER_WITHIN="1s") as fleet:
        yield fleet


@pytest.fixture(params=SHARED)
def shared_fleet(request: pytest.FixtureRequest, tmp_path: Path, keys: KeyRing) -> Iterator[Fleet]:
    """A fleet on each kind of store that several processes can use at once."""
    database = database_in(tmp_path, request.param)
    with Fleet(tmp_path, keys, database, ANSWER_WITHIN="1s") as fleet:
        yield fleet
