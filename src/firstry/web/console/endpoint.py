"""The door of the console: who is it, may they, is the form ours, then the screen.

The order is fixed. Without a session nothing is told but where to sign in; with too
small a role nothing is looked at but the role; only then is a form read, and only a form
that is ours, fresh and sent for the first time gets to its act. Whatever happens, the
answer is a page that says what to do. The screens run in threads of their own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as WebRoute
from starlette.types import Receive, Scope, Send

from firstry.domain.console_session import ConsoleSession
from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.ports.telemetry import Event
from firstry.web.console import sign_in
from firstry.web.console.form import fields_of, form_of, refuse_foreign, spend
from firstry.web.console.render import FILE_POLICY, HEADERS, page, static_file
from firstry.web.console.route import NAVIGATION, ROUTES
from firstry.web.console.sign_in import SignIn, secret_of, session_of
from firstry.web.console.trouble import (
    CUT_OFF,
    DEFECT,
    NO_ROUTE,
    NOT_SIGNED_IN,
    TIMED_OUT,
    TOO_LARGE,
    Trouble,
    not_allowed,
    trouble_of,
)
from firstry.web.console.visit import (
    BASE,
    ConsoleParts,
    ConsoleRoute,
    Download,
    Listed,
    Moved,
    Page,
    View,
    Visit,
)
from firstry.web.remote.body import BodyTooLarge, read_body
from firstry.web.stream import table_response

THREADS = 8
ANSWER_SECONDS = 20.0
RETRY_SECONDS = 5
WITH_STATE = (400, 404, 409, 429)
"""The refusals of an act that are shown on the screen it belongs to."""


class Console:
    """The routes below `/console`."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="console")
        self._sign_in = SignIn(parts)

    def routes(self) -> list[WebRoute]:
        """Return the routes; each path answers every method, also those it does not take."""
        paths: dict[str, dict[str, ConsoleRoute]] = {}
        for route in ROUTES:
            paths.setdefault(BASE + route.path, {})[route.method] = route
        return [
            WebRoute(f"{BASE}/static/{{name}}", _Open({"GET": _static})),
            WebRoute(sign_in.PATH, _Open({"GET": self._signing_in, "POST": self._signing_in})),
            *(WebRoute(path, _Path(self, methods)) for path, methods in paths.items()),
            WebRoute(f"{BASE}/", _Path(self, paths[BASE])),
            WebRoute(f"{BASE}/{{rest:path}}", _Path(self, {})),
        ]

    def close(self) -> None:
        """Wait for the visits that are under way; each is bounded by the store's waits."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def answered(self, route: ConsoleRoute, request: Request) -> Response:
        """Answer one request to an address of the table, in any case."""
        return await _in_any_case(self._answer(route, request))

    async def _signing_in(self, request: Request) -> Response:
        return await _in_any_case(self._sign(request))

    async def _sign(self, request: Request) -> Response:
        loop, now = asyncio.get_running_loop(), self._parts.insight.clock.now()
        body = await read_body(request)
        return await loop.run_in_executor(self._threads, self._sign_in.answered, request, body, now)

    async def _answer(self, route: ConsoleRoute, request: Request) -> Response:
        loop, now = asyncio.get_running_loop(), self._parts.insight.clock.now()
        try:
            session = await loop.run_in_executor(self._threads, self._admitted, route, request, now)
        except FirstryError as error:
            return alone(trouble_of(error))
        if session is None:
            return _unsigned(request)
        body = await read_body(request) if route.method == "POST" else b""
        return await loop.run_in_executor(
            self._threads, self._served, route, session, request, body, now
        )

    def _admitted(
        self, route: ConsoleRoute, request: Request, now: datetime
    ) -> ConsoleSession | None:
        """Return the visitor's session, None without a good one, or raise RoleInsufficient."""
        session = session_of(self._parts.sessions, request, now)
        if session is None:
            return None
        session.refuse_unless_may(route.role)
        with suppress(StoreUnavailable):  # a note that is lost refuses nobody
            self._parts.sessions.note_seen(session, now)
        return session

    def _served(
        self,
        route: ConsoleRoute,
        session: ConsoleSession,
        request: Request,
        body: bytes,
        now: datetime,
    ) -> Response:
        visit: Visit | None = None
        try:
            form: Mapping[str, str] = {}
            secret = secret_of(request)
            if route.method == "POST":
                refuse_foreign(request, self._parts.public_url)
                form = form_of(request, body)
                spend(self._parts.sessions, secret, request.url.path, form, now)
            query = fields_of(request.url.query)
            visit = Visit(
                self._parts,
                session,
                secret,
                _url_of(request),
                request.path_params,
                query,
                form,
                now,
            )
            answer = route.screen(visit)
            if isinstance(answer, Listed):
                return table_response(
                    answer.table,
                    answer.format,
                    self._threads,
                    HEADERS,
                    is_head=request.method == "HEAD",
                )
        except FirstryError as error:
            return self._refused(route, visit, trouble_of(error))
        if route.method == "POST":
            self._told(route, 303)
        return respond(visit, answer)

    def _refused(self, route: ConsoleRoute, visit: Visit | None, trouble: Trouble) -> Response:
        if visit is None:
            return alone(trouble)
        if route.method == "POST":
            self._told(route, trouble.status)
        if route.shows is not None and trouble.status in WITH_STATE:
            with suppress(FirstryError):  # the refusal stands, also where its state is not seen
                return respond(visit, route.shows(visit), trouble)
        return respond(visit, View("trouble.html", trouble.title), trouble)

    def _told(self, route: ConsoleRoute, status: int) -> None:
        telemetry = self._parts.telemetry
        telemetry.emit(Event.OPERATOR_ACTED, route=f"console {route.path}", status=status)


