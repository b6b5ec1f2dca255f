"""A real Chromium, with a fresh profile, that may reach nothing but this machine."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, sync_playwright

import stages
from firstry.sim.platform_key import KeyRing
from support.jira_scene import Scene, Staged, both_reports, installed, staged

SCREENS = stages.ROOT / "build" / "screens"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = which("chromium")
    assert path is not None, "tests/stages.py runs this folder only where chromium is"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture(scope="session")
def screens() -> Path:
    """The folder for pictures; nothing in it is kept under version control."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    return SCREENS


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """The platform's signing key; making one takes long."""
    return KeyRing()


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[Staged]:
    """One site with both of its reports, for tests that only look."""
    folder = tmp_path_factory.mktemp("reported")
    with staged(Scene("report", both_reports, ""), folder, keys) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path, keys: KeyRing) -> Iterator[Staged]:
    """A site that has just installed the app, for a test of its own."""
    with staged(Scene("fresh", installed, ""), tmp_path, keys) as found:
        yield found
