"""What a server does to a connection instead of answering on it.

A simulated fault has to happen on the wire, or a client's time-outs and its handling of a
torn connection are never exercised.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from datetime import timedelta

import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from firstry.sim.jira_message import Ending


@dataclass(slots=True)
class Wire:
    """What the application needs of the running server to misbehave on a connection."""

    release: asyncio.Event = field(default_factory=asyncio.Event)
    server: uvicorn.Server | None = None

    async def sleep(self, delay: timedelta) -> None:
        try:
            await asyncio.wait_for(self.release.wait(), delay.total_seconds())
        except TimeoutError:
            return

    async def hang(self, receive: Receive) -> None:
        """Wait until the client is gone or the server stops."""
        waits = [asyncio.ensure_future(wait) for wait in (self.release.wait(), _gone(receive))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def reset(self, client: object) -> None:
        """Close the client's connection with a RST, without a byte of an answer."""
        connections = list(self.server.server_state.connections) if self.server else []
        for connection in connections:
            transport = connection.transport
            if getattr(connection, "client", None) == client and isinstance(
                transport, asyncio.Transport
            ):
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()


class Broken(Response):
    """No answer: the connection hangs or is reset."""

    def __init__(self, wire: Wire, ending: Ending) -> None:
        super().__init__(status_code=503)
        self._wire = wire
        self._ending = ending

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        if self._ending is Ending.HANGING:
            await self._wire.hang(receive)
        client = scope.get("client")
        self._wire.reset(tuple(client) if client else None)
        await asyncio.sleep(0)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
