"""Sign in to the console by OpenID Connect: the authorization code flow with PKCE.

Two addresses. One sends the browser to the provider, with a sealed cookie that says what
is awaited; the other takes the answer. An answer counts once, in the browser that began,
within ten minutes, if its state is the one that was sent. Only then the provider is
asked for the token, and only a token that holds in every respect begins a session.

Coming back is a GET of another site, so the cookie is `SameSite=Lax`; what it can do is to
sign in the very person whom the provider names, which is what the browser was sent for.
The session's own cookie is strict and does not come along, so the sealed one says which
session ends; a sign-in that another site begins is begun once more from here for it.
"""

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as WebRoute

from firstry.domain.console_session import session_digest
from firstry.domain.errors import FirstryError
from firstry.domain.identity import SignInRefused
from firstry.ports.telemetry import Event
from firstry.web.console import sign_in
from firstry.web.console.endpoint import alone
from firstry.web.console.form import fields_of
from firstry.web.console.limit import SignInLimit
from firstry.web.console.render import HEADERS
from firstry.web.console.trouble import not_allowed, trouble_of
from firstry.web.console.visit import ConsoleParts, Way
from firstry.web.oidc.pending import LIFE, Pending, PendingSeal, pending_at
from firstry.web.oidc.person import person_of
from firstry.web.oidc.provider import Provider

PATH = f"{sign_in.PATH}/oidc"
BACK = f"{PATH}/callback"
COOKIE = "__Host-firstry-oidc"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""What is answered; only the first is taken."""
THREADS = 4
LONGEST_TO = 1000
"""Longer addresses, in characters, do not fit into the cookie; the overview is shown then."""
_RULES = "Path=/; Secure; HttpOnly; SameSite=Lax"
_REFUSALS: Mapping[str, tuple[str, str]] = {
    "access_denied": (
        "you, or the identity provider, did not agree to the sign-in",
        "sign in once more, or ask whoever runs the provider to let you use this application",
    ),
    "login_required": ("you are not signed in at the identity provider", "sign in there first"),
    "temporarily_unavailable": (
        "the identity provider cannot answer at the moment",
        "try again in a minute, or sign in with a token",
    ),
    "invalid_scope": (
        "the identity provider does not know what it was asked for",
        "set OIDC_SCOPES to scopes that it has",
    ),
}
_OTHER = (
    "the identity provider refused the sign-in",
    "see its log; the redirect address and the client of this service must be registered there",
)

Answering = Callable[[Request, datetime], Response]


class Oidc:
    """The two addresses. Close it when the process ends."""

    def __init__(
        self,
        parts: ConsoleParts,
        provider: Provider,
        seal: PendingSeal,
        is_loopback: Callable[[str], bool],
    ) -> None:
        self._parts, self._provider, self._seal = parts, provider, seal
        self._is_loopback = is_loopback
        self._limit = SignInLimit()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oidc")

    @property
    def ways(self) -> Sequence[Way]:
        """The link on the sign-in page."""
        return (Way(f"Sign in with {self._provider.settings.host}", PATH),)

    def routes(self) -> list[WebRoute]:
        """Return the routes; they stand before those of the console."""
        return [
            WebRoute(PATH, self._answering(self._begun), methods=METHODS),
            WebRoute(BACK, self._answering(self._returned), methods=METHODS),
        ]

    def close(self) -> None:
        """Wait for the sign-ins that are under way; each request of theirs is bounded."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _answering(self, act: Answering) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            if request.method != "GET":
                return alone(not_allowed("GET"), {"allow": "GET"})
            now = self._parts.insight.clock.now()
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._told, act, request, now)

        return endpoint

    def _told(self, act: Answering, request: Request, now: datetime) -> Response:
        """Turn every expected end into a page that says what to do."""
        try:
            return act(request, now)
        except FirstryError as error:
            self._parts.telemetry.emit(
                Event.SIGN_IN_REFUSED, error_code=error.code, detail=error.message
            )
            return alone(trouble_of(error), {"set-cookie": f"{COOKIE}=; {_RULES}; Max-Age=0"})

    def _begun(self, request: Request, now: datetime) -> Response:
        """Send the browser to the provider."""
        to = sign_in.local(fields_of(request.url.query).get("to", ""))
        if len(to) > LONGEST_TO:
            to = sign_in.local("")
        if request.headers.get("sec-fetch-site") == "cross-site":
            return sign_in.crossing(f"{PATH}?{urlencode({'to': to})}")
        former = sign_in.former_of(request)
        pending = pending_at(now, self._own_url(request) + BACK, to, former)
        headers = {
            **HEADERS,
            "set-cookie": f"{COOKIE}={self._seal.seal(pending)}; {_RULES}; "
            f"Max-Age={int(LIFE.total_seconds())}",
        }
        return RedirectResponse(self._provider.authorization_url(pending), 303, headers)

    def _returned(self, request: Request, now: datetime) -> Response:
        """Take the provider's answer and begin a session."""
        address = request.client.host if request.client is not None else ""
        self._limit.refuse_if_over(address, now)
        try:
            pending, code = self._awaited(request, now)
            claims = self._provider.claims(code, pending, now)
        except SignInRefused:
            self._limit.note_failure(address, now)
            raise
        own = self._provider.settings
        person = person_of(claims, own.name_claim, own.role_claim, own.roles)
        former = sign_in.former_of(request) or pending.former
        cookie = sign_in.begin(self._parts, former, person.name, person.role, None, now)
        response = sign_in.crossing(pending.to)
        response.headers.append("set-cookie", f"{COOKIE}=; {_RULES}; Max-Age=0")
        response.headers.append("set-cookie", cookie)
        return response

    def _awaited(self, request: Request, now: datetime) -> tuple[Pending, str]:
        """Return the sign-in that this is the answer to, now used up, and the code."""
        answer = fields_of(request.url.query)
        pending = self._seal.open(request.cookies.get(COOKIE, ""), now)
        if not hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
            raise SignInRefused(
                "the answer does not belong to the sign-in that this browser began last",
                "nothing was done; begin to sign in once more, in one tab",
            )
        if not self._parts.sessions.spend(session_digest(pending.state), now):
            raise SignInRefused(
                "this answer was used before", "nothing was done; begin to sign in once more"
            )
        if answer.get("iss", self._provider.settings.issuer) != self._provider.settings.issuer:
            raise SignInRefused(
                "the answer comes from another identity provider", "begin to sign in once more"
            )
        if "error" in answer:
            raise SignInRefused(*_REFUSALS.get(answer["error"], _OTHER))
        if not answer.get("code"):
            raise SignInRefused("the answer brings no code", "begin to sign in once more")
        return pending, answer["code"]

    def _own_url(self, request: Request) -> str:
        """Return how the browser reaches this service."""
        if self._parts.public_url is not None:
            return self._parts.public_url
        host = request.headers.get("host", "")
        scheme = "http" if self._is_loopback(host.rpartition(":")[0] or host) else "https"
        return f"{scheme}://{host}"
