"""Fixtures of the reports: a world in which reports were made, and its published keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from firstry.domain.record import StoredReport
from firstry.exports.key import published
from firstry.sim.platform_key import KeyRing
from support.service import World
from support.signing import PUBLIC_KEY


@dataclass(frozen=True, slots=True)
class Made:
    """A running world with one finished report, and the file that its key is published in."""

    world: World
    report: StoredReport
    keys: Path


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    """The platform's signing key; making one takes long."""
    return KeyRing()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, ring: KeyRing) -> Iterator[Made]:
    """One report, made by the service; tests may read and export it, not change it."""
    with a_made_report(tmp_path_factory.mktemp("made"), ring) as found:
        yield found


@pytest.fixture
def own(tmp_path: Path, ring: KeyRing) -> Iterator[Made]:
    """The same for a test that changes what is stored."""
    folder = tmp_path / "world"
    folder.mkdir()
    with a_made_report(folder, ring) as found:
        yield found


@contextmanager
def a_made_report(folder: Path, ring: KeyRing) -> Iterator[Made]:
    """Let a site install, wait half a day, and tick."""
    with World(folder, ring) as world:
        site = world.installed()
        world.clock.advance(hours=12)
        report_id = world.told(site, "GENERATED")["report_id"]
        assert world.command("keys", "publish", "--output", str(folder)).code == 0
        report = world.parts.store.report(report_id)
        assert report is not None
        yield Made(world, report, folder / "firstry-keys.json")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The file that the tests' key is published in; not beside the reports."""
    path = tmp_path / "keys" / "firstry-keys.json"
    path.parent.mkdir()
    path.write_text(json.dumps(published([PUBLIC_KEY])))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for reports, still empty."""
    path = tmp_path / "reports"
    path.mkdir()
    return path
