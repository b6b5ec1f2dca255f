"""The simulated platform and its sites over real loopback HTTP.

One application serves the key set and every site of one platform. What a fault says of a
connection happens on the wire here: a slow answer sleeps, a hanging one never comes, a reset
one ends in a TCP RST. `stop` releases everything that sleeps or hangs.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firstry.sim.jira import JiraSite
from firstry.sim.jira_message import Ending, JiraAnswer, JiraRequest
from firstry.sim.platform import Platform
from firstry.sim.server_wire import Broken, Wire

JWKS_PATH: Final = "/.well-known/jwks.json"
METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
READY_WITHIN_SECONDS = 10.0
STOPPED_WITHIN_SECONDS = 5.0
OVERSIZE_BYTES = 1 << 20


class JwksMode(StrEnum):
    """How the key set is served."""

    HONEST = "honest"
    FAILING = "failing"
    GARBAGE = "garbage"
    SLOW = "slow"
    HANG = "hang"
    RESET = "reset"
    OVERSIZED = "oversized"
    REDIRECT = "redirect"


@dataclass(slots=True)
class KeyDoor:
    """The address of the key set: what it does, and how often it was asked.

    A redirect leads to the honest key set at `/moved`, which counts as a fetch too.
    """

    mode: JwksMode = JwksMode.HONEST
    delay: timedelta = timedelta(seconds=30)
    fetches: int = 0


class SimulatorServer:
    """Serves one platform and its sites on loopback, in a daemon thread; a context manager.

    `clock` gives the instant of every request. `keys` is the door of the key set.
    """

    def __init__(
        self,
        platform: Platform,
        sites: Iterable[JiraSite] = (),
        *,
        clock: Callable[[], datetime],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Bind at once, so that the addresses are known; port 0 picks a free one."""
        self.keys = KeyDoor()
        self._platform = platform
        self._clock = clock
        self._sites: dict[str, JiraSite] = {}
        self._socket = socket.create_server((host, port))
        # Accepted sockets inherit it. asyncio sets it only where the listener names TCP as its
        # protocol; without it an answer in two writes waits 40 ms for a delayed ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.api_host = f"{host}:{self._socket.getsockname()[1]}"
        self.base_url = f"http://{self.api_host}"
        self.jwks_url = self.base_url + JWKS_PATH
        self._wire = Wire()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        for site in sites:
            self.add(site)

    def add(self, site: JiraSite) -> None:
        """Serve a site from now on, under the `api_base_url` that it is given here."""
        site.api_base_url = f"{self.base_url}/ex/jira/{site.cloud_id}"
        self._sites[site.cloud_id] = site

    def start(self) -> Self:
        """Start and wait until requests are answered."""
        config = uvicorn.Config(
            self.app(),
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._wire.server = uvicorn.Server(config)
        self._thread.start()
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not self._wire.server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the simulator did not start")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Release what sleeps or hangs, and wait until the port is closed."""
        if self._wire.server is not None and self._loop is not None:
            self._wire.server.should_exit = True
            self._loop.call_soon_threadsafe(self._wire.release.set)
            self._thread.join(STOPPED_WITHIN_SECONDS)
            if self._thread.is_alive():
                raise RuntimeError("the simulator did not stop")
        self._socket.close()

    def app(self) -> Starlette:
        """Return the application, for those who run it in a server of their own."""
        return Starlette(
            routes=[
                Route(JWKS_PATH, self._jwks),
                Route("/moved", self._moved),
                Route("/ex/jira/{cloud_id}/{path:path}", self._jira, methods=METHODS),
            ]
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        assert self._wire.server is not None
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._wire.server.serve(sockets=[self._socket]))

    async def _jwks(self, _request: Request) -> Response:
        self.keys.fetches += 1
        document = self._platform.jwks()
        match self.keys.mode:
            case JwksMode.FAILING:
                return Response("Service Unavailable", 503)
            case JwksMode.GARBAGE:
                return Response("<html>keys</html>", media_type="text/html")
            case JwksMode.HANG:
                return Broken(self._wire, Ending.HANGING)
            case JwksMode.RESET:
                return Broken(self._wire, Ending.RESET)
            case JwksMode.REDIRECT:
                return Response(status_code=302, headers={"Location": f"{self.base_url}/moved"})
            case JwksMode.OVERSIZED:
                padded = json.dumps(document) + " " * OVERSIZE_BYTES
                return Response(padded, media_type="application/json")
            case JwksMode.SLOW:
                await self._wire.sleep(self.keys.delay)
            case JwksMode.HONEST:
                pass
        return JSONResponse(document)

    async def _moved(self, _request: Request) -> Response:
        self.keys.fetches += 1
        return JSONResponse(self._platform.jwks())

    async def _jira(self, request: Request) -> Response:
        asked = JiraRequest(
            request.method,
            request.scope["path"],
            request.url.query,
            dict(request.headers),
            await request.body(),
        )
        site = self._sites.get(request.path_params["cloud_id"])
        if site is None:
            return JSONResponse({"code": 404, "message": "Not Found"}, 404)
        return await self._response(site.respond(asked, self._clock()))

    async def _response(self, answer: JiraAnswer) -> Response:
        if answer.delay:
            await self._wire.sleep(answer.delay)
        if answer.ending is not Ending.ANSWERED:
            return Broken(self._wire, answer.ending)
        return Response(answer.body, answer.status, dict(answer.headers))
