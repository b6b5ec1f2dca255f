"""The endpoints that Forge calls: verify, do, answer, all before one deadline.

The deadline runs from the first byte of the request and covers the key set, the
store, the vault and the attempt. An attempt that is still running then goes on
under its lease; its tick answers 202 (contract E, G).
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from firstry.domain.due import Quiet
from firstry.domain.errors import FirstryError, KeySetUnavailable, TenantUnavailable, TokenInvalid
from firstry.domain.record import Installation, InstallationSource
from firstry.lifecycle.install import Recorded, record_installation, record_upgrade
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.failpoint import Failpoint, reach
from firstry.ports.telemetry import Event
from firstry.ports.trace import Step, answering, carried, note
from firstry.ports.vault import Vault
from firstry.ports.verifier import AT_ONCE, Invocation, Route, Verifier
from firstry.scheduler.attempt import Parts
from firstry.scheduler.runner import Busy, Runner, Running
from firstry.scheduler.tick import Waking, idle, look
from firstry.web.remote import answer
from firstry.web.remote.answer import Answer
from firstry.web.remote.body import BodyTooLarge, headers_of, named_cloud_ids, read_body
from firstry.web.remote.event import EventInvalid, EventKind, LifecycleEvent, parse_event
from firstry.web.remote.reader import Reader

THREADS = 32
WAITING = 16
"""So many ticks wait for a slot at once; the other threads are for calls that need none."""

MOST_AT_ONCE = 16 * 1024
"""The largest body, in bytes, that is looked at in the event loop."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Call:
    """One request: what it carried, when it must be answered, what time it is."""

    route: Route
    headers: dict[str, str]
    body: bytes
    now: datetime
    deadline: float


