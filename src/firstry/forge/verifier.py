"""Verify a Forge invocation token (FIT) and turn it into an `Invocation`.

RS256 alone, with a key from the platform's set; every claim that can be bound
is bound: issuer, audience, app, environment, and the endpoint that this route
serves. Raw claims do not leave this module. What cannot be judged is refused.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from firstry.domain.errors import TenantUnavailable, TokenInvalid
from firstry.domain.instant import from_seconds
from firstry.domain.tenant import Tenant
from firstry.forge.address import ApiAddress, check_api_base_url
from firstry.forge.jwks import KeySet
from firstry.ports.vault import SystemToken
from firstry.ports.verifier import Invocation, Route, UserToken

ISSUER = "forge/invocation-token"
APP_ARI = "ari:cloud:ecosystem::app/"
LEEWAY_SECONDS = 5
MAX_TOKEN = 16 * 1024
HEADERS = 64
FORBIDDEN_HEADERS = ("jku", "jwk", "x5u", "x5c", "crit", "b64")
MODULE_KEYS: Mapping[Route, frozenset[str]] = {
    Route.TICK: frozenset({"tick-endpoint", "hourly-tick"}),
    Route.LIFECYCLE: frozenset({"lifecycle-endpoint", "on-installed", "on-upgraded"}),
    Route.UNINSTALL: frozenset({"uninstall-endpoint", "before-uninstall"}),
    Route.PAGE: frozenset({"page-endpoint", "report-page"}),
    Route.GADGET: frozenset({"gadget-endpoint", "report-gadget"}),
}
"""The manifest's keys for each route: the endpoint's, and those of the modules that
call it, because the platform's documents disagree on which of them the token names."""
FROM_A_PAGE = frozenset({Route.PAGE, Route.GADGET})
"""Routes that a person's browser calls: it has a principal and a user's token."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_OPAQUE = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")
Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ForgeVerifier:
    """A `Verifier` for Forge Remote. `app_id` is the app's bare UUID."""

    app_id: str
    environments: frozenset[str]
    api_hosts: tuple[str, ...]
    is_loopback: Callable[[str], bool]
    keys: KeySet

    def verify(
        self,
        route: Route,
        headers: Mapping[str, str],
        named_by_body: Sequence[object],
        now: datetime,
        deadline: float,
    ) -> Invocation:
        """See `ports.verifier.Verifier`."""
        claims = self._signed_claims(_bearer(headers), deadline)
        self._check_claims(claims, route, now)
        app = claims["app"]
        addresses = self._addresses(app)
        named = [*_named_cloud_ids(claims), *(address.cloud_id for address in addresses)]
        is_from_a_page = route in FROM_A_PAGE
        return Invocation(
            tenant=Tenant.from_claims(named, named_by_body),
            issued_at=from_seconds(claims["iat"]),
            installation_id=_last_segment(app.get("installationId")),
            system_token=None if is_from_a_page else _system_token(headers, addresses),
            has_principal=_is_principal(claims.get("principal")),
            user_token=_user_token(headers, addresses) if is_from_a_page else None,
            module_key=_text_at(app, "module", "key"),
        )

    def _signed_claims(self, token: str, deadline: float) -> Claims:
        key = self.keys.key(_kid_of(token.partition(".")[0]), deadline)
        if key is None:
            raise TokenInvalid("the token is signed with a key that the platform does not have")
        try:
            signed = jws.deserialize_compact(token, key, algorithms=["RS256"])
        except (JoseError, ValueError):
            raise TokenInvalid("the token's signature does not verify") from None
        return _object_of(signed.payload, "payload")

    def _check_claims(self, claims: Claims, route: Route, now: datetime) -> None:
        if claims.get("iss") != ISSUER:
            raise TokenInvalid("the token has another issuer")
        if claims.get("aud") not in (APP_ARI + self.app_id, [APP_ARI + self.app_id]):
            raise TokenInvalid("the token is for another audience")
        _check_times(claims, now)
        if "icLabel" in claims:
            raise TokenInvalid("the token comes from an isolated cloud that is not configured")
        app = claims.get("app")
        if not isinstance(app, dict) or _last_segment(app.get("id")) != self.app_id:
            raise TokenInvalid("the token is for another app")
        if _text_at(app, "environment", "type") not in self.environments:
            raise TokenInvalid("the token is for an environment that is not allowed")
        if _text_at(app, "module", "key") not in MODULE_KEYS[route]:
            raise TokenInvalid("the token is for another endpoint")

    def _addresses(self, app: Claims) -> list[ApiAddress]:
        places = [app, *_contexts(app)]
        values = [place["apiBaseUrl"] for place in places if "apiBaseUrl" in place]
        if values and all(value == values[0] for value in values):
            del values[1:]  # the platform says the same one twice
        return [check_api_base_url(value, self.api_hosts, self.is_loopback) for value in values]


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise TokenInvalid("the invocation carries no bearer token")
    parts = token.split(".")
    if len(token) > MAX_TOKEN or len(parts) != 3 or not all(map(_SEGMENT.fullmatch, parts)):
        raise TokenInvalid("the bearer token is not a compact JWT")
    return token


