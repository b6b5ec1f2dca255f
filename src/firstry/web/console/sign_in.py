"""Signing in to the console, and out of it.

A session begins here and nowhere else (`begin`), whoever vouches for the person. Its
secret is made anew each time and the former session of the same browser ends, so a
cookie that somebody planted is worth nothing. The sign-in form has a cookie of its
own, so that nobody can be signed in by another site.

Cookies are `SameSite=Strict`: a link from elsewhere brings none. `crossing` is the page
that asks again from here, so that alert links find who is signed in.
"""

import re
import secrets
from contextlib import suppress
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from firstry.domain.access import AccessDenied, Role, secret_digest
from firstry.domain.console_session import (
    LONGEST,
    SECRET_BYTES,
    ConsoleSession,
    FormRefused,
    opened_form,
    sealed_form,
    session_digest,
    session_secret,
)
from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.ports.console_session import SessionRegister
from firstry.web.console.form import fields_of, form_of, refuse_foreign
from firstry.web.console.limit import SignInLimit
from firstry.web.console.render import HEADERS, page
from firstry.web.console.trouble import Trouble, trouble_of
from firstry.web.console.visit import BASE, FORM, ConsoleParts, Moved, Visit

PATH = f"{BASE}/sign-in"
COOKIE = "__Host-firstry"
DOOR_COOKIE = "__Host-firstry-door"
_RULES = "Path=/; Secure; HttpOnly; SameSite=Strict"
_LOCAL = re.compile(rf"{BASE}(?:[/?][!-\[\]-~]*)?")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def begin(
    parts: ConsoleParts,
    former: str | None,
    name: str,
    role: Role,
    token_id: str | None,
    now: datetime,
) -> str:
    """Begin a session for somebody who has proved to be `name`; return its cookie header.

    The session that the same browser had ends: `former` is its digest. `name` stands in
    the ledger as `operator:name`; `token_id` ends the session with that token.
    """
    secret = session_secret(secrets.token_bytes(SECRET_BYTES))
    session = ConsoleSession(session_digest(secret), name, role, token_id, now, now, now + LONGEST)
    parts.sessions.begin(session, former)
    return f"{COOKIE}={secret}; {_RULES}"


def session_of(sessions: SessionRegister, request: Request, now: datetime) -> ConsoleSession | None:
    """Return the session that the request's cookie opens, if it is a good one."""
    secret = secret_of(request)
    return sessions.good(session_digest(secret), now) if secret else None


def secret_of(request: Request) -> str:
    """Return the secret in the request's cookie, or an empty text."""
    return _cookie(request, COOKIE)


def former_of(request: Request) -> str | None:
    """Return the digest of the session that the request's cookie names, good or not."""
    secret = secret_of(request)
    return session_digest(secret) if secret else None


def sign_out(visit: Visit) -> Moved:
    """End the session; the cookie is worth nothing from then on."""
    visit.parts.sessions.end(visit.session, visit.now)
    return Moved(f"{PATH}?out=yes", f"{COOKIE}=; {_RULES}; Max-Age=0")


def local(to: str) -> str:
    """Return where to go after the sign-in: an address of the console, and no other.

    >>> local("/console/tenants?filter=state%3Dbackoff")
    '/console/tenants?filter=state%3Dbackoff'
    >>> local("https://elsewhere.example/"), local("//elsewhere.example"), local("/console.evil")
    ('/console', '/console', '/console')
    """
    return to if _LOCAL.fullmatch(to) else BASE


def crossing(url: str) -> Response:
    """Return a page that opens `url` once more, from here instead of from another site."""
    return page("crossing.html", {"title": "One moment", "url": local(url)})


class SignIn:
    """The page where one signs in, and the form that it sends."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._limit = SignInLimit()

    def answered(self, request: Request, body: bytes, now: datetime) -> Response:
        """Answer GET and POST of the sign-in page."""
        to = BASE
        try:
            query = fields_of(request.url.query)
            to = local(query.get("to", ""))
            if request.method != "POST":
                return self._asked(request, query, to, now)
            refuse_foreign(request, self._parts.public_url)
            form = form_of(request, body)
            to = local(form.get("to", ""))
            _refuse_unless_ours(request, form.get(FORM, ""), now)
            cookie = self._signed_in(request, form.get("token", ""), now)
            return RedirectResponse(to, 303, {**HEADERS, "set-cookie": cookie})
        except FirstryError as error:
            return self._page(request, to, now, trouble_of(error))

    def _asked(self, request: Request, query: dict[str, str], to: str, now: datetime) -> Response:
        if session_of(self._parts.sessions, request, now) is not None:
            return RedirectResponse(to, 303, HEADERS)
        return self._page(request, to, now, is_out=query.get("out") == "yes")

    def _signed_in(self, request: Request, secret: str, now: datetime) -> str:
        address = request.client.host if request.client is not None else ""
        self._limit.refuse_if_over(address, now)
        try:
            token = self._parts.tokens.by_digest(secret_digest(secret.strip()))
            if token is None:
                raise AccessDenied("this is no token of this service", "ask for a new one")
            token.refuse_unless_good(now)
        except AccessDenied:
            self._limit.note_failure(address, now)
            raise
        with suppress(StoreUnavailable):  # a note that is lost refuses nobody
            self._parts.tokens.note_use(token, now)
        former = former_of(request)
        return begin(self._parts, former, token.name, token.role, token.token_id, now)

    def _page(
        self,
        request: Request,
        to: str,
        now: datetime,
        trouble: Trouble | None = None,
        *,
        is_out: bool = False,
    ) -> Response:
        door = _cookie(request, DOOR_COOKIE) or session_secret(secrets.token_bytes(SECRET_BYTES))
        context = {
            "title": "Sign in",
            "to": to,
            "word": sealed_form(door, PATH, secrets.token_bytes(16), now),
            "path": PATH,
            "trouble": trouble,
            "is_out": is_out,
            "ways": self._parts.ways,
        }
        status = trouble.status if trouble is not None else 200
        cookie = {"set-cookie": f"{DOOR_COOKIE}={door}; {_RULES}"}
        return page("sign_in.html", context, status, cookie)


def _refuse_unless_ours(request: Request, word: str, now: datetime) -> None:
    door = _cookie(request, DOOR_COOKIE)
    if not door:
        raise FormRefused(
            "your browser did not send the cookie of this page back",
            "the console needs https, or localhost, and cookies; then send the form once more",
        )
    opened_form(door, PATH, word, now)


def _cookie(request: Request, name: str) -> str:
    found = request.cookies.get(name, "")
    return found if _SECRET.fullmatch(found) else ""