class Remote:
    """The Forge Remote side of the service."""

    def __init__(
        self,
        parts: Parts,
        vault: Vault,
        verifier: Verifier,
        runner: Runner,
        answer_within_seconds: float,
    ) -> None:
        self._parts = parts
        self._vault = vault
        self._verifier = verifier
        self._runner = runner
        self._answer_within_seconds = answer_within_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="forge")
        self._may_wait = threading.Semaphore(WAITING)
        self._reader = Reader(parts.store)

    async def tick(self, request: Request) -> Answer:
        """`POST /forge/tick`: see SURFACE "Tick"."""
        with answering(Step.TICK, request.headers):
            return await self._answered(request, Route.TICK, self._tick)

    async def lifecycle(self, request: Request) -> Answer:
        """`POST /forge/lifecycle`: an installation, an upgrade, or an event to ignore."""
        with answering(Step.LIFECYCLE, request.headers):
            return await self._answered(request, Route.LIFECYCLE, self._lifecycle)

    async def uninstall(self, request: Request) -> Answer:
        """`POST /forge/uninstall`: the site is about to remove the app."""
        with answering(Step.UNINSTALL, request.headers):
            return await self._answered(request, Route.UNINSTALL, self._uninstall)

    def close(self) -> None:
        """Wait for the calls that are under way; each is bounded by its deadline."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._reader.close()

    async def _answered(
        self, request: Request, route: Route, act: Callable[[_Call], Awaitable[Answer]]
    ) -> Answer:
        """Run `act` within the deadline and turn every expected end into an answer."""
        began = time.monotonic()
        now = self._parts.clock.now()
        deadline = self._parts.clock.monotonic() + self._answer_within_seconds
        try:
            async with asyncio.timeout(self._answer_within_seconds):
                body = await read_body(request)
                response = await act(_Call(route, headers_of(request), body, now, deadline))
        except BodyTooLarge:
            response = answer.refusal(413, "BODY_TOO_LARGE", "the body is over 1 MiB", now)
        except EventInvalid:
            message = "the body names no lifecycle event"
            response = answer.refusal(400, "EVENT_INVALID", message, now)
        except TokenInvalid as error:
            response = answer.refusal(401, error.code, error.message, now)
        except TenantUnavailable as error:
            response = answer.refusal(400, error.code, error.message, now)
        except (FirstryError, TimeoutError, ClientDisconnect) as error:
            response = answer.refusal(500, answer.SCHEDULER_ERROR, answer.FAULT.message, now)
            self._parts.telemetry.emit(Event.INVOCATION_FAILED, detail=_name_of(error))
        reach(Failpoint.ANSWER_READY)
        note(status=response.status_code, outcome=response.reason)
        self._parts.telemetry.emit(
            Event.INVOCATION_ANSWERED,
            route=route.value,
            status=response.status_code,
            outcome=response.reason,
            answer_ms=round((time.monotonic() - began) * 1000),
        )
        return response

    async def _tick(self, call: _Call) -> Answer:
        invocation, begun = await self._begun(call)
        if isinstance(begun, Quiet):
            said = answer.of_quiet(begun)
        elif isinstance(begun, Busy):
            said = answer.FAULT
        else:
            said = await self._said_of(begun, call.deadline)
        return Answer(answer.tick_body(said, invocation.tenant, call.now), said.status)

    async def _begun(self, call: _Call) -> tuple[Invocation, Running | Quiet | Busy]:
        """Look first; only a tick with more to do than that goes into a thread of its own."""
        if (seen := await self._look(call)) is not None:
            return seen
        return await self._in_thread(self._begin_tick, call)

    async def _look(self, call: _Call) -> tuple[Invocation, Quiet] | None:
        """Return how an idle tick ends, None if there is more to do than one read.

        Nothing here waits but the read, which is done in a thread.
        """
        if len(call.body) > MOST_AT_ONCE:
            return None
        try:
            invocation = self._verified(call, AT_ONCE)
        except KeySetUnavailable:
            return None
        record = await self._reader.read(invocation.tenant)
        quiet = idle(record, invocation.system_token, call.now, self._parts.policy)
        return (invocation, quiet) if quiet is not None else None

    def _begin_tick(self, call: _Call) -> tuple[Invocation, Running | Quiet | Busy]:
        invocation = self._verified(call, call.deadline)
        token = invocation.system_token
        looked = look(self._parts, self._vault, invocation.tenant, token, call.now)
        if isinstance(looked, Quiet):
            return invocation, looked
        begun = self._started(looked, call.deadline)
        if isinstance(begun, Busy):
            looked.keep()
        return invocation, begun

    def _started(self, waking: Waking, deadline: float) -> Running | Quiet | Busy:
        """Claim in a slot; wait for one until the deadline unless too many do already."""
        may_wait = self._may_wait.acquire(blocking=False)
        try:
            patience = deadline - self._parts.clock.monotonic() if may_wait else 0.0
            return self._runner.start(waking.claim, patience)
        finally:
            if may_wait:
                self._may_wait.release()

    async def _said_of(self, running: Running, deadline: float) -> answer.Said:
        """Wait for an attempt as long as the deadline allows."""
        left = max(0.0, deadline - self._parts.clock.monotonic() - _ANSWER_MARGIN_SECONDS)
        settled = asyncio.wrap_future(running.settled)
        done, _ = await asyncio.wait([settled], timeout=left)
        return answer.of_settled(settled.result()) if done else answer.of_running(running.claim)

    async def _lifecycle(self, call: _Call) -> Answer:
        invocation, recorded = await self._in_thread(self._record_event, call)
        message = _EVENT_MESSAGES[recorded]
        return answer.event_response(recorded, message, invocation.tenant, call.now)

    def _record_event(self, call: _Call) -> tuple[Invocation, Recorded]:
        invocation = self._verified(call, call.deadline)
        event = parse_event(call.body, invocation.module_key)
        if event.kind is EventKind.INSTALLED:
            return invocation, self._install(invocation, event, call.now)
        if event.kind is EventKind.UPGRADED:
            version = event.app_version
            store = self._parts.store
            return invocation, record_upgrade(store, invocation.tenant, version, call.now)
        return invocation, Recorded.IGNORED

    def _install(self, invocation: Invocation, event: LifecycleEvent, now: datetime) -> Recorded:
        """The token's own instant is the installation time: the event carries none."""
        token = invocation.system_token
        return record_installation(
            self._parts.store,
            invocation.tenant,
            Installation(
                installed_at=invocation.issued_at,
                source=InstallationSource.LIFECYCLE,
                installation_id=invocation.installation_id,
                app_version=event.app_version,
            ),
            now,
            self._parts.policy,
            token=self._vault.seal(invocation.tenant, token) if token is not None else None,
        )

    async def _uninstall(self, call: _Call) -> Answer:
        invocation, is_uninstalled = await self._in_thread(self._record_uninstallation, call)
        if is_uninstalled:
            reason, message = "UNINSTALL_RECORDED", "the uninstallation is recorded"
        else:
            reason, message = Recorded.IGNORED, _EVENT_MESSAGES[Recorded.IGNORED]
        return answer.event_response(reason, message, invocation.tenant, call.now)

    def _record_uninstallation(self, call: _Call) -> tuple[Invocation, bool]:
        invocation = self._verified(call, call.deadline)
        return invocation, record_uninstallation(
            self._parts.store, invocation.tenant, invocation.installation_id, call.now
        )

    def _verified(self, call: _Call, deadline: float) -> Invocation:
        named = named_cloud_ids(call.body)
        found = self._verifier.verify(call.route, call.headers, named, call.now, deadline)
        note(found.tenant)
        return found

    async def _in_thread(self, work: Callable[[_Call], T], call: _Call) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, carried(work), call)


_ANSWER_MARGIN_SECONDS = 0.1
_EVENT_MESSAGES = {
    Recorded.INSTALLATION: "the installation is recorded",
    Recorded.ALREADY: "the installation was recorded before",
    Recorded.REINSTALL: "the reinstallation is recorded; reports stay as they are",
    Recorded.UPGRADE: "the upgrade is recorded",
    Recorded.IGNORED: "the event is ignored",
}


def _name_of(error: BaseException) -> str:
    return error.code if isinstance(error, FirstryError) else type(error).__name__