@lru_cache(HEADERS)
def _kid_of(segment: str) -> str:
    """Return the key that a token's header names, or raise TokenInvalid.

    The platform writes one header for each of its keys, so few are ever read.
    """
    header = _object_of(_decoded(segment), "header")
    if header.get("alg") != "RS256":
        raise TokenInvalid("the token is not signed with RS256")
    if any(name in header for name in FORBIDDEN_HEADERS):
        raise TokenInvalid("the token's header names a key or an extension of its own")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise TokenInvalid("the token names no key")
    return kid


def _object_of(content: bytes | None, part: str) -> Claims:
    try:
        held = json.loads(content) if content is not None else None
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict):
        raise TokenInvalid(f"the token's {part} is not a JSON object")
    return held


def _decoded(segment: str) -> bytes | None:
    """Return the bytes of a segment, or None if it is not base64url."""
    try:
        return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        return None


def _check_times(claims: Claims, now: datetime) -> None:
    seconds = now.timestamp()
    for name in ("iat", "nbf", "exp"):
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenInvalid(f"the token's {name} is missing or no number")
        if not 0 < value < 2**40:
            raise TokenInvalid(f"the token's {name} is out of range")
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise TokenInvalid("the token has no jti")
    if claims["exp"] + LEEWAY_SECONDS <= seconds:
        raise TokenInvalid("the token has expired")
    if max(claims["nbf"], claims["iat"]) > seconds + LEEWAY_SECONDS:
        raise TokenInvalid("the token is not valid yet")


def _text_at(app: Claims, part: str, name: str) -> str | None:
    """Return the text at `app.<part>.<name>`, or None where there is none."""
    held = app.get(part)
    value = held.get(name) if isinstance(held, dict) else None
    return value if isinstance(value, str) else None


def _contexts(app: Claims) -> list[Claims]:
    installation = app.get("installation")
    if installation is None:
        return []
    contexts = installation.get("contexts", []) if isinstance(installation, dict) else None
    if not isinstance(contexts, list) or not all(isinstance(c, dict) for c in contexts):
        raise TenantUnavailable("the token's installation contexts are malformed")
    return contexts


def _named_cloud_ids(claims: Claims) -> list[object]:
    """Return the cloudIds that the claims name, one for each place that is present."""
    named = [place["cloudId"] for place in _contexts(claims["app"]) if "cloudId" in place]
    context = claims.get("context", {})
    if not isinstance(context, dict):
        raise TenantUnavailable("the token's context is malformed")
    return [*named, context["cloudId"]] if "cloudId" in context else named


def _system_token(headers: Mapping[str, str], addresses: list[ApiAddress]) -> SystemToken | None:
    """Return the system token that came along, if its end and its address are known.

    The token is opaque but for `exp`, which is read without trust: a wrong one
    only makes the site refuse the token later.
    """
    bearer = _opaque(headers, "x-forge-oauth-system")
    if not addresses or bearer is None:
        return None
    try:
        payload = _decoded(bearer.partition(".")[2].partition(".")[0])
        expires_at = _object_of(payload, "payload").get("exp")
    except TokenInvalid:
        return None
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        return None
    if not 0 < expires_at < 2**40:
        return None
    return SystemToken(bearer, addresses[0].base_url, from_seconds(expires_at))


def _user_token(headers: Mapping[str, str], addresses: list[ApiAddress]) -> UserToken | None:
    """Return the token of the person who looks at the page, if its address is known."""
    bearer = _opaque(headers, "x-forge-oauth-user")
    return UserToken(bearer, addresses[0].base_url) if addresses and bearer is not None else None


def _opaque(headers: Mapping[str, str], name: str) -> str | None:
    """Return a token that is passed along unread, or None if it could not be a header's value."""
    bearer = headers.get(name, "").removeprefix("Bearer ")
    return bearer if _OPAQUE.fullmatch(bearer) else None


def _is_principal(value: object) -> bool:
    """Whether a claim names a person. Who it is, nobody needs to know."""
    return isinstance(value, str) and 0 < len(value) <= 300 and value.isprintable()


def _last_segment(value: object) -> str | None:
    """Return the id in an ARI or the bare id, lower-cased; the platform uses both.

    None for what no id looks like, and not every store could keep (NUL, half a surrogate pair).
    """
    if not isinstance(value, str) or not 0 < len(value) <= 300 or not value.isprintable():
        return None
    return value.rsplit("/", 1)[-1].lower() or None
