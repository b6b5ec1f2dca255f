"""The routes that the page and the gadget in Jira call.

Every one of them passes the same door: an invocation token of a UI module, a
person behind it, and Jira's own word that this person administers the site
(`_admitted`). A token of a UI module is nothing secret to who looks at the page,
so nothing else that comes with a call is believed: no system token is taken,
and the user's token counts only for what Jira answers to it.

Reading is GET and changes nothing; asking for a report is a POST and goes the
one way that all reports go (contract F, P41).
"""

import asyncio
import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route as WebRoute

from firstry.domain.canonical import Json
from firstry.domain.errors import (
    Conflict,
    FirstryError,
    NotFound,
    ReportInvalid,
    TenantUnavailable,
    TokenInvalid,
)
from firstry.domain.instant import iso
from firstry.domain.ledger import ADMINISTRATOR
from firstry.domain.record import StoredReport
from firstry.domain.tenant import Tenant
from firstry.lifecycle.manual import request_report
from firstry.ports.permission import Permission, Standing
from firstry.ports.publisher import Publisher
from firstry.ports.telemetry import Event
from firstry.ports.trace import Step, answering, carried, note
from firstry.ports.verifier import Route, Verifier
from firstry.scheduler.attempt import Parts
from firstry.scheduler.runner import Runner
from firstry.web.page import answer
from firstry.web.page.answer import Refusal, Refused
from firstry.web.page.generation import generated
from firstry.web.page.status import availability, finished, status_of
from firstry.web.remote.answer import FAULT, SCHEDULER_ERROR
from firstry.web.remote.body import BodyTooLarge, headers_of, named_cloud_ids, read_body

ANSWER_SECONDS = 10.0
"""One deadline for a call, far below the 25 s that the platform grants."""
LARGEST_FILE = 3 * 1024 * 1024
"""What a page gets as one file; base64 makes a third more of it (docs/forge.md)."""
THREADS = 16
REASON = "asked for on the page in Jira"

T = TypeVar("T")

