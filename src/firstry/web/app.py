"""The service's routes, and what is answered where no route fits."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firstry.insight.health import OK, readiness
from firstry.ports.clock import Clock
from firstry.ports.pulse import Pulse
from firstry.ports.store import Store
from firstry.ports.telemetry import Event, Telemetry
from firstry.web.api.call import BASE as API_BASE
from firstry.web.api.endpoint import Api
from firstry.web.api.endpoint import unexpected as api_defect
from firstry.web.console.endpoint import Console
from firstry.web.console.endpoint import unexpected as console_defect
from firstry.web.console.visit import BASE as CONSOLE_BASE
from firstry.web.page.endpoint import Page
from firstry.web.remote import answer
from firstry.web.remote.endpoint import Remote
from firstry.web.well_known import Published, keys_route

Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(
    store: Store,
    clock: Clock,
    telemetry: Telemetry,
    remote: Remote | None,
    published_keys: Published,
    page: Page | None = None,
    api: Api | None = None,
    metrics: Route | None = None,
    pulse: Pulse | None = None,
    console: Console | None = None,
    more: Sequence[Route] = (),
) -> Starlette:
    """Return the ASGI application. Without `remote` it serves health and keys (role worker)."""

    async def ready(_: Request) -> JSONResponse:
        checks = await run_in_threadpool(readiness, store, clock, pulse)
        is_fit = all(check == OK for check in checks.values())
        status = "ready" if is_fit else "not ready"
        return JSONResponse({"status": status, "checks": checks}, 200 if is_fit else 503)

    async def no_route(_: Request, error: Exception) -> Response:
        return _no_route(clock, error)

    async def unexpected(request: Request, error: Exception) -> Response:
        telemetry.emit(Event.INVOCATION_FAILED, detail=type(error).__name__)
        if request.url.path.startswith(API_BASE):
            return api_defect()
        if request.url.path.startswith(CONSOLE_BASE):
            return console_defect()
        now = clock.now()
        return answer.refusal(500, answer.SCHEDULER_ERROR, answer.FAULT.message, now)

    routes: list[Route] = []
    if remote is not None:  # first: nearly every call is a tick
        routes += _both("/forge/tick", remote.tick)
        routes += _both("/forge/lifecycle", remote.lifecycle)
        routes += _both("/forge/uninstall", remote.uninstall)
    routes += [Route("/healthz", _alive), Route("/readyz", ready), keys_route(published_keys)]
    if metrics is not None:
        routes.append(metrics)
    if page is not None:
        routes += page.routes()
    if api is not None:
        routes += api.routes()
    routes += more
    if console is not None:
        routes += console.routes()
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: no_route,
            Exception: unexpected,
        },
    )
    app.router.redirect_slashes = False
    return app


def _both(path: str, endpoint: Endpoint) -> list[Route]:
    """Serve `path` with and without a trailing slash: Forge follows no redirect."""
    return [Route(p, endpoint, methods=["POST"]) for p in (path, path + "/")]


async def _alive(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _no_route(clock: Clock, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    code, message = {
        404: ("NOT_FOUND", "there is nothing at this path"),
        405: ("METHOD_NOT_ALLOWED", "this path takes another method"),
    }.get(status, (answer.SCHEDULER_ERROR, answer.FAULT.message))
    return answer.refusal(status, code, message, clock.now(), headers)
