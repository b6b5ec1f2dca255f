"""A service that is killed at exact places, and the world around it that goes on.

The service is the installed program, each time in a fresh process (forked from a
template that has imported everything, so a start takes some 100 ms); Forge and
Jira are the simulator in the test's own process. Both see one clock, which lies
in a file and which the test moves.
"""

import http.client
import json
import multiprocessing
import signal
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from firstry.domain.instant import from_milliseconds
from firstry.domain.policy import Policy
from firstry.ports.failpoint import Failpoint
from firstry.sim.jira import JiraSite
from firstry.sim.platform import APP_ID
from firstry.sim.platform_event import installed_event
from firstry.sim.platform_key import KeyRing
from firstry.sim.time import SimulatedClock
from support.call import INSTALL, TICK, Door
from support.command import bare_environment
from support.crash_child import DIED_AT, ERRORS, Order, obey
from support.database import Database
from support.invariants import breaches_of, snapshot
from support.postgres_rows import database_in
from support.service import SECRETS
from support.simulated_forge import SimulatedForge
from support.wire import Answer, exchange, until

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "pytest",
        "aiohttp",
        "apsw",
        "uvicorn.loops.auto",
        "uvicorn.lifespan.off",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.server",
        "firstry.cli.main",
        "firstry.sim.platform",
        "firstry.sim.time",
        "firstry.stores.sql.postgres.store",
        "firstry.stores.sql.sqlite.store",
        "firstry.wiring.service",
    ]
)
END_SECONDS = 15.0
MOMENT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Serving:
    """A running `firstry serve` and the port that it listens on."""

    process: BaseProcess
    port: int


