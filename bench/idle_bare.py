"""The least that answers a tick: Starlette, the token verified, one row read by its key.

`python -m bench.idle_bare URL PEM API_HOST full|signature` prints its port and serves until it
is told to end. `full` verifies as the service does, with every claim; `signature` looks
at nothing but the signature. It keeps no log and decides nothing.
"""

import asyncio
import json
import socket
import sys
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg
import uvicorn
from joserfc import jws
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from firstry.config_value import is_loopback
from firstry.forge.jwks import KeySet
from firstry.forge.verifier import ForgeVerifier
from firstry.ports.verifier import AT_ONCE
from firstry.ports.verifier import Route as Door
from firstry.sim.platform import APP_ID

CONNECTIONS = 8
Read = Callable[[str], Awaitable[object]]
Verify = Callable[[Request], str]
"""Returns the cloudId of a call that verifies."""


class _OneKey(KeySet):
    """A key set that is always at hand."""

    def __init__(self, key: RSAKey) -> None:
        self._only = key

    def key(self, kid: str, deadline: float) -> RSAKey:
        return self._only


def app(url: str, verify: Verify) -> Starlette:
    """Return the application over the database at `url`."""
    read = _of_sqlite(url.removeprefix("sqlite:///")) if "sqlite" in url else _of_postgres(url)

    async def tick(request: Request) -> JSONResponse:
        cloud_id = verify(request)
        await request.body()
        found = await read(cloud_id)
        return JSONResponse({"success": found is not None, "cloudId": cloud_id})

    return Starlette(routes=[Route("/forge/tick", tick, methods=["POST"])])


def verified_by(key: RSAKey, api_host: str, depth: str) -> Verify:
    """Return what verifies a call, as the service does or its signature alone."""
    environments = frozenset({"PRODUCTION"})
    every = ForgeVerifier(APP_ID, environments, (api_host,), is_loopback, _OneKey(key))

    def full(request: Request) -> str:
        now, headers = datetime.now(UTC), dict(request.headers)
        return every.verify(Door.TICK, headers, (), now, AT_ONCE).tenant.cloud_id

    def signature(request: Request) -> str:
        token = request.headers["authorization"].removeprefix("Bearer ")
        jws.deserialize_compact(token, key, algorithms=["RS256"])
        claims = json.loads(urlsafe_b64decode(token.split(".")[1] + "==="))
        return str(claims["app"]["installation"]["contexts"][0]["cloudId"])

    return {"full": full, "signature": signature}[depth]


def _of_sqlite(path: str) -> Read:
    """Return a read in the event loop, as one connection and nobody else's writes allow."""
    connection = apsw.Connection(path)

    async def read(cloud_id: str) -> object:
        sql = "SELECT head_hash FROM tenant WHERE cloud_id = ?"
        return connection.execute(sql, (cloud_id,)).fetchone()

    return read


def _of_postgres(url: str) -> Read:
    """Return a read over a few connections; the owner's, so that no wall is looked at."""
    idle: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()
    made = 0

    async def read(cloud_id: str) -> object:
        nonlocal made
        if idle.empty() and made < CONNECTIONS:
            made += 1
            idle.put_nowait(await psycopg.AsyncConnection.connect(url, autocommit=True))
        connection = await idle.get()
        sql = "SELECT head_hash FROM tenant WHERE cloud_id = %s"
        cursor = await connection.execute(sql, (cloud_id,))
        found = await cursor.fetchone()
        idle.put_nowait(connection)
        return found

    return read


def main() -> None:
    """Serve until SIGTERM."""
    url, pem, api_host, depth = sys.argv[1:]
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    served = app(url, verified_by(RSAKey.import_key(Path(pem).read_text()), api_host, depth))
    config = uvicorn.Config(
        served, log_config=None, access_log=False, server_header=False, lifespan="off"
    )
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
