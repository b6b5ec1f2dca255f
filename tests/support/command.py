"""The command line, called as a person calls it and judged by what a script can see.

`command` runs it in this process, for tests that call it often: words, folder,
environment, output and exit code are the real ones. `shell` starts the installed
program, for what only a process of its own can show.
"""

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firstry.cli.main import main
from firstry.config import Settings, load

_READING = threading.Lock()
PROGRAM = Path(sys.executable).with_name("firstry")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Return the one JSON object on stdout; an assertion fails on anything else."""
        content = json.loads(self.out)
        assert isinstance(content, dict), self.out
        return content

    @property
    def error(self) -> dict[str, str]:
        """The error of a command that was asked for JSON: exactly code, message, remedy."""
        content = self.json()
        assert content.keys() == {"error"}, content
        error: dict[str, str] = content["error"]
        assert error.keys() == {"code", "message", "remedy"}, error
        return error


def command(folder: Path, environ: Mapping[str, str], *words: str) -> Ran:
    """Run `firstry` with these words in this process; its folder is `folder`."""
    out, err = io.StringIO(), io.StringIO()
    with (
        chdir(folder),
        _environment(environ),
        _words(words),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int), ended.value.code
    return Ran(ended.value.code, out.getvalue(), err.getvalue())


def shell(folder: Path, environ: Mapping[str, str], *words: str, seconds: float = 30) -> Ran:
    """Run the installed `firstry` as a process of its own."""
    ended = subprocess.run(
        [PROGRAM, *words],
        cwd=folder,
        env=bare_environment() | dict(environ),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


def settings_of(folder: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a process that starts in `folder` with this environment.

    Folder and environment are the whole process's, so threads take turns.
    """
    with _READING, chdir(folder), _environment(environ):
        return load()


def bare_environment() -> dict[str, str]:
    """Return the environment without any setting of firstry."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FIRSTRY_")}


@contextmanager
def _environment(environ: Mapping[str, str]) -> Iterator[None]:
    kept = dict(os.environ)
    changed = bare_environment() | dict(environ)
    os.environ.clear()
    os.environ.update(changed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@contextmanager
def _words(words: tuple[str, ...]) -> Iterator[None]:
    kept = sys.argv
    sys.argv = ["firstry", *words]
    try:
        yield
    finally:
        sys.argv = kept
