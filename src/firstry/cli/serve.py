"""`firstry serve`: the service, for Forge or on loopback for development."""

import gc
import json
import logging
import signal
import socket
import threading
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstry import __version__
from firstry.cli.keys import new_keys
from firstry.cli.output import Exit
from firstry.config import Settings, load, require_for_serve
from firstry.config_source import PREFIX
from firstry.config_value import is_loopback
from firstry.domain.errors import FirstryError, SettingInvalid
from firstry.ports.telemetry import Event

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from firstry.ports.clock import Clock
    from firstry.wiring.service import Service

DEV_FOLDER = Path(".firstry")
DEV_SIMULATOR = "127.0.0.1:8018"
DEV_BANNER = "DEVELOPMENT: local keys, trusts the simulator, never expose it"


class Role(StrEnum):
    """What a process does: answer Forge, work through what is due, or both."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


def serve(
    dev: Annotated[
        bool, typer.Option("--dev", help="Make local keys, trust the simulator, loopback only.")
    ] = False,
    role: Annotated[Role, typer.Option(help="What this process does.")] = Role.ALL,
    simulated_time: Annotated[
        Path | None, typer.Option(hidden=True, help="With --dev: the simulator's clock file.")
    ] = None,
) -> int:
    """Run the service until it is told to stop."""
    from firstry.wiring.eraser import refuse_unfit_eraser
    from firstry.wiring.service import build_service
    from firstry.wiring.web import build_web

    settings = load(_dev_settings() if dev else None)
    require_for_serve(settings)
    if dev:
        _refuse_unless_loopback(settings)
    elif simulated_time is not None:
        raise SettingInvalid("--simulated-time goes with --dev only", "leave it out")
    refuse_unfit_eraser(settings)
    with _listen(settings) as listening:
        service = build_service(settings, _simulated(simulated_time))
        app, close_web = build_web(service, with_remote=role is not Role.WORKER)
        if role is not Role.WORKER:
            service.operators.watch.begin()
        server = _server(app)
        # Until uvicorn takes the signal over, and once it has stopped and raises it again.
        signal.signal(signal.SIGTERM, lambda *_: _tell_to_stop(server))
        service.parts.telemetry.emit(
            Event.SERVICE_STARTED,
            role=role.value,
            host=settings.host,
            port=listening.getsockname()[1],
            version=__version__,
            banner=DEV_BANNER if dev else None,
        )
        _tell_outdated_plans(service)
        worker = _Worker(service, server) if role is not Role.WEB else None
        if worker is not None:
            worker.start()
        # What is loaded by now stays: Python's search for cycles, which holds up every answer
        # under way, is not to go through it again and again.
        gc.freeze()
        server.run(sockets=[listening])
    has_died = worker is not None and worker.end()
    close_web()
    service.close()
    service.parts.telemetry.emit(Event.SERVICE_STOPPED)
    return Exit.DEFECT if has_died else Exit.OK


def _tell_to_stop(server: "uvicorn.Server") -> None:
    server.should_exit = True


class _Worker(threading.Thread):
    """Runs the worker beside the server. If it dies, the server stops: crash, start anew."""

    def __init__(self, service: "Service", server: "uvicorn.Server") -> None:
        super().__init__(name="worker")
        self._service, self._server = service, server
        self._told, self._bell = threading.Event(), threading.Event()
        self._has_died = False

    def run(self) -> None:
        """Make passes until told to stop."""
        from firstry.lifecycle.retention import Retention
        from firstry.scheduler.worker import run_until
        from firstry.stores.place import listen

        service = self._service
        service.pulse.beat()
        if service.alerts is not None:
            service.alerts.start()
        retention = Retention(service.retention)
        retention.start()
        stop_listening = listen(service.settings.database_url, self._bell.set)
        try:
            run_until(self._told, self._bell, service.parts, service.runner, service.pulse.beat)
        finally:
            stop_listening()
            retention.close()
            if service.alerts is not None:
                service.alerts.close()
            self._has_died = not self._told.is_set()
            self._server.should_exit = True

    def end(self) -> bool:
        """Tell it to stop, wait for it, and return whether it had died before."""
        self._told.set()
        self._bell.set()
        self.join()
        return self._has_died


def _server(app: "Starlette") -> "uvicorn.Server":
    """Return the HTTP server; its own log lines would show URLs, so it has none."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=10,
    )
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    return uvicorn.Server(config)


def _tell_outdated_plans(service: "Service") -> None:
    """Say in the log what was planned by other settings; it stays so until somebody orders it.

    A role that may not look over all tenants cannot say it; then others do.
    """
    seen = service.operators.insight
    with suppress(FirstryError):
        if count := seen.plan.outdated(seen.clock.now()):
            service.parts.telemetry.emit(Event.PLAN_OUTDATED, count=count)


def _simulated(simulated_time: Path | None) -> "Clock | None":
    if simulated_time is None:
        return None
    from firstry.sim.time import SimulatedClock

    return SimulatedClock(simulated_time)


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else, so that a taken one is told plainly."""
    if not settings.host:  # to a socket, that is every address of the machine
        raise SettingInvalid("FIRSTRY_HOST is ''", "for example FIRSTRY_HOST=127.0.0.1")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise SettingInvalid(
            f"FIRSTRY_HOST {settings.host} and FIRSTRY_PORT {settings.port} cannot be used "
            f"({error.strerror})",
            "end what holds the port, or choose others, for example "
            "FIRSTRY_HOST=127.0.0.1 FIRSTRY_PORT=8020",
        ) from None
    return listening


def _dev_settings() -> dict[str, str]:
    """Return what development needs where nothing is set."""
    from firstry.sim.platform import APP_ID

    keys = _dev_keys(DEV_FOLDER / "keys.json")
    return {name.removeprefix(PREFIX): text for name, text in keys.items()} | {
        "FORGE_APP_ID": APP_ID,
        "FORGE_JWKS_URL": f"http://{DEV_SIMULATOR}/.well-known/jwks.json",
        "FORGE_API_HOSTS": DEV_SIMULATOR,
    }


def _dev_keys(path: Path) -> dict[str, str]:
    """Return this folder's development keys, made at the first use."""
    from firstry.sim.first_file import first_content

    path.parent.mkdir(mode=0o700, exist_ok=True)
    content = first_content(path, json.dumps(new_keys()).encode())
    with suppress(ValueError):
        kept = json.loads(content)
        if isinstance(kept, dict) and all(isinstance(text, str) for text in kept.values()):
            return kept
    raise SettingInvalid(
        f"{path} does not hold development keys", "remove it: serve --dev makes new ones"
    )


def _refuse_unless_loopback(settings: Settings) -> None:
    if not is_loopback(settings.host):
        raise SettingInvalid(
            f"FIRSTRY_HOST is {settings.host!r}: --dev listens on loopback only",
            "leave FIRSTRY_HOST out, or leave --dev out and set real keys",
        )
