"""Errors as people see them: what happened, why, what to do; and with which status."""

from dataclasses import dataclass
from http import HTTPStatus

from firstry.domain.access import AccessDenied
from firstry.domain.console_session import FormRefused, OriginForeign, SignInLimited
from firstry.domain.errors import FirstryError
from firstry.domain.identity import ProviderUnavailable
from firstry.web.status import Statuses, status_of

_STATUSES: Statuses = (
    (AccessDenied, 403),
    (FormRefused, 403),
    (OriginForeign, 403),
    (SignInLimited, 429),
    (ProviderUnavailable, 503),
)
_TITLES = {
    400: "That cannot be used",
    401: "You are not signed in",
    403: "That is not allowed",
    404: "There is nothing here",
    405: "This address takes another method",
    409: "That does not fit the present state",
    410: "That was erased",
    413: "That is too much at once",
    429: "Too much within a short time",
    503: "firstry cannot answer at the moment",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One error on a page. `code` is stable; the other texts are for people."""

    status: int
    code: str
    message: str
    remedy: str

    @property
    def title(self) -> str:
        """What kind of trouble it is."""
        return _TITLES.get(self.status, HTTPStatus(self.status).phrase)


def trouble_of(error: FirstryError) -> Trouble:
    """Return the trouble that an error is."""
    return Trouble(status_of(error, _STATUSES), error.code, error.message, error.remedy)


NOT_SIGNED_IN = Trouble(
    401,
    "NOT_SIGNED_IN",
    "nothing was changed: your session is over, or there was none",
    "sign in, open the page again and send its form",
)
TOO_LARGE = Trouble(413, "BODY_TOO_LARGE", "the form is over 1 MiB", "send less")
TIMED_OUT = Trouble(503, "TIMED_OUT", "the answer took too long", "ask for less, or once more")
CUT_OFF = Trouble(400, "BODY_CUT_OFF", "the request ended before its form did", "send it again")
NO_ROUTE = Trouble(404, "NOT_FOUND", "the console has no such page", "begin at the overview")
DEFECT = Trouble(500, "DEFECT", "firstry broke a rule of its own", "please report it")


def not_allowed(methods: str) -> Trouble:
    """Return the trouble of a method that an address does not take."""
    return Trouble(
        405,
        "METHOD_NOT_ALLOWED",
        f"nothing was changed: this address takes {methods}",
        "use the buttons of the console; addresses that change something cannot be opened",
    )
