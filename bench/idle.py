"""An idle tick over HTTP beside a bare server that verifies and reads (perf-4)."""

import asyncio
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import timedelta
from pathlib import Path

import aiohttp
import apsw
import uvicorn
from joserfc import jws
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from bench.row import Row, in_turn
from firstry.config import Settings, load
from firstry.sim.jira import new_site
from firstry.sim.platform import APP_ID, Platform
from firstry.sim.platform_event import installed_event
from firstry.sim.server import SimulatorServer
from firstry.stores.clock import HostClock
from firstry.wiring.service import build_service
from firstry.wiring.web import build_web

REQUESTS = 1500
CONNECTIONS = 16


def rows(place: Path) -> list[Row]:
    """Measure requests a second of both servers."""
    clock = HostClock()
    platform = Platform(random.Random(1))
    site = new_site(platform, random.Random(2), "bench")
    with (
        (place / "idle.log").open("w") as log,
        SimulatorServer(platform, [site], clock=clock.now) as simulator,
    ):
        with redirect_stderr(log):
            service = build_service(_settings(place, simulator), clock)
        app, close = build_web(service, with_remote=True)
        bare = _bare(platform, place / "bench.db")
        lifetime = timedelta(hours=1)

        def headers(endpoint: str) -> dict[str, str]:
            token = platform.invocation_token(site, endpoint, at=clock.now(), lifetime=lifetime)
            return {"authorization": f"Bearer {token}"}

        with _served(app) as ours, _served(bare) as theirs:
            event = installed_event(site)
            asyncio.run(_post(f"{ours}/forge/lifecycle", headers("on-installed"), event))
            tick = headers("hourly-tick")
            a, b = in_turn(
                lambda: asyncio.run(_load(f"{ours}/forge/tick", tick)),
                lambda: asyncio.run(_load(f"{theirs}/forge/tick", tick)),
            )
        close()
        service.close()
    what, against = "idle tick over HTTP", "bare Starlette, verify, one read"
    return [Row("perf-4", what, "requests/s", a, against, b, ">= 0.8")]


def _settings(place: Path, simulator: SimulatorServer) -> Settings:
    key = "k:" + "A" * 43
    return load(
        {
            "DATABASE_URL": f"sqlite:///{place}/bench.db",
            "FORGE_APP_ID": APP_ID,
            "FORGE_JWKS_URL": simulator.jwks_url,
            "FORGE_API_HOSTS": simulator.api_host,
            "SECRET_KEYS": key,
            "SIGNING_KEY": key,
        }
    )


def _bare(platform: Platform, path: Path) -> Starlette:
    """The same verification and one indexed read by the same driver, in the event loop."""
    key = RSAKey.import_key(platform.key.public_pem())
    connection = apsw.Connection(str(path))
    sql = "SELECT head_hash FROM tenant WHERE cloud_id = ?"

    async def tick(request: Request) -> JSONResponse:
        token = request.headers["authorization"].removeprefix("Bearer ")
        jws.deserialize_compact(token, key, algorithms=["RS256"])
        await request.body()
        connection.execute(sql, ("bench",)).fetchall()
        return JSONResponse({"success": True})

    return Starlette(routes=[Route("/forge/tick", tick, methods=["POST"])])


@contextmanager
def _served(app: ASGIApp) -> Iterator[str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    _wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def _wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise TimeoutError("the server did not start")


async def _post(url: str, headers: dict[str, str], body: object) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, headers=headers, json=body) as answer,
    ):
        answer.raise_for_status()


async def _load(url: str, headers: dict[str, str]) -> float:
    """Return requests a second over a fixed number of connections."""
    left = iter(range(REQUESTS))

    async def client(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(url, headers=headers) as answer:
                assert answer.status == 200
                await answer.read()

    began = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(client(session) for _ in range(CONNECTIONS)))
    return REQUESTS / (time.perf_counter() - began)
