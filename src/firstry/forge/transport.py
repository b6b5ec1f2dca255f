"""HTTP to Atlassian, with every wait and every size bounded.

One event loop in a thread of its own serves all callers: an answer arrives
whole, under one total deadline for connect, headers and body together, or the
call fails. Redirects are never followed, so a token goes to no other host than
the one that was checked (decision 0006).
"""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import aiohttp


class FailureKind(StrEnum):
    """Why no answer arrived."""

    TIMEOUT = "TIMEOUT"
    UNREACHABLE = "UNREACHABLE"
    OVERSIZED = "OVERSIZED"


class TransportFailed(Exception):
    """No whole answer arrived."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind.value)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Headers may carry a token, so they never show."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends requests."""

    def send(self, request: Request, timeout_seconds: float, max_bytes: int) -> Response:
        """Return the whole answer within `timeout_seconds`, or raise TransportFailed."""
        ...


class HttpTransport:
    """A `Transport` over real HTTP. Threads may share it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()

    def send(self, request: Request, timeout_seconds: float, max_bytes: int) -> Response:
        """See `Transport.send`."""
        if timeout_seconds <= 0:
            raise TransportFailed(FailureKind.TIMEOUT)
        sending = self._send(request, timeout_seconds, max_bytes)
        return asyncio.run_coroutine_threadsafe(sending, self._loop).result()

    def close(self) -> None:
        """Close connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _send(self, request: Request, timeout_seconds: float, max_bytes: int) -> Response:
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._exchange(request, max_bytes)
        except TimeoutError:
            raise TransportFailed(FailureKind.TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise TransportFailed(FailureKind.UNREACHABLE) from None

    async def _exchange(self, request: Request, max_bytes: int) -> Response:
        session = self._opened()
        async with session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        ) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise TransportFailed(FailureKind.OVERSIZED)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, headers, bytes(body))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
