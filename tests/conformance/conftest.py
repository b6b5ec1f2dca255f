"""The fixtures that put every store under the same suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.ports.store import Store
from support.backing import BACKINGS, SHARED, Backing


@pytest.fixture(params=BACKINGS)
def backing(request: pytest.FixtureRequest, tmp_path: Path) -> Backing:
    """An empty place of every kind."""
    return BACKINGS[request.param](tmp_path)


@pytest.fixture
def store(backing: Backing) -> Iterator[Store]:
    """A store on an empty place of every kind."""
    store = backing.open()
    yield store
    store.close()


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Backing:
    """An empty place of every kind that several processes can use at once."""
    return BACKINGS[request.param](tmp_path)
