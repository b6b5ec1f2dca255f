"""What the page's routes answer, and every reason for which they refuse.

Fixed sentences, as on the other Forge routes: no error text, no token, nothing
of another site. The words are ours, so the language guard reads them too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from starlette.responses import JSONResponse

from firstry.domain.canonical import Json
from firstry.domain.instant import iso
from firstry.web.header import NEVER_STORED


class Refused(StrEnum):
    """Why a call from a page gets nothing."""

    PRINCIPAL_MISSING = "PRINCIPAL_MISSING"
    USER_TOKEN_MISSING = "USER_TOKEN_MISSING"
    USER_TOKEN_REFUSED = "USER_TOKEN_REFUSED"
    ADMINISTRATOR_REQUIRED = "ADMINISTRATOR_REQUIRED"
    PERMISSION_UNKNOWN = "PERMISSION_UNKNOWN"
    NO_REPORT_AVAILABLE = "NO_REPORT_AVAILABLE"
    FORMAT_UNKNOWN = "FORMAT_UNKNOWN"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    REPORT_VALIDATION_FAILED = "REPORT_VALIDATION_FAILED"
    INSTALLATION_UNKNOWN = "INSTALLATION_UNKNOWN"
    UNINSTALLED = "UNINSTALLED"
    PAUSED = "PAUSED"
    SWITCHED_OFF = "SWITCHED_OFF"
    GENERATION_IN_PROGRESS = "GENERATION_IN_PROGRESS"
    MANUAL_RATE_EXCEEDED = "MANUAL_RATE_EXCEEDED"
    CONFLICT = "CONFLICT"


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a refusal is answered."""

    status: int
    message: str


MEANINGS: Mapping[Refused, Meaning] = {
    Refused.PRINCIPAL_MISSING: Meaning(
        403, "Jira did not say that anybody is signed in. Sign in to Jira and open the page again."
    ),
    Refused.USER_TOKEN_MISSING: Meaning(
        403,
        "Jira did not let the app ask about your permissions. Open the page again, and allow "
        "the app to act for you if Jira asks.",
    ),
    Refused.USER_TOKEN_REFUSED: Meaning(
        403,
        "Jira did not accept the app's question about your permissions. Open the page again; "
        "if it stays so, sign out of Jira and in again.",
    ),
    Refused.ADMINISTRATOR_REQUIRED: Meaning(
        403,
        "Only people with the Jira permission Administer Jira may see the trust report. Ask an "
        "administrator of this site to send it to you.",
    ),
    Refused.PERMISSION_UNKNOWN: Meaning(
        503,
        "Jira did not answer whether you administer this site, so nothing is shown. Try again in "
        "a moment.",
    ),
    Refused.NO_REPORT_AVAILABLE: Meaning(404, "There is no such report of this site."),
    Refused.FORMAT_UNKNOWN: Meaning(400, "There is no such format."),
    Refused.FILE_TOO_LARGE: Meaning(
        413,
        "The file is larger than Jira passes on to a page. Ask the publisher of the app for it.",
    ),
    Refused.REPORT_VALIDATION_FAILED: Meaning(
        400,
        "The stored report does not verify, so it is neither shown nor exported. The publisher "
        "of the app has been told.",
    ),
    Refused.INSTALLATION_UNKNOWN: Meaning(
        409, "The installation of the app on this site is not recorded yet."
    ),
    Refused.UNINSTALLED: Meaning(409, "The app was uninstalled from this site."),
    Refused.PAUSED: Meaning(409, "The publisher of the app has paused reports for this site."),
    Refused.SWITCHED_OFF: Meaning(
        409, "The publisher of the app has switched reports on request off."
    ),
    Refused.GENERATION_IN_PROGRESS: Meaning(409, "A report is being made already."),
    Refused.MANUAL_RATE_EXCEEDED: Meaning(
        429, "As many reports as an hour allows were asked for. Ask again later."
    ),
    Refused.CONFLICT: Meaning(409, "The report cannot be asked for at the moment. Try again."),
}


class Refusal(Exception):
    """Ends a call with a reason. `after` is when the same call may succeed, where it is known."""

    def __init__(self, reason: Refused, after: datetime | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.after = after


def response(body: Mapping[str, Json], status: int, now: datetime) -> JSONResponse:
    """Return an answer that no cache keeps."""
    whole = {"success": status == 200, **body, "timestamp": iso(now)}
    return JSONResponse(whole, status, NEVER_STORED)


def refused(refusal: Refusal, now: datetime) -> JSONResponse:
    """Return the answer to a call that ended with a reason of the page's own."""
    meaning = MEANINGS[refusal.reason]
    body: dict[str, Json] = {"after": iso(refusal.after)} if refusal.after else {}
    return fault(meaning.status, refusal.reason, meaning.message, now, body)


def fault(
    status: int, code: str, message: str, now: datetime, more: Mapping[str, Json] | None = None
) -> JSONResponse:
    """Return an answer that is neither 200 nor 202: `reason` and `error_code` are the same."""
    told: dict[str, Json] = {"reason": code, "error_code": code, "message": message}
    return response(told | dict(more or {}), status, now)