class _Path:
    """One address of the table, as an ASGI application, so that it may answer every method."""

    def __init__(self, console: Console, methods: Mapping[str, ConsoleRoute]) -> None:
        self._console, self._methods = console, methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        route = self._methods.get("GET" if request.method == "HEAD" else request.method)
        if route is not None:
            response = await self._console.answered(route, request)
        else:
            response = _no_method(self._methods)
        await response(scope, receive, send)


class _Open:
    """An address that needs no session."""

    def __init__(self, methods: Mapping[str, Callable[[Request], Awaitable[Response]]]) -> None:
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answering = self._methods.get("GET" if request.method == "HEAD" else request.method)
        response = await answering(request) if answering else _no_method(self._methods)
        await response(scope, receive, send)


def _no_method(methods: Iterable[str]) -> Response:
    """Return what is answered to another method than these; to any, if there are none."""
    allowed = [*methods]
    if not allowed:
        return alone(NO_ROUTE)
    named = ", ".join([*allowed, *(["HEAD"] if "GET" in allowed else [])])
    return alone(not_allowed(named), {"allow": named})


async def _in_any_case(answering: Awaitable[Response]) -> Response:
    """Return the answer, or the page that says why there is none."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answering
    except BodyTooLarge:
        return alone(TOO_LARGE)
    except TimeoutError:
        return alone(TIMED_OUT)
    except ClientDisconnect:
        return alone(CUT_OFF)


def respond(visit: Visit, answer: Page, trouble: Trouble | None = None) -> Response:
    """Return what a screen or an act gave back, as an answer."""
    if isinstance(answer, Moved):
        headers = {**HEADERS, **({"set-cookie": answer.cookie} if answer.cookie else {})}
        return RedirectResponse(answer.location, 303, headers)
    if isinstance(answer, Download):
        how = "inline" if answer.is_shown else "attachment"
        headers = {
            **HEADERS,
            "content-security-policy": FILE_POLICY,
            "content-disposition": f'{how}; filename="{answer.file.name}"',
        }
        return Response(answer.file.content, 200, headers, answer.file.media_type)
    context = {
        "title": answer.title,
        "visit": visit,
        "session": visit.session,
        "now": visit.now,
        "navigation": NAVIGATION,
        "trouble": trouble,
        "live": None if trouble is not None else visit.url.partition("?did=")[0],
        "sealed": visit.sealed,
        **answer.context,
    }
    status = trouble.status if trouble is not None else answer.status
    return page(answer.template, context, status, _retry_after(status))


def alone(trouble: Trouble, headers: Mapping[str, str] | None = None) -> Response:
    """Return a trouble as a page of its own, for whoever it may be."""
    context = {"title": trouble.title, "trouble": trouble}
    more = {**_retry_after(trouble.status), **(headers or {})}
    return page("alone.html", context, trouble.status, more)


def unexpected() -> Response:
    """Return what is answered where a screen broke a rule of its own."""
    return alone(DEFECT)


def _retry_after(status: int) -> dict[str, str]:
    return {"retry-after": str(RETRY_SECONDS)} if status == 503 else {}


def _unsigned(request: Request) -> Response:
    """Send a visitor without a session to sign in, and back afterwards."""
    to = f"{sign_in.PATH}?to={quote(_url_of(request), safe='')}"
    if request.method == "POST":
        return alone(NOT_SIGNED_IN)
    if request.headers.get("hx-request") == "true":
        return alone(NOT_SIGNED_IN, {"hx-redirect": to})
    if request.headers.get("sec-fetch-site") == "cross-site":
        return sign_in.crossing(_url_of(request))
    return RedirectResponse(to, 303, HEADERS)


def _url_of(request: Request) -> str:
    """Return path and query as they were asked for, without anything that is not ASCII."""
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.url.path + query, safe="/?&=%+~,:!*'()@$;-._")


async def _static(request: Request) -> Response:
    return static_file(request.path_params["name"]) or alone(NO_ROUTE)
