"""A whole world for a test: the service on loopback, a platform, its sites and one clock.

The service is the real one, wired by `wiring` over a SQLite file and served by
uvicorn; Forge and Jira are the simulator behind real sockets. Time stands still
unless the test moves it, so a due time, a backoff or a timestamp can be compared
to the millisecond.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from firstry.domain.policy import Policy
from firstry.ports.clock import Clock
from firstry.ports.pulse import Pulse
from firstry.scheduler.attempt import Parts
from firstry.scheduler.runner import Runner
from firstry.scheduler.worker import run_once
from firstry.sim.jira import JiraSite, new_site
from firstry.sim.jira_content import Content
from firstry.sim.platform import APP_ID, Platform
from firstry.sim.platform_event import installed_event
from firstry.sim.platform_key import JSONObject, KeyRing
from firstry.sim.server import SimulatorServer
from firstry.wiring.operators import Operators
from firstry.wiring.policy import policy_of
from firstry.wiring.service import ATTEMPT_SLOTS, Service, build_service
from firstry.wiring.web import build_web
from support.call import INSTALL, TICK, Door
from support.command import Ran, command, settings_of
from support.database import Database
from support.invariants import breaches_of, snapshot
from support.wire import Answer

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SECRETS = {
    "FIRSTRY_SECRET_KEYS": "k1:" + "A" * 43,
    "FIRSTRY_SIGNING_KEY": "s1:" + "B" * 42 + "A",
}
Refit = Callable[[Parts], Parts]


class StillClock:
    """A `Clock` that stands still until it is moved. Waits stay real: `monotonic` runs."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._skipped_seconds = 0.0

    def now(self) -> datetime:
        """Return the instant that was set."""
        return self._now

    def monotonic(self) -> float:
        """Return the host's monotonic seconds, and those that were skipped."""
        return time.monotonic() + self._skipped_seconds

    def advance(self, **by: float) -> None:
        """Move on, as in `advance(hours=12)`; a negative step is a clock that was set back."""
        self._now += timedelta(**by)

    def skip(self, seconds: float) -> None:
        """Let `monotonic` jump ahead, as if the process had waited."""
        self._skipped_seconds += seconds


class Served:
    """An ASGI application behind a port of its own, in a thread."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            port=0,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = _QuickServer(config)
        self._thread = threading.Thread(target=self._server.run, name="service", daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the service did not start"
            time.sleep(0.002)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Answer what is under way and end."""
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive(), "the service did not stop"


