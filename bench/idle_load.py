"""A client that costs little: one request again and again over a number of connections.

The client shares the machine with the server, so it knows no more HTTP than it needs:
it sends fixed bytes and looks for the end of the answer by its content-length.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Load:
    """What came of a load: the seconds of the whole, and of each answer."""

    seconds: float
    answers: list[float]

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return len(self.answers) / self.seconds

    @property
    def p99_milliseconds(self) -> float:
        """How long 99 of 100 answers took at most."""
        return 1000 * sorted(self.answers)[len(self.answers) * 99 // 100]


def load(port: int, headers: Mapping[str, str], connections: int, requests: int) -> Load:
    """Post to /forge/tick so many times; every answer must be 200."""
    return uvloop.run(_load(port, headers, connections, requests))


async def _load(port: int, headers: Mapping[str, str], connections: int, requests: int) -> Load:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    request = (
        f"POST /forge/tick HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n{''.join(lines)}\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    budget = _Budget(requests)
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _Client(request, budget, loop.create_future()), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return Load(time.perf_counter() - began, budget.answers)


@dataclass(slots=True)
class _Budget:
    left: int
    answers: list[float] = field(default_factory=list)


class _Client(asyncio.BufferedProtocol):
    """One connection: asks, waits for the whole answer, asks again."""

    def __init__(self, request: bytes, budget: _Budget, done: "asyncio.Future[None]") -> None:
        self._request, self._budget, self.done = request, budget, done
        self._received, self._arriving = b"", bytearray(64 * 1024)
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._arriving

    def buffer_updated(self, nbytes: int) -> None:
        self._received += self._arriving[:nbytes]
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        if b" 200 " not in head[:14]:
            self._end(AssertionError(self._received))
            return
        self._budget.answers.append(time.perf_counter() - self._began)
        self._received = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server hung up"))

    def _ask(self) -> None:
        if not self._budget.left:
            self._end(None)
            return
        self._budget.left -= 1
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
        self._transport.close()
