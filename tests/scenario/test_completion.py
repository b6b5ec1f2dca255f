"""`firstry completion`, as bash uses it: a real one, with its own tab key."""

import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firstry.cli.completion import Shell
from support.command import PROGRAM, bare_environment, command, shell
from support.wire import until

LIST = """
source <(firstry completion bash)
COMP_WORDS=({words}) COMP_CWORD={last}
_firstry_completion firstry
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


def _environment() -> dict[str, str]:
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    return bare_environment() | {"PATH": path, "TERM": "dumb", "PS1": "$ "}


def _offered(folder: Path, *words: str) -> list[str]:
    """Return what bash is offered for the last of `words`."""
    quoted = " ".join(f"'{word}'" for word in ("firstry", *words))
    script = LIST.format(words=quoted, last=len(words))
    ended = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=folder, env=_environment(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return ended.stdout.split()


@needs_bash
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("nothing",), []),
        (("ten",), ["tenants"]),
        (("tenants", "re"), ["retry", "reset", "resume"]),
        (("tenants", "retry", "--all"), ["--all-matching"]),
        (("flags", "set", "manual", "o"), ["on", "off"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("config", "p"), ["plan"]),
    ],
    ids=str,
)
def test_bash_is_offered_what_fits(
    tmp_path: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    assert _offered(tmp_path, *words) == offered


@contextmanager
def _typed_into(folder: Path) -> Iterator[int]:
    """Give the terminal of an interactive bash."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["bash", "--norc", "-i"], cwd=folder, env=_environment(), start_new_session=True,
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            yield ours
        finally:
            process.kill()
            os.close(ours)


def _read_until(terminal: int, text: bytes) -> None:
    os.set_blocking(terminal, False)
    seen, wait = b"", until(30)
    while text not in seen:
        try:
            seen += os.read(terminal, 4096)
        except BlockingIOError:
            wait.more(f"{text!r} in {seen!r}")


@needs_bash
def test_the_tab_key_completes_a_command(tmp_path: Path) -> None:
    with _typed_into(tmp_path) as terminal:
        _read_until(terminal, b"$ ")
        os.write(terminal, b"source <(firstry completion bash); echo is-$((40 + 2))\n")
        _read_until(terminal, b"is-42")
        os.write(terminal, b"firstry tenants ret\t")
        _read_until(terminal, b"firstry tenants retry ")
        os.write(terminal, b"--dry\t")
        _read_until(terminal, b"--dry-run ")


@pytest.mark.parametrize("name", Shell)
def test_each_shell_has_its_script(tmp_path: Path, name: Shell) -> None:
    ran = command(tmp_path, {}, "completion", name)
    assert (ran.code, ran.err) == (0, "")
    as_json = command(tmp_path, {}, "completion", name, "--json").json()
    assert as_json == {"shell": name, "script": ran.out.removesuffix("\n")}
    assert "_FIRSTRY_COMPLETE=complete_" + name in ran.out
    assert list(tmp_path.iterdir()) == [], "it installs nothing by itself"


def test_another_shell_is_refused_with_those_there_are(tmp_path: Path) -> None:
    ran = shell(tmp_path, {}, "completion", "ksh", "--json")
    assert (ran.code, ran.error["code"]) == (2, "USAGE")
    assert "'bash', 'zsh', 'fish'" in ran.error["message"]
