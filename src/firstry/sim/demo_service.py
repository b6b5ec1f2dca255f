"""The service of the demo: a real `firstry serve` in a process of its own.

It is started, killed and ended by its process id; nothing it needs lies outside its folder.
It takes a free port and tells which in its log, so two demos never meet.
"""

import contextlib
import http.client
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

STARTS_WITHIN_SECONDS = 20.0
STOPS_WITHIN_SECONDS = 15.0
POLL_SECONDS = 0.02
LOG_NAME = "service.log"
KEYS_PATH = "/.well-known/firstry-keys.json"


class ServiceDown(Exception):
    """The service did not start, or ended by itself."""


class ServiceProcess:
    """One `firstry serve --dev` with simulated time, restarted as often as needed.

    `settings` are environment variables; `unset` are those of the caller's environment
    that must not reach the service.
    """

    def __init__(
        self, folder: Path, clock: Path, settings: Mapping[str, str], unset: tuple[str, ...]
    ) -> None:
        self.log = folder / LOG_NAME
        self.base_url = ""
        self._port = 0
        self._folder = folder
        self._command = _command(clock, settings, unset)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the running process."""
        return self._running().pid

    def start(self) -> None:
        """Start it and wait until it answers. It logs to the end of its file."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            # In a session of its own, an interrupt from the terminal reaches only us.
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        self._port = self._told_port(begin, deadline)
        self.base_url = f"http://127.0.0.1:{self._port}"
        while not _body(self._port, "/healthz"):
            self._wait_a_little(deadline)

    def published_keys(self) -> bytes:
        """Return the public keys as the service publishes them, over HTTP."""
        return _body(self._port, KEYS_PATH)

    def wait_ended(self) -> None:
        """Wait until it ends, in whatever way, without any limit."""
        self._running().wait()

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, no chance to tidy up."""
        process = self._running()
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._process = None

    def stop(self) -> None:
        """Ask it to end, which lets its attempts end, and insist if that takes too long."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOPS_WITHIN_SECONDS)
        self.end_at_once()

    def end_at_once(self) -> None:
        """See to it that it has ended, whatever it is doing."""
        if self._process is not None:
            self.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServiceDown("the service does not run")
        return self._process

    def _told_port(self, begin: int, deadline: float) -> int:
        while True:
            with self.log.open("rb") as log:
                log.seek(begin)
                for line in log.read().split(b"\n")[:-1]:
                    if b'"service_started"' in line:
                        return int(json.loads(line)["port"])
            self._wait_a_little(deadline)

    def _wait_a_little(self, deadline: float) -> None:
        code = self._running().poll()
        if code is not None:
            raise ServiceDown(f"the service ended at its start with exit code {code}")
        if time.monotonic() > deadline:
            raise ServiceDown(f"the service did not start within {STARTS_WITHIN_SECONDS:g} s")
        time.sleep(POLL_SECONDS)


def _command(clock: Path, settings: Mapping[str, str], unset: tuple[str, ...]) -> list[str]:
    """Return the command: `env` keeps the caller's environment but for our own settings."""
    env = shutil.which("env") or "/usr/bin/env"
    removed = [word for name in unset for word in ("-u", name)]
    given = [f"{name}={value}" for name, value in settings.items()]
    serve = [sys.executable, "-m", "firstry", "serve", "--dev", "--simulated-time", str(clock)]
    return [env, *removed, *given, *serve]


def _body(port: int, path: str) -> bytes:
    """Return the body of a successful answer, and nothing if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else b""
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()
