"""`GET /metrics`: open, or for whoever shows the one token that the settings name."""

import asyncio
import hmac
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/metrics"


def metrics_route(exposed: Callable[[], bytes], media_type: str, token: str | None) -> Route:
    """Return the route; without a `token` everybody may read what `exposed` returns."""

    async def metrics(request: Request) -> Response:
        if token is not None and not _is_shown(token, request.headers.get("authorization", "")):
            headers = {"www-authenticate": 'Bearer realm="firstry metrics"'}
            return Response("a bearer token is needed: FIRSTRY_METRICS_TOKEN\n", 401, headers)
        content = await asyncio.get_running_loop().run_in_executor(None, exposed)
        headers = {"content-type": media_type, "cache-control": "no-store"}
        return Response(content, headers=headers)

    return Route(PATH, metrics)


def _is_shown(token: str, authorization: str) -> bool:
    """Compare in a time that tells nothing of the token."""
    scheme, _, shown = authorization.partition(" ")
    is_same = hmac.compare_digest(shown.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and is_same
