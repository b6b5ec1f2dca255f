"""Invocations on their way from Forge to a remote.

The calendar (phase of the ticks, retries, duplicates) is pure, so that a driver can order
everything in virtual time; `Delivery.prepare` is a request as bytes for a remote in the same
process; `Delivery.deliver` sends it over real HTTP, within the five real seconds that Forge
grants.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from types import TracebackType
from typing import Self

import aiohttp

from firstry.sim.platform import Platform, Site
from firstry.sim.platform_event import with_retry
from firstry.sim.platform_key import JSONObject

ANSWER_WITHIN = timedelta(seconds=5)
RETRY_WAIT = timedelta(seconds=60)
MAX_RETRIES = 4
HOUR = timedelta(hours=1)
MAX_ANSWER_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_retry(attempt: int) -> timedelta | None:
    """Return the wait after failed attempt number `attempt` (from 1), None after the last."""
    return RETRY_WAIT if 1 <= attempt <= MAX_RETRIES else None


def tick_phase(cloud_id: str, interval: timedelta = HOUR) -> timedelta:
    """Return the site's own place in the interval: stable, spread evenly, whole seconds."""
    digest = hashlib.sha256(cloud_id.encode()).digest()
    seconds = int.from_bytes(digest[:8], "big") % int(interval.total_seconds())
    return timedelta(seconds=seconds)


def ticks(
    cloud_id: str, after: datetime, until: datetime, interval: timedelta = HOUR
) -> Iterator[datetime]:
    """Yield the site's ticks at `after` < t <= `until`, in order."""
    start = _EPOCH + tick_phase(cloud_id, interval)
    tick = start + ((after - start) // interval + 1) * interval
    while tick <= until:
        yield tick
        tick += interval


@dataclass(frozen=True, slots=True)
class Invocation:
    """One thing that Forge has to say: an event, a tick or an uninstallation.

    `endpoint_key` is the manifest's endpoint, and `route` its path at the remote.
    """

    site: Site
    endpoint_key: str
    route: str
    body: JSONObject | None = None
    with_system_token: bool = True
    environment: str = "PRODUCTION"


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request as it goes over the wire."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of one request. `status` is None if no answer came in time.

    `body` is the parsed JSON, None if there was none; `elapsed` is real time.
    """

    status: int | None
    body: object
    elapsed: timedelta

    @property
    def is_success(self) -> bool:
        """Any 2xx counts; a redirect is an error and is never followed."""
        return self.status is not None and 200 <= self.status < 300


class Delivery:
    """Sends invocations to one remote. Use it from one thread, outside of any event loop."""

    def __init__(
        self,
        platform: Platform,
        base_url: str,
        rng: Random,
        *,
        duplicates: float = 0.0,
        answer_within: timedelta = ANSWER_WITHIN,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`duplicates` is the probability from 0 to 1 that an invocation is sent twice."""
        self._platform = platform
        self._base_url = base_url.rstrip("/")
        self._rng = rng
        self._duplicates = duplicates
        self._answer_within = answer_within
        self._monotonic = monotonic
        self._runner: asyncio.Runner | None = None
        self._session: aiohttp.ClientSession | None = None

    def copies(self) -> int:
        """Draw how many times the next invocation is sent: 1, or 2 by chance."""
        return 2 if self._rng.random() < self._duplicates else 1

    def prepare(self, invocation: Invocation, *, at: datetime, attempt: int = 1) -> Prepared:
        """Return the request of attempt number `attempt` (from 1), with tokens made at `at`.

        From the second attempt on the body tells of the retry. Every attempt has its own
        invocation token; the first one's is dead after 25 s.
        """
        site, body = invocation.site, invocation.body
        token = self._platform.invocation_token(
            site, invocation.endpoint_key, at=at, environment=invocation.environment
        )
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "x-b3-traceid": f"{self._rng.getrandbits(64):016x}",
            "x-b3-spanid": f"{self._rng.getrandbits(64):016x}",
        }
        if invocation.with_system_token:
            headers["x-forge-oauth-system"] = self._platform.system_token(site, at=at)
        if body is not None and attempt > 1:
            body = with_retry(body, attempt - 1)
        raw = b"" if body is None else json.dumps(body).encode()
        return Prepared(self._base_url + invocation.route, headers, raw)

    def deliver(self, invocation: Invocation, *, at: datetime, attempt: int = 1) -> Delivered:
        """Send one attempt and wait for the answer; repeating is the driver's business."""
        return self.send(self.prepare(invocation, at=at, attempt=attempt))

    def send(self, prepared: Prepared) -> Delivered:
        """Send a request as it is, also one that the driver has tampered with."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._send(prepared))

    def close(self) -> None:
        if self._runner is not None and self._session is not None:
            self._runner.run(self._session.close())
        if self._runner is not None:
            self._runner.close()
        self._runner = self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _send(self, prepared: Prepared) -> Delivered:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        started = self._monotonic()
        limit = aiohttp.ClientTimeout(total=self._answer_within.total_seconds())
        status, body = None, None
        try:
            async with self._session.post(
                prepared.url,
                data=prepared.body,
                headers=dict(prepared.headers),
                allow_redirects=False,
                timeout=limit,
            ) as answer:
                raw = await answer.content.read(MAX_ANSWER_BYTES)
                status, body = answer.status, _parsed(raw)
        except (TimeoutError, aiohttp.ClientError):
            status = None
        return Delivered(status, body, timedelta(seconds=self._monotonic() - started))


def _parsed(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return None
