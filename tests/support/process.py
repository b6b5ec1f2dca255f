"""`firstry serve` as a process of its own: to run several on one file, and to kill them."""

import json
import signal
import subprocess
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from firstry.domain.instant import iso
from firstry.sim.jira import JiraSite
from firstry.sim.platform_event import installed_event
from firstry.sim.platform_key import KeyRing
from firstry.sim.time import SimulatedClock
from support.call import INSTALL, TICK, Door
from support.command import PROGRAM, bare_environment, command
from support.database import Database
from support.service import environment_of, sound
from support.simulated_forge import SimulatedForge
from support.wire import Answer, exchange, until

STARTS_WITHIN_SECONDS = 20.0


class Serving:
    """One `firstry serve`. Its log is read as it comes."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *words: str,
        program: tuple[str, ...] = (str(PROGRAM),),
    ) -> None:
        self._process = subprocess.Popen(
            [*program, "serve", *words],
            cwd=folder,
            env=bare_environment() | dict(environ) | {"FIRSTRY_PORT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._port: int | None = None
        self._is_open = False
        self._has_started = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def port(self) -> int:
        """The port that it listens on; waits until it answers there."""
        self.wait_started()
        assert self._port is not None, self.lines
        wait = until(STARTS_WITHIN_SECONDS)
        while not self._is_open:
            try:
                self._is_open = exchange(self._port, "GET", "/healthz").status == 200
            except ConnectionRefusedError:
                wait.more("the service to listen")
        return self._port

    def wait_started(self) -> None:
        """Wait for the log line that says so; it may not answer yet."""
        assert self._has_started.wait(STARTS_WITHIN_SECONDS), self.lines

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def kill(self) -> None:
        """End it as a power cut does, with SIGKILL, and wait until it is gone."""
        self._process.send_signal(signal.SIGKILL)
        self._end(-signal.SIGKILL)

    def wait_refused(self, code: int) -> None:
        """Wait for it to end by itself, with this exit code."""
        self._end(code)

    def stop(self) -> None:
        """Tell it to stop, and require that it does so in order."""
        self._process.send_signal(signal.SIGTERM)
        self._end(0)

    def end(self) -> None:
        """See to it that it is gone."""
        if self._process.returncode is None:
            self.kill()

    def _end(self, expected: int, seconds: float = 20.0) -> None:
        code = self._process.wait(seconds)
        self._reader.join(5)
        assert self._process.stderr is not None
        self._process.stderr.close()
        assert code == expected, (code, self.lines)

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line.rstrip("\n"))
            if '"service_started"' in line:
                self._port = json.loads(line)["port"]
                self._has_started.set()
        self._has_started.set()


class Fleet(SimulatedForge):
    """A platform with its sites, a clock in a file, and the processes that a test starts.

    The clock runs on from where it is set, in this process and in theirs.
    """

    def __init__(
        self, folder: Path, keys: KeyRing, database: Database | None = None, **settings: str
    ) -> None:
        """`database` is a SQLite file in the folder unless it is given."""
        self.folder = folder
        self.clock = SimulatedClock(folder / "clock")
        super().__init__(23, keys, self.clock.now)
        self.at_end.callback(self.clock.close)
        self.path = folder / "firstry.db"
        self.database = database or Database(self.path)
        own = {"DATABASE_URL": self.database.url}
        self.environ = environment_of(self.simulator, self.path, own | settings)

    def serve(self, role: str = "web", program: tuple[str, ...] = (str(PROGRAM),)) -> Serving:
        """Start a process; by default one that works only when it is called."""
        words = ("--dev", "--simulated-time", str(self.folder / "clock"), "--role", role)
        serving = Serving(self.folder, self.environ, *words, program=program)
        self.at_end.callback(serving.end)
        return serving

    def record(self, site: JiraSite, installed_at: datetime) -> None:
        """Record an installation by the command line, while no service runs."""
        words = ("--installed-at", iso(installed_at), "--reason", "a test")
        added = command(self.folder, self.environ, "tenants", "add", site.cloud_id, *words)
        assert added.code == 0, added

    def installed(self, serving: Serving, name: str = "acme") -> JiraSite:
        """Return a new site that has just installed the app."""
        site = self.new_site(name)
        answer = self.door(serving).invoke(
            site, INSTALL, installed_event(site), at=self.clock.now()
        )
        assert answer.status == 200, answer.body
        return site

    def door(self, serving: Serving) -> Door:
        """The HTTP side of a process, as Forge sees it."""
        return Door(serving.port, self.platform)

    def tick(self, serving: Serving, site: JiraSite) -> Answer:
        """Deliver one tick to a process."""
        return self.door(serving).invoke(site, TICK, at=self.clock.now())

    def reason(self, serving: Serving, site: JiraSite) -> str:
        """Deliver one tick and return the reason of its answer."""
        reason = self.tick(serving, site).json()["reason"]
        assert isinstance(reason, str)
        return reason

    def advance(self, **by: float) -> None:
        """Move the clock ahead, as in `advance(hours=12)`."""
        self.clock.advance(timedelta(**by))

    def breaches(self) -> list[str]:
        """Return every invariant that the database breaks. No process may be writing."""
        return sound(self.environ, self.database)
