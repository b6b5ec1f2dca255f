"""The Forge side of a simulation: who signs invocations and who hands out system tokens.

What a remote relies on is kept exactly (FORGE.md): claims of the invocation token, one
system token delivered again and again until little is left of it, events without a time of
their own. Instants are arguments and chance comes from one injected generator, so two runs
with one seed differ in signatures only.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import Lock
from typing import Final, Protocol
from uuid import UUID

from firstry.sim.jira_person import Person
from firstry.sim.platform_key import (
    JSONObject,
    KeyRing,
    Signer,
    SigningKey,
    base64url,
    compact,
    rsa_signer,
)

APP_ID: Final = "6f1b2c0a-52d3-4c1e-9d57-0c7a4e9b3f21"
APP_ARI: Final = f"ari:cloud:ecosystem::app/{APP_ID}"
APP_VERSION: Final = "1.0.0"
ISSUER: Final = "forge/invocation-token"
ENVIRONMENTS: Final = {
    "PRODUCTION": "2d1f6a8e-0b64-4f0c-8a3e-6b7d5c4e3f01",
    "STAGING": "2d1f6a8e-0b64-4f0c-8a3e-6b7d5c4e3f02",
    "DEVELOPMENT": "2d1f6a8e-0b64-4f0c-8a3e-6b7d5c4e3f03",
}
FIT_LIFETIME = timedelta(seconds=25)
SYSTEM_TOKEN_LIFETIME = timedelta(hours=4)
USER_TOKEN_LIFETIME = timedelta(hours=1)
SYSTEM_TOKEN_LEFT = timedelta(hours=2)
"""A delivered system token has at least this long to live, or a new one is made."""


class _Absent:
    """The type of `ABSENT`."""


ABSENT: Final = _Absent()
"""As the value of a claim or header parameter: leave it out."""


class Site(Protocol):
    """What the platform knows of a site on which the app is installed."""

    @property
    def cloud_id(self) -> str: ...
    @property
    def installation_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def api_base_url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _SystemToken:
    value: str
    cloud_id: str
    expires_at: datetime


class Platform:
    """Signs invocation tokens, hands out system tokens and knows which of them are good."""

    def __init__(self, rng: Random, keys: KeyRing | None = None) -> None:
        self._rng = rng
        self._keys = keys or KeyRing()
        self._issued: dict[str, _SystemToken] = {}
        self._current: dict[str, _SystemToken] = {}
        self._people: dict[str, tuple[Person, datetime]] = {}
        self._lock = Lock()

    @property
    def key(self) -> SigningKey:
        return self._keys.current

    @property
    def kid(self) -> str:
        return self._keys.current.kid

    def jwks(self) -> JSONObject:
        return self._keys.jwks()

    def rotate(self, *, retire: bool = False) -> str:
        """Sign with a new key, of which the kid is returned; see `KeyRing.rotate`."""
        return self._keys.rotate(retire=retire).kid

    def invocation_token(
        self,
        site: Site,
        endpoint_key: str,
        *,
        at: datetime,
        environment: str = "PRODUCTION",
        lifetime: timedelta = FIT_LIFETIME,
        with_context: bool = False,
        principal: str | None = None,
        claims: Callable[[JSONObject], None] | None = None,
        header: Mapping[str, object] | None = None,
        sign: Signer | None = None,
        **changes: object,
    ) -> str:
        """Return the token of one invocation, honest unless told otherwise.

        Backend calls carry no `context` claim, calls from a page do (`with_context`), and
        name the person who is signed in (`principal`, none for a visitor). For hostile
        tokens: `changes` replace top-level claims and `header` header parameters (`ABSENT`
        removes one), `claims` may then edit anything in place, and `sign` makes the
        signature whatever the header says.
        """
        body = self._claims(site, endpoint_key, at, environment, lifetime)
        if with_context:
            body["context"] = {"cloudId": site.cloud_id, "siteUrl": site_url(site)}
        if principal is not None:
            body["principal"] = principal
        body = _changed(body, changes)
        if claims is not None:
            claims(body)
        head = _changed({"alg": "RS256", "kid": self.kid, "typ": "JWT"}, header or {})
        return compact(head, body, sign or rsa_signer(self.key.private))

    def system_token(
        self, site: Site, *, at: datetime, lifetime: timedelta = SYSTEM_TOKEN_LIFETIME
    ) -> str:
        """Return the site's bearer token: the one in use, or a new one if under 2 h are left."""
        with self._lock:
            token = self._current.get(site.cloud_id)
            if token is None or token.expires_at - at < SYSTEM_TOKEN_LEFT:
                token = self._issue(site, at, lifetime)
            return token.value

    def site_for(self, token: str, at: datetime) -> str | None:
        """Return the cloudId that a system token opens; None if unknown, expired or revoked."""
        with self._lock:
            found = self._issued.get(token)
        return found.cloud_id if found is not None and at < found.expires_at else None

    def user_token(
        self,
        site: Site,
        account_id: str,
        *,
        at: datetime,
        lifetime: timedelta = USER_TOKEN_LIFETIME,
    ) -> str:
        """Return a new bearer token of a person on the site, as a call from a page carries it."""
        expires_at = at + lifetime
        value = self._bearer(site, expires_at)
        with self._lock:
            self._people = {t: h for t, h in self._people.items() if h[1] > at}
            self._people[value] = (Person(account_id, site.cloud_id), expires_at)
        return value

    def person_for(self, token: str, at: datetime) -> Person | None:
        """Return whose user's token this is; None if unknown or expired."""
        with self._lock:
            person, expires_at = self._people.get(token, (None, at))
        return person if at < expires_at else None

    def revoke(self, site: Site) -> None:
        """Refuse every token of the site that was handed out so far."""
        with self._lock:
            self._current.pop(site.cloud_id, None)
            for token in [t for t in self._issued.values() if t.cloud_id == site.cloud_id]:
                del self._issued[token.value]

    def _claims(
        self, site: Site, endpoint_key: str, at: datetime, environment: str, lifetime: timedelta
    ) -> JSONObject:
        installation = f"ari:cloud:ecosystem::installation/{site.installation_id}"
        place = {"name": "jira", "apiBaseUrl": site.api_base_url, "cloudId": site.cloud_id}
        seconds = int(at.timestamp())
        return {
            "app": {
                "id": APP_ARI,
                "installationId": installation,
                "apiBaseUrl": site.api_base_url,
                "appVersion": APP_VERSION,
                "environment": {"type": environment, "id": environment_ari(environment)},
                "module": {"type": "core:endpoint", "key": endpoint_key},
                "installation": {"id": installation, "contexts": [place]},
            },
            "iss": ISSUER,
            "aud": APP_ARI,
            "iat": seconds,
            "nbf": seconds,
            "exp": int((at + lifetime).timestamp()),
            "jti": f"{self._rng.getrandbits(160):040x}",
        }

    def _issue(self, site: Site, at: datetime, lifetime: timedelta) -> _SystemToken:
        value = self._bearer(site, at + lifetime)
        token = _SystemToken(value, site.cloud_id, at + lifetime)
        if len(self._issued) > 64 + 3 * len(self._current):
            self._issued = {t.value: t for t in self._issued.values() if t.expires_at > at}
        self._issued[value] = self._current[site.cloud_id] = token
        return token

    def _bearer(self, site: Site, expires_at: datetime) -> str:
        """Return a token that only looks like a JWT: the register decides, not the signature."""
        head = {"alg": "RS256", "typ": "JWT"}
        claims = {"exp": int(expires_at.timestamp()), "aud": site.cloud_id}
        parts = [base64url(json.dumps(part).encode()) for part in (head, claims)]
        return ".".join([*parts, base64url(self._rng.randbytes(32))])


def new_uuid(rng: Random) -> str:
    """Return a random UUID (version 4) out of the injected generator."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def site_url(site: Site) -> str:
    return f"https://{site.name}.atlassian.net"


def environment_ari(environment: str) -> str:
    """Return the ARI of an environment of the app; a name of no environment gets one too."""
    return f"ari:cloud:ecosystem::environment/{APP_ID}/{ENVIRONMENTS.get(environment, environment)}"


def _changed(base: JSONObject, changes: Mapping[str, object]) -> JSONObject:
    merged = {**base, **changes}
    return {name: value for name, value in merged.items() if value is not ABSENT}
