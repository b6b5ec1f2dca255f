"""A bad network between the service and PostgreSQL, bad at one chosen message.

The proxy forwards message by message. A trap names the message at which it
strikes and what happens to the connection there. Everything about sockets runs in
one thread, so that a connection ends in just the way that the fault says. A trap
counts its hits: a test of a fault asserts that there was one.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

from support.postgres_message import Conversation, Message, Side

CHUNK = 65536
STOPS_WITHIN_SECONDS = 10.0
_OTHER = {Side.FRONTEND: Side.BACKEND, Side.BACKEND: Side.FRONTEND}


class Fault(StrEnum):
    """What happens to a connection."""

    CUT = "cut"
    """Both sides see an orderly end."""
    RESET = "reset"
    """Both sides see a reset."""
    BLACK_HOLE = "black hole"
    """Nothing goes through any more, and neither side is told, whatever the other does."""
    HALF_OPEN = "half-open"
    """The client sees the end; the server is not told and keeps the session."""
    HALF_CLOSED = "half-closed"
    """The server sees the end; the client is not told and waits."""
    DELAY = "delay"
    """The message comes later, and all goes on."""


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` message, counted from 1 over all connections since the trap was set, that a
    side sent, of one kind where given, and with these bytes in it.

    A fault strikes instead of forwarding the message, or right after it where `is_after`.
    """

    side: Side
    kind: str | None = None
    nth: int = 1
    containing: bytes = b""
    is_after: bool = False

    def fits(self, message: Message) -> bool:
        """Whether this is such a message, be it the n-th or not."""
        return (
            message.side is self.side
            and self.kind in (None, message.kind)
            and self.containing in message.raw
        )


@dataclass(slots=True)
class Trap:
    """A fault that waits at a point. It strikes once; where `is_lasting`, every connection
    that is opened later meets the fault at its first message, until the trap is taken away."""

    fault: Fault
    point: Point
    delay_seconds: float = 0.0
    is_lasting: bool = False
    hits: int = 0
    met: int = 0
    """How many messages fitted the point."""

    def is_hit_by(self, message: Message) -> bool:
        """Count a message, and say whether the trap strikes at it."""
        if self.hits and self.is_lasting:
            self.hits += 1
            return True
        if not self.point.fits(message):
            return False
        self.met += 1
        self.hits += self.met == self.point.nth
        return self.met == self.point.nth


@dataclass(slots=True)
class _Link:
    """One connection through the proxy: by side, the socket to it."""

    sockets: Mapping[Side, socket.socket]
    talk: Conversation = field(default_factory=Conversation)


class Proxy:
    """Listens on a loopback port of its own and forwards to another, in a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._lock = threading.Lock()
        self._trap: Trap | None = None
        self._transcript: list[Message] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOPS_WITHIN_SECONDS)
        assert not self._thread.is_alive(), "the proxy does not stop"

    def set_trap(
        self, fault: Fault, point: Point, delay_seconds: float = 0.0, *, is_lasting: bool = False
    ) -> Trap:
        """Lay a trap in place of the one before; return it, so that its hits can be read."""
        trap = Trap(fault, point, delay_seconds, is_lasting)
        with self._lock:
            self._trap = trap
        return trap

    def heal(self) -> None:
        """Take the trap away. Connections that it broke stay broken."""
        with self._lock:
            self._trap = None

    def release(self) -> None:
        """Close what black holes and half-open connections hold, as a time-out would."""
        self._loop.call_soon_threadsafe(self._close_held)

    def take_transcript(self) -> list[Message]:
        """Return the messages that came since the last call, in the order of their coming."""
        with self._lock:
            taken, self._transcript = self._transcript, []
        return taken

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._listen())
        finally:
            self._close_held()
            self._listener.close()
            self._loop.close()

    async def _listen(self) -> None:
        links: set[asyncio.Task[None]] = set()
        accepting = asyncio.ensure_future(self._accept(links))
        await self._stopping.wait()
        for task in (accepting, *links):
            task.cancel()
        await asyncio.gather(accepting, *links, return_exceptions=True)

    async def _accept(self, links: set[asyncio.Task[None]]) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            task = asyncio.ensure_future(self._serve(client))
            links.add(task)
            task.add_done_callback(links.discard)

    async def _serve(self, client: socket.socket) -> None:
        server = socket.socket()
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link({Side.FRONTEND: client, Side.BACKEND: server})
        fault: Fault | None = None
        try:
            await self._loop.sock_connect(server, self._target)
            fault = await self._forward(link)
        except OSError:
            fault = Fault.CUT
        finally:
            self._end(link, fault)

    async def _forward(self, link: _Link) -> Fault | None:
        """Forward both ways until a side ends the connection or a fault does."""
        pumps = [asyncio.ensure_future(self._pump(link, side)) for side in Side]
        try:
            for next_done in asyncio.as_completed(pumps):
                fault = await next_done
                if fault is not None:
                    return fault
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        return None

    async def _pump(self, link: _Link, side: Side) -> Fault | None:
        """Forward what one side sends; return the fault that struck, or None at its end.

        What the other side still has to say is forwarded by the other pump.
        """
        source, sink = link.sockets[side], link.sockets[_OTHER[side]]
        with contextlib.suppress(OSError):
            while received := await self._loop.sock_recv(source, CHUNK):
                for message in link.talk.feed(side, received):
                    fault = await self._pass_on(message, sink)
                    if fault is not None:
                        return fault
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        return None

    async def _pass_on(self, message: Message, sink: socket.socket) -> Fault | None:
        trap = self._note(message)
        if trap is not None and trap.fault is Fault.DELAY:
            await asyncio.sleep(trap.delay_seconds)
            trap = None
        if trap is None or trap.point.is_after:
            await self._loop.sock_sendall(sink, message.raw)
        return None if trap is None else trap.fault

    def _note(self, message: Message) -> Trap | None:
        """Return the trap if it strikes at this message."""
        with self._lock:
            self._transcript.append(message)
            trap = self._trap
            return trap if trap is not None and trap.is_hit_by(message) else None

    def _end(self, link: _Link, fault: Fault | None) -> None:
        ended = {
            Fault.BLACK_HOLE: (),
            Fault.HALF_OPEN: (Side.FRONTEND,),
            Fault.HALF_CLOSED: (Side.BACKEND,),
        }
        for side, end in link.sockets.items():
            if fault is not None and side not in ended.get(fault, tuple(Side)):
                self._held.append(end)
            elif fault is Fault.RESET:
                _reset(end)
            else:
                _close(end)

    def _close_held(self) -> None:
        while self._held:
            _reset(self._held.pop())


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def _close(end: socket.socket) -> None:
    """End both directions in order, even where unread bytes would turn a close into a reset."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
        while end.recv(CHUNK):
            pass
    end.close()
