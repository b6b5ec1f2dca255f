"""Errors as `application/problem+json` (RFC 9457): what is wrong, where, what to do.

`code` is stable; `detail` and `remedy` are for people. Where a place can be named, it
is: `position` in a filter, `field` in a body. A conflict shows the present state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import JSONResponse

from firstry.domain.access import AccessDenied
from firstry.domain.canonical import Json
from firstry.domain.errors import EraseNotAllowed, FirstryError
from firstry.domain.filter_text import FilterInvalid
from firstry.web.api.schema import FieldInvalid
from firstry.web.header import NEVER_STORED
from firstry.web.status import Statuses, status_of

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
RATE_RETRY_SECONDS = 600
_STATUSES: Statuses = ((AccessDenied, 401), (EraseNotAllowed, 403))
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"www-authenticate": "Bearer"},
    429: {"retry-after": str(RATE_RETRY_SECONDS)},
    503: {"retry-after": str(RETRY_SECONDS)},
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as it is answered. `more` are further members of the document."""

    status: int
    code: str
    detail: str
    remedy: str = ""
    more: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        """Return the answer."""
        document: dict[str, Json] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "remedy": self.remedy,
            **self.more,
        }
        headers = {**_HEADERS.get(self.status, {}), **self.headers, **NEVER_STORED}
        return JSONResponse(document, self.status, headers, MEDIA_TYPE)


def problem_of(error: FirstryError, present: Mapping[str, Json] | None = None) -> Problem:
    """Return the problem that an error is; `present` is shown with a conflict."""
    status = status_of(error, _STATUSES)
    more: dict[str, Json] = {}
    if isinstance(error, FilterInvalid):
        more = {"position": error.position, "example": error.example}
    if isinstance(error, FieldInvalid):
        more = {"field": error.field}
    if status in (409, 429):
        more |= present or {}
    return Problem(status, error.code, error.message, error.remedy, more)


TOO_LARGE = Problem(413, "BODY_TOO_LARGE", "the body is over 1 MiB", "send less")
TIMED_OUT = Problem(503, "TIMED_OUT", "the answer took too long", "ask again, for less at a time")
NO_ROUTE = Problem(404, "NOT_FOUND", "there is nothing at this path", "see /openapi.json")
CUT_OFF = Problem(400, "BODY_CUT_OFF", "the request ended before its body did", "send it whole")


def not_allowed(methods: str) -> Problem:
    """Return the problem of a method that a path does not take."""
    return Problem(
        405,
        "METHOD_NOT_ALLOWED",
        "this path takes another method",
        f"it takes {methods}",
        headers={"allow": methods},
    )
