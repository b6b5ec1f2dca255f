"""`/.well-known/firstry-keys.json`: the public keys that reports are verified with.

Public, and the same for everybody: whoever verifies a report fetches it from
the publisher of the app, over TLS, instead of taking a key from the report.
"""

from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from firstry.domain.canonical import Json
from firstry.domain.errors import FirstryError

PATH = "/.well-known/firstry-keys.json"
FRESH_SECONDS = 300
RETRY_SECONDS = 30

Published = Callable[[], Mapping[str, Json]]


def keys_route(published: Published) -> Route:
    """Return the route that answers with what `published` returns, 503 while it cannot."""

    async def keys(_: Request) -> JSONResponse:
        try:
            document = await run_in_threadpool(published)
        except FirstryError as error:
            headers = {"cache-control": "no-store", "retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"reason": error.code, "message": error.message}, 503, headers)
        headers = {
            "cache-control": f"public, max-age={FRESH_SECONDS}",
            "x-content-type-options": "nosniff",
        }
        return JSONResponse(document, headers=headers)

    return Route(PATH, keys)
