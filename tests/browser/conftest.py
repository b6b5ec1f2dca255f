"""A real Chromium, with a fresh profile, that may reach nothing but files of this machine."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, sync_playwright

import stages

SCREENS = stages.ROOT / "build" / "screens"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
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
