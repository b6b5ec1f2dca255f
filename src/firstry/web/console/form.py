"""What a browser sends: the query of a page, and forms that must be ours.

A form counts only if the browser says that one of our own pages sent it (`Origin`), if
its hidden word belongs to the session and to this path, and if that word is fresh and
was not used before. The word is spent before the act, so that one form never acts
twice, even if two requests bring it at the same moment.
"""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from firstry.domain.console_session import OriginForeign, form_spent, opened_form
from firstry.domain.errors import InputInvalid
from firstry.ports.console_session import SessionRegister
from firstry.web.console.visit import FORM

MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 50


def fields_of(text: str) -> dict[str, str]:
    """Return query or form as names with values, or raise InputInvalid."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InputInvalid(f"there are more than {MOST_FIELDS} fields", "send fewer") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise InputInvalid("a field is there twice", "give each one once")
    return fields


def form_of(request: Request, body: bytes) -> dict[str, str]:
    """Return the fields of the form that was sent, or raise InputInvalid."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise InputInvalid("this is no form of a page", f"send it as {MEDIA_TYPE}")
    try:
        return fields_of(body.decode())
    except UnicodeDecodeError:
        raise InputInvalid("the form is not UTF-8", "send it as the page does") from None


def refuse_foreign(request: Request, public_url: str | None) -> None:
    """Raise OriginForeign unless a page of this service sent the request.

    That is one with the host that was asked for, or with the one that `PUBLIC_URL` names:
    a proxy may have changed the first.
    """
    said = _origin_of(request)
    own = {request.headers.get("host", "").lower()}
    if public_url is not None:
        own.add(urlsplit(public_url).netloc.lower())
    if said is None or said not in own:
        raise OriginForeign(
            "nothing was changed: the form was not sent by a page of this console",
            "open the console itself and do it there; behind a proxy, PUBLIC_URL must be the "
            "address in the browser",
        )


def _origin_of(request: Request) -> str | None:
    """Return host and port of the page that sent the request; None unless it is a web page."""
    try:
        said = urlsplit(request.headers.get("origin", ""))
    except ValueError:
        return None
    return said.netloc.lower() or None if said.scheme in ("http", "https") else None


def spend(
    sessions: SessionRegister, secret: str, path: str, form: Mapping[str, str], now: datetime
) -> None:
    """Use the form up, or raise FormRefused."""
    if not sessions.spend(opened_form(secret, path, form.get(FORM, ""), now), now):
        raise form_spent()
