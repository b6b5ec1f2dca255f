"""Many sites that live with the app at once, over real HTTP, and what they were told.

Each site installs the app, is woken by ticks until its last report has come to its
end, and may leave before. Some invocations come twice. Every answer is judged when
it comes (I9, I12), and every completion that one of them spoke of is remembered:
it must still be there in the end.
"""

import asyncio
import contextlib
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import aiohttp

from firstry.domain.due import Reason
from firstry.domain.instant import parse_instant
from firstry.sim.jira import JiraSite
from firstry.sim.platform import Platform
from firstry.sim.platform_event import installed_event, uninstall_event
from firstry.sim.platform_key import JSONObject
from support.call import INSTALL, TICK, UNINSTALL, Endpoint, headers_of
from support.judge import ALWAYS, STATUSES, WITH_REPORT

PATIENCE_SECONDS = 15.0
KEEP_ALIVE_SECONDS = 2.0
"""Shorter than the service's own, so that no request meets a connection that it just closed."""
AGAIN_SECONDS = 1.0
ENDED = frozenset({Reason.DONE_KEY_EXISTS.value, Reason.CLOSED.value})

Key = tuple[str, str]
"""A cloudId and a trigger."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a crowd lives. `duplicates` and `leaving` are shares from 0 to 1.

    The sites install one after the other, spread over `arriving_seconds`.
    """

    arriving_seconds: float
    tick_seconds: float
    last_trigger: str
    duplicates: float = 0.3
    leaving: float = 0.02


@dataclass(slots=True)
class Heard:
    """What a crowd was told. `completions` says when each was first acknowledged.

    `made` says which report an answer was about that had it made: the one of its instant.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    completions: dict[Key, datetime] = field(default_factory=dict)
    made: dict[Key, datetime] = field(default_factory=dict)
    installed: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    breaches: list[str] = field(default_factory=list)
    unanswered: Counter[str] = field(default_factory=Counter)
    invocations: int = 0
    duplicates: int = 0
    slowest_seconds: float = 0.0


class Crowd:
    """The sites of one platform, each living by itself in one event loop; a thread of its own.

    `ports` says where the service answers, in turn.
    """

    def __init__(
        self,
        platform: Platform,
        sites: Sequence[JiraSite],
        ports: Callable[[], Sequence[int]],
        pace: Pace,
        rng: Random,
    ) -> None:
        self.heard = Heard()
        self._platform, self._sites, self._ports = platform, sites, ports
        self._pace, self._rng = pace, rng
        self._turns = itertools.count()
        self._living = len(sites)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)

    @property
    def living(self) -> int:
        """How many sites have not come to their end."""
        return self._living

    @property
    def is_running(self) -> bool:
        """Whether its thread lives; it ends with the last site."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Let them live."""
        self._thread.start()

    def stop(self) -> None:
        """Let every site end after what it is doing."""
        if self._loop is not None and self.is_running:
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(2 * PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the crowd did not stop"

    def _run(self) -> None:
        asyncio.run(self._live_all())

    async def _live_all(self) -> None:
        self._loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        limit = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        step = self._pace.arriving_seconds / len(self._sites)
        async with aiohttp.ClientSession(connector=connector, timeout=limit) as session:
            lives = (
                self._live(session, site, number * step) for number, site in enumerate(self._sites)
            )
            await asyncio.gather(*lives)

    async def _live(self, session: aiohttp.ClientSession, site: JiraSite, arrives: float) -> None:
        """Live from the installation until the last report is there, or until it leaves."""
        leaves = self._rng.random() < self._pace.leaving
        ticks_before_leaving = self._rng.randint(1, 4)
        await self._pause(arrives)
        if not await self._event(session, site, INSTALL, installed_event(site)):
            return
        self.heard.installed.add(site.cloud_id)
        for number in itertools.count(1):
            if await self._pause(self._pace.tick_seconds * self._rng.uniform(0.5, 1.5)):
                return
            if leaves and number > ticks_before_leaving:
                if await self._event(session, site, UNINSTALL, uninstall_event(site)):
                    self.heard.left.add(site.cloud_id)
                break
            body = await self._deliver(session, site, TICK, None)
            is_last = body.get("due_trigger") == self._pace.last_trigger
            if is_last and body.get("reason") in ENDED:
                break
        self._living -= 1

    async def _pause(self, seconds: float) -> bool:
        """Wait for so long; return whether it is time to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
        return self._stopped.is_set()

    async def _event(
        self, session: aiohttp.ClientSession, site: JiraSite, endpoint: Endpoint, body: JSONObject
    ) -> bool:
        """Deliver an event until it is taken, as the platform does; return whether it was."""
        while not self._stopped.is_set():
            answer = await self._deliver(session, site, endpoint, body)
            if answer.get("success"):
                return True
            await self._pause(AGAIN_SECONDS)
        return False

    async def _deliver(
        self,
        session: aiohttp.ClientSession,
        site: JiraSite,
        endpoint: Endpoint,
        body: JSONObject | None,
    ) -> JSONObject:
        """Deliver an invocation, perhaps twice; return what was answered to the first copy."""
        at = datetime.now(UTC)
        token = self._platform.invocation_token(site, endpoint.module, at=at)
        headers = headers_of(token, self._platform.system_token(site, at=at))
        raw = b"" if body is None else json.dumps(body).encode()
        copies = 2 if self._rng.random() < self._pace.duplicates else 1
        self.heard.invocations += 1
        self.heard.duplicates += copies - 1
        answers = await asyncio.gather(
            *(self._send(session, site, endpoint, headers, raw) for _ in range(copies))
        )
        return answers[0]

    async def _send(
        self,
        session: aiohttp.ClientSession,
        site: JiraSite,
        endpoint: Endpoint,
        headers: dict[str, str],
        raw: bytes,
    ) -> JSONObject:
        ports = self._ports()
        if not ports:
            self.heard.unanswered["no process"] += 1
            return {}
        url = f"http://127.0.0.1:{ports[next(self._turns) % len(ports)]}{endpoint.path}"
        began = time.monotonic()
        try:
            async with session.post(url, data=raw, headers=headers) as answer:
                said = await answer.read()
                return self._judged(site, answer.status, said, time.monotonic() - began)
        except (TimeoutError, aiohttp.ClientError) as error:
            self.heard.unanswered[type(error).__name__] += 1
            return {}

    def _judged(self, site: JiraSite, status: int, said: bytes, seconds: float) -> JSONObject:
        """Judge one answer and remember what it acknowledged."""
        heard = self.heard
        heard.statuses[status] += 1
        heard.slowest_seconds = max(heard.slowest_seconds, seconds)
        body = _object(said)
        if status not in STATUSES or body is None or not body.keys() >= ALWAYS:
            heard.breaches.append(f"I12: answered {status} {said[:200]!r}")
            return {}
        if body["cloudId"] not in (None, site.cloud_id):
            heard.breaches.append("I9: answered in another tenant's name")
        reason = str(body["reason"])
        heard.reasons[reason] += 1
        if reason in WITH_REPORT:
            key = (site.cloud_id, str(body["due_trigger"]))
            heard.completions.setdefault(key, datetime.now(UTC))
            if reason == Reason.GENERATED:
                heard.made[key] = parse_instant(str(body["timestamp"]))
        return body


def _object(said: bytes) -> JSONObject | None:
    try:
        body = json.loads(said)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
