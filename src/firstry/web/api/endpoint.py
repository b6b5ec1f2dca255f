"""The door of the operators' API: who calls, may they, what do they ask, then the endpoint.

The order is fixed. Without a good token nothing is told but 401; with too small a role
nothing is looked at but the role; only then are query and body read and checked. The
endpoints run in threads of their own, so that operators never wait for ticks nor
ticks for operators.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as WebRoute
from starlette.types import Receive, Scope, Send

from firstry.domain.access import AccessDenied, ApiToken, secret_digest
from firstry.domain.errors import FirstryError, InputInvalid, NotFound, StoreUnavailable
from firstry.ports.telemetry import Event
from firstry.web.api import act, openapi
from firstry.web.api.call import ApiParts, ApiRoute, Call, Reply
from firstry.web.api.problem import (
    CUT_OFF,
    NO_ROUTE,
    TIMED_OUT,
    TOO_LARGE,
    Problem,
    not_allowed,
    problem_of,
)
from firstry.web.api.route import ROUTES
from firstry.web.api.schema import check_body, check_query
from firstry.web.header import NEVER_STORED
from firstry.web.remote.body import BodyTooLarge, read_body
from firstry.web.stream import table_response

THREADS = 8
ANSWER_SECONDS = 20.0
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_KEY = re.compile(r"[!-~]{1,100}")


class Api:
    """The routes below `/api/v1` and their description."""

    def __init__(self, parts: ApiParts, version: str) -> None:
        self._parts = parts
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")
        self._document = openapi.document(version)

    def routes(self) -> list[WebRoute]:
        """Return the routes; each path answers every method, also those it does not take."""
        paths: dict[str, dict[str, ApiRoute]] = {}
        for route in ROUTES:
            paths.setdefault(route.address, {})[route.method] = route
        return [
            WebRoute(openapi.PATH, self._described),
            *(WebRoute(path, _Path(self, methods)) for path, methods in paths.items()),
            WebRoute("/api/{rest:path}", _Path(self, {})),
        ]

    def health_routes(self) -> list[WebRoute]:
        """Return those alone that every process serves, a worker too."""
        return [
            WebRoute(route.address, _Path(self, {route.method: route}))
            for route in ROUTES
            if not route.base
        ]

    def close(self) -> None:
        """Wait for the calls that are under way; each is bounded by the store's waits."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def answered(self, route: ApiRoute, request: Request) -> Response:
        """Answer one request in any case."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._answer(route, request)
        except BodyTooLarge:
            return TOO_LARGE.response()
        except TimeoutError:
            return TIMED_OUT.response()
        except ClientDisconnect:
            return CUT_OFF.response()

    async def _answer(self, route: ApiRoute, request: Request) -> Response:
        loop, now = asyncio.get_running_loop(), self._parts.insight.clock.now()
        secret = request.headers.getlist("authorization")
        try:
            token = await loop.run_in_executor(self._threads, self._admitted, route, secret, now)
        except FirstryError as error:
            return problem_of(error).response()
        body = await read_body(request) if route.body is not None else b""
        return await loop.run_in_executor(
            self._threads, self._served, route, token, request, body, now
        )

    def _admitted(self, route: ApiRoute, headers: list[str], now: datetime) -> ApiToken:
        """Return the caller's token, or raise AccessDenied or RoleInsufficient."""
        scheme, _, secret = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        if scheme.lower() != "bearer":
            raise AccessDenied(
                "this needs a token of this service",
                "send `Authorization: Bearer ...`; `firstry tokens create` makes one",
            )
        token = self._parts.tokens.by_digest(secret_digest(secret.strip()))
        if token is None:
            raise AccessDenied("this is no token of this service", "ask for a new one")
        token.refuse_unless_good(now)
        token.refuse_unless_may(route.role)
        with suppress(StoreUnavailable):  # a note that is lost refuses nobody
            self._parts.tokens.note_use(token, now)
        return token

    def _served(
        self, route: ApiRoute, token: ApiToken, request: Request, body: bytes, now: datetime
    ) -> Response:
        call: Call | None = None
        try:
            call = self._call(route, token, request, body, now)
            reply = route.endpoint(call)
            if route.body is not None:
                self._parts.telemetry.emit(
                    Event.OPERATOR_ACTED, route=route.operation_id, status=reply.status
                )
            if reply.table is not None:
                is_head = request.method == "HEAD"
                return table_response(*reply.table, self._threads, is_head=is_head)
            return _response(reply)
        except FirstryError as error:
            return self._refused(call, error)

    def _refused(self, call: Call | None, error: FirstryError) -> Response:
        problem = problem_of(error)
        if call is not None and problem.status in (409, 429):
            with suppress(FirstryError):  # the refusal stands, also where its state is not seen
                problem = problem_of(error, act.present(call, error))
        return problem.response()

    def _call(
        self, route: ApiRoute, token: ApiToken, request: Request, body: bytes, now: datetime
    ) -> Call:
        query: dict[str, str | int] = {}
        for name, text in request.query_params.multi_items():
            if name in query:
                raise InputInvalid(f"the parameter {name[:40]!r} is there twice", "give it once")
            query[name] = check_query(route.query, name, text)
        content: Mapping[str, Any] = {}
        if route.body is not None:
            content = check_body(route.body, _parsed(body))
        key = request.headers.get("idempotency-key") if route.takes_key else None
        if key is not None and not _KEY.fullmatch(key):
            raise InputInvalid("Idempotency-Key is not 1 to 100 printable characters", "or omit it")
        if not all(_ID.fullmatch(text) for text in request.path_params.values()):
            raise NotFound("there is nothing with this name", "see /openapi.json")
        return Call(self._parts, token, request.path_params, query, content, key, now)

    async def _described(self, _: Request) -> Response:
        return JSONResponse(self._document, headers=NEVER_STORED)


class _Path:
    """One path, as an ASGI application, so that it may answer every method itself."""

    def __init__(self, api: Api, methods: Mapping[str, ApiRoute]) -> None:
        self._api, self._methods = api, methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        route = self._methods.get("GET" if request.method == "HEAD" else request.method)
        response: Response
        if route is not None:
            response = await self._api.answered(route, request)
        elif self._methods:
            allowed = [*self._methods, *(["HEAD"] if "GET" in self._methods else [])]
            response = not_allowed(", ".join(allowed)).response()
        else:
            response = NO_ROUTE.response()
        await response(scope, receive, send)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise InputInvalid("the body is not JSON", 'for example {"reason": "case 17"}') from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputInvalid("a field of the body is there twice", "give each one once")
    return found


def _response(reply: Reply) -> Response:
    headers = {**NEVER_STORED, **reply.headers}
    if reply.document is not None:
        return JSONResponse(reply.document, reply.status, headers)
    return Response(reply.content, reply.status, headers, reply.media_type)


def unexpected() -> Response:
    """Return what is answered where an endpoint broke a rule of its own."""
    phrase = HTTPStatus.INTERNAL_SERVER_ERROR.phrase
    return Problem(500, "DEFECT", phrase, "please report it").response()