_STANDINGS = {
    Standing.NO_ADMINISTRATOR: Refused.ADMINISTRATOR_REQUIRED,
    Standing.TOKEN_REFUSED: Refused.USER_TOKEN_REFUSED,
    Standing.UNANSWERED: Refused.PERMISSION_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a page: what it carried, when it must be answered, what time it is."""

    route: Route
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes
    now: datetime
    deadline: float


Act = Callable[[Call, Tenant], JSONResponse]


class Page:
    """The server side of the page and the gadget."""

    def __init__(
        self,
        parts: Parts,
        verifier: Verifier,
        permission: Permission,
        runner: Runner,
        publisher: Publisher,
    ) -> None:
        self._parts = parts
        self._verifier = verifier
        self._permission = permission
        self._runner = runner
        self._publisher = publisher
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")

    def routes(self) -> list[WebRoute]:
        """Return the routes, each with and without a trailing slash: nothing redirects."""
        return [
            *self._both("/forge/page/status", "GET", Route.PAGE, self._status),
            *self._both("/forge/page/report", "GET", Route.PAGE, self._report),
            *self._both("/forge/page/download", "GET", Route.PAGE, self._download),
            *self._both("/forge/page/generate", "POST", Route.PAGE, self._generate),
            *self._both("/forge/page/gadget", "GET", Route.GADGET, self._gadget),
        ]

    def close(self) -> None:
        """Wait for the calls that are under way; each is bounded by its deadline."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _both(self, path: str, method: str, route: Route, act: Act) -> list[WebRoute]:
        async def endpoint(request: Request) -> JSONResponse:
            with answering(Step(route.value), request.headers):
                return await self._answered(request, route, act)

        return [WebRoute(each, endpoint, methods=[method]) for each in (path, path + "/")]

    async def _answered(self, request: Request, route: Route, act: Act) -> JSONResponse:
        """Admit the caller, run `act` within the deadline, and answer in any case."""
        began = time.monotonic()
        now = self._parts.clock.now()
        deadline = self._parts.clock.monotonic() + ANSWER_SECONDS
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                body = await read_body(request)
                query = dict(request.query_params)
                call = Call(route, headers_of(request), query, body, now, deadline)
                loop = asyncio.get_running_loop()
                response = await loop.run_in_executor(self._threads, carried(self._run), act, call)
        except BodyTooLarge:
            response = answer.fault(413, "BODY_TOO_LARGE", "the body is over 1 MiB", now)
        except (TimeoutError, ClientDisconnect) as error:
            response = self._failed(error, now)
        note(status=response.status_code)
        self._parts.telemetry.emit(
            Event.INVOCATION_ANSWERED,
            route=route.value,
            status=response.status_code,
            answer_ms=round((time.monotonic() - began) * 1000),
        )
        return response

    def _run(self, act: Act, call: Call) -> JSONResponse:
        """Turn every expected end into an answer."""
        try:
            return act(call, self._admitted(call))
        except Refusal as refusal:
            return answer.refused(refusal, call.now)
        except TokenInvalid as error:
            return answer.fault(401, error.code, error.message, call.now)
        except TenantUnavailable as error:
            return answer.fault(400, error.code, error.message, call.now)
        except FirstryError as error:
            return self._failed(error, call.now)

    def _failed(self, error: Exception, now: datetime) -> JSONResponse:
        code = error.code if isinstance(error, FirstryError) else type(error).__name__
        self._parts.telemetry.emit(Event.INVOCATION_FAILED, detail=code)
        if code.endswith("_EXPORT_ERROR"):
            return answer.fault(500, code, "the file could not be made", now)
        return answer.fault(500, SCHEDULER_ERROR, FAULT.message, now)

    def _admitted(self, call: Call) -> Tenant:
        """Return the tenant whose administrator is calling, or raise. The only way in."""
        named = named_cloud_ids(call.body)
        invocation = self._verifier.verify(call.route, call.headers, named, call.now, call.deadline)
        if not invocation.has_principal:
            raise Refusal(Refused.PRINCIPAL_MISSING)
        if invocation.user_token is None:
            raise Refusal(Refused.USER_TOKEN_MISSING)
        tenant = invocation.tenant
        note(tenant)
        standing = self._permission.standing(tenant, invocation.user_token, call.deadline)
        if standing is not Standing.ADMINISTRATOR:
            raise Refusal(_STANDINGS[standing])
        return tenant

    def _status(self, call: Call, tenant: Tenant) -> JSONResponse:
        """`GET /forge/page/status`: where everything stands, without the report."""
        status = status_of(self._parts.store.read(tenant), call.now, self._parts.policy)
        formats: list[Json] = list(self._publisher.formats)
        body = {"reason": "STATUS", "cloudId": tenant.cloud_id, "formats": formats} | status
        return answer.response(body, 200, call.now)

    def _gadget(self, call: Call, tenant: Tenant) -> JSONResponse:
        """`GET /forge/page/gadget`: the two rows of the gadget need no more than the status."""
        return self._status(call, tenant)

    def _report(self, call: Call, tenant: Tenant) -> JSONResponse:
        """`GET /forge/page/report`: one report as a document, by default the latest."""
        report = self._found(call, tenant)
        document = _checked(lambda: self._publisher.shown(report))
        body: dict[str, Json] = {
            "reason": "REPORT",
            "report_id": report.report_id,
            "trigger": report.trigger,
            "revision": report.revision,
            "digest": report.digest,
            "document": dict(document),
        }
        return answer.response(body, 200, call.now)

    def _download(self, call: Call, tenant: Tenant) -> JSONResponse:
        """`GET /forge/page/download`: one file of a report, as base64, since Forge passes JSON."""
        format_name = call.query.get("format", "")
        if format_name not in self._publisher.formats:
            raise Refusal(Refused.FORMAT_UNKNOWN)
        report = self._found(call, tenant)
        file = _checked(lambda: self._publisher.file(report, format_name))
        if len(file.content) > LARGEST_FILE:
            raise Refusal(Refused.FILE_TOO_LARGE)
        body: dict[str, Json] = {
            "reason": "FILE",
            "name": file.name,
            "media_type": file.media_type,
            "content_base64": base64.b64encode(file.content).decode(),
        }
        return answer.response(body, 200, call.now)

    def _generate(self, call: Call, tenant: Tenant) -> JSONResponse:
        """`POST /forge/page/generate`: ask for a report, and attempt it at once."""
        parts = self._parts
        try:
            asked = request_report(
                parts.store, tenant, REASON, ADMINISTRATOR, call.now, parts.policy
            )
        except NotFound:
            raise Refusal(Refused.INSTALLATION_UNKNOWN) from None
        except Conflict:
            raise self._obstacle(tenant, call.now) from None
        said = generated(parts, self._runner, tenant, asked, call.deadline)
        body: dict[str, Json] = {
            "reason": said.reason,
            "message": said.message,
            "report_id": said.report_id,
            "backoff_expires_at": None if said.wait_end is None else iso(said.wait_end),
        }
        if said.status >= 500:
            return answer.fault(said.status, said.reason, said.message, call.now)
        return answer.response(body, said.status, call.now)

    def _obstacle(self, tenant: Tenant, now: datetime) -> Refusal:
        """Return why a report could not be asked for; the record may have changed since."""
        record = self._parts.store.read(tenant)
        found = availability(record, now, self._parts.policy)
        if found.reason is None:
            return Refusal(Refused.CONFLICT)
        return Refusal(found.reason, found.after)

    def _found(self, call: Call, tenant: Tenant) -> StoredReport:
        """Return the report that the call names, or the tenant's latest; another's is none."""
        record = self._parts.store.read(tenant)
        done = finished(record) if record is not None else []
        wanted = call.query.get("report_id") or (done[0].report_id if done else None)
        is_theirs = any(each.report_id == wanted for each in done)
        report = self._parts.store.report(wanted) if wanted is not None and is_theirs else None
        if report is None or report.tenant != tenant or report.erased_at is not None:
            raise Refusal(Refused.NO_REPORT_AVAILABLE)
        return report


def _checked(make: Callable[[], T]) -> T:
    """Return what is made of a report; of one that does not verify nothing is (P37)."""
    try:
        return make()
    except ReportInvalid:
        raise Refusal(Refused.REPORT_VALIDATION_FAILED) from None