class Yard(SimulatedForge):
    """One database, one clock, one platform; the service comes and goes. A context manager."""

    def __init__(
        self,
        folder: Path,
        keys: KeyRing,
        kind: str = "sqlite",
        *,
        begin: timedelta = timedelta(),
    ) -> None:
        """`kind` is the database's; `begin` is where the clock starts, seen from the host's."""
        self.folder = folder
        self.clock = SimulatedClock(folder / "time")
        self.clock.advance(begin)
        super().__init__(23, keys, self.clock.now)
        self.at_end.callback(self.clock.close)
        self.database = database_in(folder, kind)
        self.environ = bare_environment() | {
            "FIRSTRY_DATABASE_URL": self.database.url,
            "FIRSTRY_FORGE_JWKS_URL": self.simulator.jwks_url,
            "FIRSTRY_FORGE_API_HOSTS": self.simulator.api_host,
            "FIRSTRY_FORGE_APP_ID": APP_ID,
            "FIRSTRY_LOG_FORMAT": "json",
            "FIRSTRY_PORT": "0",
            **SECRETS,
        }

    def serve(
        self,
        failpoint: Failpoint | None = None,
        hit: int = 1,
        port: int | None = None,
        **limits: Any,
    ) -> Serving:
        """Start `firstry serve`, to be killed at that hit of that place if one is given.

        It answers Forge and runs no worker, so only what is sent to it happens.
        `limits` are fields of `Order`; without a log its `port` is to be given.
        """
        words = ("serve", "--dev", "--role", "web", "--simulated-time", str(self.folder / "time"))
        process = self.run(*words, failpoint=failpoint, hit=hit, **limits)
        port = port or self._port_of(process)
        waiting = until()
        while True:
            try:
                exchange(port, "GET", "/healthz")
            except ConnectionRefusedError:
                waiting.more("the service to listen")
            else:
                return Serving(process, port)

    def run(
        self, *words: str, failpoint: Failpoint | None = None, hit: int = 1, **limits: Any
    ) -> BaseProcess:
        """Run a command of `firstry` in a process of its own."""
        (self.folder / ERRORS).unlink(missing_ok=True)
        order = Order(self.folder, self.environ, words, failpoint, hit, **limits)
        process = PROCESSES.Process(target=obey, args=(order,), daemon=True)
        process.start()
        self.at_end.callback(_end, process)
        return process

    def install(self, serving: Serving, site: JiraSite) -> Answer | None:
        """Deliver the event of an installation; None if the service died over it."""
        door = Door(serving.port, self.platform)
        try:
            return door.invoke(site, INSTALL, installed_event(site), at=self.clock.now())
        except (OSError, http.client.HTTPException):
            return None

    def tick(self, serving: Serving, site: JiraSite) -> Answer | None:
        """Deliver a tick; None if the service died over it."""
        try:
            return Door(serving.port, self.platform).invoke(site, TICK, at=self.clock.now())
        except (OSError, http.client.HTTPException):
            return None

    def killed_at(self, process: BaseProcess) -> Failpoint:
        """Wait for the end of a process; require that it killed itself, and return where."""
        process.join(END_SECONDS)
        assert process.exitcode == -signal.SIGKILL, (process.exitcode, self.errors())
        mark = self.folder / DIED_AT
        place = Failpoint(mark.read_text())
        mark.unlink()
        return place

    def kill(self, serving: Serving) -> None:
        """End the service as `kill -9` does."""
        serving.process.kill()
        serving.process.join(END_SECONDS)

    def errors(self) -> str:
        """Return what the process that was started last wrote."""
        path = self.folder / ERRORS
        return path.read_text() if path.exists() else ""

    def advance_to_due(self) -> bool:
        """Move the clock to where an attempt may be made; return whether there is one."""
        found = self.database.rows(
            "SELECT min(next_due) AS at FROM milestone WHERE state IN ('scheduled', 'claimed')"
        )
        if found[0]["at"] is None:
            return False
        self.clock.advance_to(from_milliseconds(found[0]["at"]) + MOMENT)
        return True

    def breaches(self) -> list[str]:
        """Return every invariant that what is stored breaks, over all tenants."""
        store = self.database.store()
        try:
            return [
                breach
                for record in store.tenants(None, 1000)
                for breach in breaches_of(snapshot(store, record), Policy())
            ]
        finally:
            store.close()

    def _port_of(self, process: BaseProcess) -> int:
        waiting = until()
        while True:
            for line in self.errors().splitlines(keepends=True):
                if '"service_started"' in line and line.endswith("\n"):
                    return int(json.loads(line)["port"])
            assert process.is_alive(), self.errors()
            waiting.more("the service to start")


def _end(process: BaseProcess) -> None:
    process.kill()
    process.join(END_SECONDS)
    process.close()


def raw_breaches(database: Database) -> list[str]:
    """Return what the bare tables show of I1 to I6, asked in SQL and nothing else."""
    return [name for name, sql in _QUESTIONS.items() if database.rows(sql)]


_QUESTIONS = {
    "I1: two reports for one milestone": """
        SELECT 1 FROM report GROUP BY cloud_id, trigger_name, revision HAVING count(*) > 1""",
    "I2: a marker without its report": """
        SELECT 1 FROM marker m LEFT JOIN report r ON r.report_id = m.report_id
             AND r.digest = m.digest WHERE r.report_id IS NULL""",
    "I2: a report without its marker": """
        SELECT 1 FROM report r LEFT JOIN marker m ON m.report_id = r.report_id
        WHERE m.report_id IS NULL""",
    "I2: completed without its marker, or the other way round": """
        SELECT 1 FROM milestone s LEFT JOIN marker m ON m.cloud_id = s.cloud_id
             AND m.trigger_name = s.trigger_name AND m.revision = s.revision
        WHERE (s.state = 'completed') <> (m.report_id IS NOT NULL)""",
    "I4: a fence below the claims that were made": """
        SELECT 1 FROM milestone WHERE fence < starts""",
    "I6: more attempts than starts": """
        SELECT 1 FROM milestone WHERE attempts > starts""",
}