class _QuickServer(uvicorn.Server):
    """A server that looks every 10 ms whether it is to stop; a test has no 100 ms to spare."""

    async def main_loop(self) -> None:
        """See `uvicorn.Server.main_loop`."""
        ticks = 0
        while not self.should_exit:
            if ticks % 10 == 0:
                await self.on_tick(ticks // 10)
            ticks += 1
            await asyncio.sleep(0.01)


class World:
    """One service, one platform with its sites, one clock. Use it as a context manager.

    `settings` are environment variables without their prefix. `refit` may put a
    part of the test's own behind a port before the service starts. `database` is a
    SQLite file in the folder unless it is given.
    """

    def __init__(
        self,
        folder: Path,
        keys: KeyRing,
        *,
        clock: StillClock | None = None,
        real_clock: Clock | None = None,
        refit: Refit | None = None,
        database: Database | None = None,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.clock = clock or StillClock()
        self._clock: Clock = real_clock or self.clock
        self._rng = Random(17)
        self.platform = Platform(self._rng, keys)
        self.simulator = SimulatorServer(self.platform, clock=self._clock.now)
        self._refit = refit
        self.path = folder / "firstry.db"
        self.database = database or Database(self.path)
        own = {"DATABASE_URL": self.database.url}
        self.environ = environment_of(self.simulator, self.path, own | settings)

    def __enter__(self) -> Self:
        self.simulator.start()
        try:
            self._start()
        except BaseException:
            self.simulator.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Both at once: what hangs at a site is let go, and then every attempt ends by itself.
        stopping = threading.Thread(target=self._stop, name="stopping")
        stopping.start()
        self.simulator.stop()
        stopping.join()

    def restart(self) -> None:
        """End the service and start it anew on the same file."""
        self._stop()
        self._start()

    @property
    def door(self) -> Door:
        """The HTTP side of the service, as Forge sees it."""
        return Door(self._served.port, self.platform)

    def now(self) -> datetime:
        """Return what the service's clock says."""
        return self._clock.now()

    def site(self, name: str = "acme", content: Content | None = None, **counts: int) -> JiraSite:
        """Return a new site that is served, not yet installed."""
        held = content or replace(Content(), **counts)  # type: ignore[arg-type]
        site = new_site(self.platform, self._rng, name, held)
        self.simulator.add(site)
        return site

    def installed(self, name: str = "acme", **counts: int) -> JiraSite:
        """Return a new site that has just installed the app."""
        site = self.site(name, None, **counts)
        answer = self.install(site)
        assert answer.status == 200, answer.body
        return site

    def install(self, site: JiraSite, **token: Any) -> Answer:
        """Deliver the event of an installation."""
        return self.door.invoke(site, INSTALL, installed_event(site), at=self.now(), **token)

    def tick(self, site: JiraSite, body: JSONObject | None = None, **token: Any) -> Answer:
        """Deliver one tick of the scheduled trigger."""
        return self.door.invoke(site, TICK, body, at=self.now(), **token)

    def told(self, site: JiraSite, reason: str, status: int = 200, **token: Any) -> dict[str, Any]:
        """Deliver one tick, require how it ends, and return its body."""
        answer = self.tick(site, **token)
        assert (answer.status, answer.json()["reason"]) == (status, reason), answer.body
        return answer.json()

    def command(self, *words: str) -> Ran:
        """Run the command line beside the service, with the same settings."""
        return command(self.folder, self.environ, *words)

    def breaches(self) -> list[str]:
        """Return every invariant that what is stored breaks, over all tenants."""
        store, policy = self._service.parts.store, self.policy
        found = []
        for record in store.tenants(None, 1000):
            found += breaches_of(snapshot(store, record), policy)
        return found

    @property
    def policy(self) -> Policy:
        """The rules that the service runs by."""
        return policy_of(self._service.settings)

    @property
    def parts(self) -> Parts:
        """What the service's attempts run on, for acts at the world's own time."""
        return self._service.parts

    @property
    def operators(self) -> Operators:
        """What the service's operators see and turn."""
        return self._service.operators

    def worker_once(self) -> None:
        """Let a worker of this service make its passes."""
        run_once(self._service.parts, self._service.runner)

    @property
    def pulse(self) -> Pulse:
        """The worker's, if one ran."""
        return self._service.pulse

    def alert_once(self) -> None:
        """Let the alerts of this service be looked at, if a minute has passed, and delivered."""
        assert self._service.alerts is not None, "there is no webhook"
        self._service.alerts.step()

    def _start(self) -> None:
        settings = settings_of(self.folder, self.environ)
        self._service: Service = build_service(settings, self._clock)
        if self._refit is not None:
            parts = self._refit(self._service.parts)
            runner = Runner(parts, ATTEMPT_SLOTS)
            self._service = replace(self._service, parts=parts, runner=runner)
        app, self._close_web = build_web(self._service, with_remote=True)
        self._served = Served(app)

    def _stop(self) -> None:
        self._served.stop()
        self._close_web()
        self._service.close()


def environment_of(
    simulator: SimulatorServer, database: Path, settings: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a service that trusts `simulator`; `settings` come on top."""
    return {
        "FIRSTRY_DATABASE_URL": f"sqlite:///{database}",
        "FIRSTRY_FORGE_APP_ID": APP_ID,
        "FIRSTRY_FORGE_JWKS_URL": simulator.jwks_url,
        "FIRSTRY_FORGE_API_HOSTS": simulator.api_host,
        "FIRSTRY_LOG_FORMAT": "json",
        **SECRETS,
    } | {f"FIRSTRY_{name}": value for name, value in settings.items()}


def sound(environ: Mapping[str, str], database: Database) -> list[str]:
    """Return every invariant that a database at rest breaks, whoever wrote it."""
    store = database.store()
    try:
        policy = policy_of(settings_of(database.path.parent, environ))
        return [
            breach
            for record in store.tenants(None, 1000)
            for breach in breaches_of(snapshot(store, record), policy)
        ]
    finally:
        store.close()
