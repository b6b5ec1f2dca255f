"""The identity provider, as far as signing in needs it: metadata, keys, code for token.

Everything is asked over bounded requests that follow nothing, at addresses that are https
(or on loopback). What the provider says of itself must fit the issuer that the settings
name; else somebody could be sent elsewhere (OpenID Connect Discovery 4.3).
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

# authlib ships no types.
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]
    prepare_grant_uri,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

from firstry.domain.access import Role
from firstry.domain.identity import ProviderUnavailable, SignInRefused
from firstry.ports.fetch import Fetch, Fetched, FetchFailed
from firstry.web.oidc.id_token import Claims, Expected, verified
from firstry.web.oidc.kept import Kept
from firstry.web.oidc.key_set import ALGORITHMS, SigningKey, parse_keys
from firstry.web.oidc.pending import Pending

DISCOVERY = "/.well-known/openid-configuration"
FETCH_SECONDS = 5.0
MAX_BYTES = 256 * 1024
LONGEST_CODE = 4096
_LOOK = (
    "look whether the provider works and what OIDC_ISSUER says; until then, sign in with a token"
)


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """What the settings say of the provider. `scopes` are separated by blanks."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str
    name_claim: str
    role_claim: str
    roles: Mapping[str, Role]

    @property
    def host(self) -> str:
        """The provider's name for people."""
        return urlsplit(self.issuer).hostname or self.issuer


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the provider says of itself."""

    authorization_url: str
    token_url: str
    keys_url: str
    secret_in_body: bool


class Provider:
    """One provider. Threads may share it. `is_safe` tells which addresses may be asked."""

    def __init__(
        self,
        settings: OidcSettings,
        fetch: Fetch,
        monotonic: Callable[[], float],
        is_safe: Callable[[str], bool],
    ) -> None:
        self.settings = settings
        self._fetch, self._is_safe = fetch, is_safe
        self._metadata = Kept(self._load_metadata, monotonic)
        self._keys = Kept(self._load_keys, monotonic)

    def authorization_url(self, pending: Pending) -> str:
        """Return where somebody has to go to sign in. Raises ProviderUnavailable."""
        found: str = prepare_grant_uri(
            self._metadata.get().authorization_url,
            self.settings.client_id,
            "code",
            pending.redirect_uri,
            self.settings.scopes,
            pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return found

    def claims(self, code: str, pending: Pending, now: datetime) -> Claims:
        """Return the verified claims of whoever brought `code` back.

        Raises SignInRefused if the code or the token does not hold, and
        ProviderUnavailable if that cannot be found out.
        """
        answer = self._exchanged(code, pending)
        token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise ProviderUnavailable("the identity provider sent no ID token", _LOOK)
        expected = Expected(
            self.settings.issuer,
            self.settings.client_id,
            pending.nonce,
            access_token if isinstance(access_token, str) else None,
            now,
        )
        return verified(token, self._keys_for, expected)

    def _keys_for(self, is_anew: bool) -> Sequence[SigningKey]:
        return self._keys.anew() if is_anew else self._keys.get()

    def _exchanged(self, code: str, pending: Pending) -> dict[str, Any]:
        metadata, own = self._metadata.get(), self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code[:LONGEST_CODE],
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.verifier,
        }
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        if metadata.secret_in_body:
            form |= {"client_id": own.client_id, "client_secret": own.client_secret}
        else:
            who = f"{quote_plus(own.client_id)}:{quote_plus(own.client_secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(who.encode()).decode()}"
        answer = self._asked("POST", metadata.token_url, headers, urlencode(form).encode())
        content = _object_in(answer)
        if answer.status == 400 and content.get("error") == "invalid_grant":
            raise SignInRefused(
                "the identity provider does not take the code: it was used before, has expired or "
                "belongs to another sign-in",
                "begin to sign in once more",
            )
        if answer.status != 200:
            raise ProviderUnavailable(
                f"the identity provider answered {answer.status} when asked for the ID token",
                "check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET; until then, sign in with a token",
            )
        return content

    def _load_metadata(self) -> Metadata:
        url = self.settings.issuer.rstrip("/") + DISCOVERY
        content = _object_in(self._got(url))
        if content.get("issuer") != self.settings.issuer:
            raise ProviderUnavailable("the identity provider says that it is another issuer", _LOOK)
        algorithms = content.get("id_token_signing_alg_values_supported", ["RS256"])
        if not isinstance(algorithms, list) or not set(ALGORITHMS) & set(map(str, algorithms)):
            raise ProviderUnavailable(
                "the identity provider signs with neither RS256 nor ES256", "let it use RS256"
            )
        ways = content.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        is_basic = isinstance(ways, list) and "client_secret_basic" in ways
        return Metadata(
            self._safe(content, "authorization_endpoint"),
            self._safe(content, "token_endpoint"),
            self._safe(content, "jwks_uri"),
            secret_in_body=not is_basic,
        )

    def _load_keys(self) -> Sequence[SigningKey]:
        answer = self._got(self._metadata.get().keys_url)
        try:
            return parse_keys(answer.body)
        except (ValueError, RecursionError):
            raise ProviderUnavailable(
                "the identity provider's key set cannot be used", _LOOK
            ) from None

    def _safe(self, content: Mapping[str, Any], name: str) -> str:
        url = content.get(name)
        if not isinstance(url, str) or not self._is_safe(url):
            raise ProviderUnavailable(
                f"the identity provider's {name} is no address with https", _LOOK
            )
        return url

    def _got(self, url: str) -> Fetched:
        answer = self._asked("GET", url, {"accept": "application/json"}, None)
        if answer.status != 200:
            raise ProviderUnavailable(f"the identity provider answered {answer.status}", _LOOK)
        return answer

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Fetched:
        try:
            return self._fetch(method, url, headers, body, FETCH_SECONDS, MAX_BYTES)
        except FetchFailed as failure:
            raise ProviderUnavailable(
                f"the identity provider did not answer ({failure})", _LOOK
            ) from None


def _object_in(answer: Fetched) -> dict[str, Any]:
    """Return the JSON object that was answered, an empty one if it is none."""
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
