"""The processes of a service under load: started, killed, started anew, and measured."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from support.command import PROGRAM, bare_environment
from support.wire import exchange, until

STARTS_WITHIN_SECONDS = 60.0
STOPS_WITHIN_SECONDS = 60.0
SAMPLE_SECONDS = 1.0
STORE_WAS_AWAY = 6
"""How `serve` exits where its store cannot be reached at the start."""
LAST_WORDS = 500
"""So many characters of a log are shown where a process ended by itself."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process held at one moment."""

    resident_bytes: int
    handles: int
    threads: int


class LoadedProcess:
    """One `firstry serve` whose log goes to a file."""

    def __init__(self, folder: Path, environ: Mapping[str, str], role: str, name: str) -> None:
        self.role, self.name = role, name
        self.log = folder / f"{name}.log"
        self.usages: list[Usage] = []
        self.was_killed = False
        with self.log.open("ab") as log:
            self._begins_at = log.tell()
            self._process = subprocess.Popen(
                [PROGRAM, "serve", "--role", role],
                cwd=folder,
                env=bare_environment() | dict(environ) | {"FIRSTRY_PORT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.known_port: int | None = None

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, or None while it lives."""
        return self._process.poll()

    def wait_started(self) -> None:
        """Wait until it answers."""
        wait = until(STARTS_WITHIN_SECONDS)
        while not self.has_started():
            assert self.exit_code is None, self.last_words()
            wait.more("the service to start")

    def has_started(self) -> bool:
        """Look whether it answers by now; from then on its port is known."""
        if self.known_port is None:
            started = (each for each in self.events() if each["event"] == "service_started")
            told = next(started, None)
            if told is not None and _answers(told["port"]):
                self.known_port = told["port"]
        return self.known_port is not None

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-LAST_WORDS:]

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what it has logged."""
        yield from _events_in(self.log, self._begins_at)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.was_killed = True
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(STOPS_WITHIN_SECONDS)

    def tell_to_stop(self) -> None:
        """Send it the signal that asks for an end in order."""
        self._process.send_signal(signal.SIGTERM)

    def stopped(self) -> int:
        """Wait for its end and return how it exited; kill it where it does not end."""
        try:
            self._process.wait(STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self._process.returncode

    def sample(self) -> None:
        """Note what it holds now; one that ends meanwhile holds nothing."""
        folder = Path("/proc") / str(self.pid)
        try:
            pages = int((folder / "statm").read_text().split()[1])
            handles = len(os.listdir(folder / "fd"))
            threads = len(os.listdir(folder / "task"))
        except (FileNotFoundError, ProcessLookupError):
            return
        self.usages.append(Usage(pages * _PAGE_BYTES, handles, threads))


@dataclass(frozen=True, slots=True)
class Flatness:
    """What a process held in the first and in the last third of its life, in the median."""

    name: str
    resident_bytes: tuple[float, float]
    handles: tuple[float, float]
    threads: tuple[float, float]

    def growth(self, share: float, spare_bytes: int, spare_handles: int) -> list[str]:
        """Return what grew by more than `share` and a spare amount."""
        first, last = self.resident_bytes
        found = []
        if last > first * (1 + share) + spare_bytes:
            found.append(f"{self.name} grew from {first / 1e6:.0f} to {last / 1e6:.0f} MB")
        before, after = self.handles
        if after > before * (1 + share) + spare_handles:
            found.append(f"{self.name} had {before:.0f} handles, then {after:.0f}")
        return found


def flatness_of(process: LoadedProcess, skipped: int) -> Flatness:
    """Compare the thirds of a process's samples, without the first `skipped`, its warm-up.

    Of few samples not more than a third is skipped.
    """
    usages = process.usages[min(skipped, len(process.usages) // 3) :]
    third = max(1, len(usages) // 3)
    first, last = usages[:third], usages[-third:]

    def both(pick: str) -> tuple[float, float]:
        before, after = ([getattr(usage, pick) for usage in part] for part in (first, last))
        return median(before), median(after)

    return Flatness(process.name, both("resident_bytes"), both("handles"), both("threads"))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many processes there are of each role; `sacrificed` workers may be killed."""

    web: int = 2
    steady: int = 1
    sacrificed: int = 2


@dataclass(slots=True)
class Gang:
    """All processes of one service.

    Call `keep` often: it starts anew what ended, and samples what lives.
    """

    folder: Path
    environ: Mapping[str, str]
    sizes: Sizes = Sizes()
    kills: int = 0
    breaches: list[str] = field(default_factory=list)
    living: list[LoadedProcess] = field(default_factory=list)
    ended: list[LoadedProcess] = field(default_factory=list)
    _sampled_at: float = 0.0

    def start(self) -> None:
        """Start all of them and wait until they answer."""
        named = (
            ("web", "web", self.sizes.web),
            ("worker", "worker", self.sizes.steady),
            ("worker", "victim", self.sizes.sacrificed),
        )
        for role, name, number in named:
            self.living += [self._begin(role, f"{name}{n}") for n in range(1, number + 1)]
        for process in self.living:
            process.wait_started()

    def ports(self) -> Sequence[int]:
        """Where the web processes answer, as far as they have started."""
        web = [process.known_port for process in self.living if process.role == "web"]
        return [port for port in web if port is not None]

    @property
    def survivors(self) -> list[LoadedProcess]:
        """Those that nobody kills."""
        return [process for process in self.living if not process.name.startswith("victim")]

    def kill_one(self) -> None:
        """Kill the victim that has lived longest; `keep` starts it anew."""
        victims = [p for p in self.living if p.name.startswith("victim") and p.exit_code is None]
        if victims:
            victims[0].kill()
            self.kills += 1

    def keep(self) -> None:
        """Start anew what ended, and sample the others."""
        for process in list(self.living):
            if process.exit_code is not None:
                self._replace(process)
        if time.monotonic() - self._sampled_at >= SAMPLE_SECONDS:
            self._sampled_at = time.monotonic()
            for process in self.survivors:
                process.sample()
                process.has_started()

    def stop(self) -> None:
        """Stop them in order; every one has to exit with 0."""
        for process in self.living:
            process.tell_to_stop()
        for process in self.living:
            code = process.stopped()
            if code != 0 and not process.was_killed:
                self.breaches.append(f"{process.name} exited with {code}")
        self.ended += self.living
        self.living.clear()

    def end(self) -> None:
        """See to it that all are gone."""
        for process in self.living:
            if process.exit_code is None:
                process.kill()

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what all of them have logged."""
        for log in sorted({process.log for process in (*self.ended, *self.living)}):
            yield from _events_in(log)

    def _begin(self, role: str, name: str) -> LoadedProcess:
        return LoadedProcess(self.folder, self.environ, role, name)

    def _replace(self, process: LoadedProcess) -> None:
        has_started = any(event["event"] == "service_started" for event in process.events())
        is_store_away = process.exit_code == STORE_WAS_AWAY and not has_started
        if not process.was_killed and not is_store_away:
            said = process.last_words()
            self.breaches.append(f"{process.name} ended by itself: {process.exit_code}, {said}")
        self.living.remove(process)
        self.ended.append(process)
        self.living.append(self._begin(process.role, process.name))


def _events_in(log: Path, begins_at: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the events of a log; a line that a kill cut off is left out."""
    with log.open("rb") as lines:
        lines.seek(begins_at)
        for line in lines:
            if line.startswith(b"{") and line.endswith(b"}\n"):
                yield json.loads(line)


def _answers(port: int) -> bool:
    try:
        return exchange(port, "GET", "/healthz").status == 200
    except (ConnectionError, TimeoutError):
        return False
