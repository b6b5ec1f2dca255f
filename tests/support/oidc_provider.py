"""An identity provider on loopback: real HTTP, real signatures, and as strict as a real one.

It refuses what a real one refuses: a client or a redirect address that is not registered,
a request without PKCE, a wrong secret, a code that is used, old or another's, a
verifier that does not fit. What it says of a person, and how it lies, a test decides.
"""

import base64
import hashlib
import hmac
import html
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from joserfc.jwk import ECKey, RSAKey

CLIENT_ID = "firstry console"
CLIENT_SECRET = "s3cret/with:signs&more%"
CODE_LIFE = timedelta(minutes=1)
Claims = dict[str, Any]
_WAYS = "token_endpoint_auth_methods_supported"


@dataclass(frozen=True, slots=True)
class Granted:
    """One code and what it was granted for."""

    asked: Mapping[str, str]
    subject: Claims
    at: datetime


class Refused(Exception):
    """What a provider answers instead: a status and an OAuth error."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


@cache
def rsa_key() -> RSAKey:
    """The key of every provider; making one takes long."""
    return RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig", "alg": "RS256"})


@cache
def ec_key() -> ECKey:
    """The other one."""
    return ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig", "alg": "ES256"})


class OidcProvider:
    """Use it as a context manager.

    `person` are the claims of whoever signs in next; `lie` may change an ID token's claims and
    `forge` may make the token itself. `refusal` is the OAuth error that a person is sent
    back with, `away` a status that every request gets.
    """

    def __init__(self, now: Callable[[], datetime], host: str = "127.0.0.1") -> None:
        self.redirect_uris: set[str] = set()
        self.be_honest()
        self.now = now
        self._granted: dict[str, Granted] = {}
        self._used: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.issuer = f"http://{host}:{self._server.server_address[1]}/realm"

    def be_honest(self) -> None:
        """Be as a provider should be, for one person with one group."""
        self.person: Claims = {"sub": "ann@example.com", "groups": ["sre"]}
        self.lie: Callable[[Claims], Claims] = lambda claims: claims
        self.forge: Callable[[Claims], str] | None = None
        self.algorithm = "RS256"
        self.refusal: str | None = None
        self.away: int | None = None
        self.metadata: Claims = {}
        self.described_keys: Claims = {}
        self.keys: list[Any] = [rsa_key(), ec_key()]
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def settings(self) -> dict[str, Any]:
        """What a service is told of this provider."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_ROLES": "sre=operator,oncall=viewer,owners=admin",
        }

    def described(self) -> Claims:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?theme=plain",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
        } | self.metadata

    def key_set(self) -> Claims:
        """The public halves of the keys."""
        return {"keys": [key.as_dict(private=False) for key in self.keys]} | self.described_keys

    def screen(self, query: str) -> str:
        """The page where somebody signs in, or Refused."""
        asked = _fields(query)
        if asked.get("client_id") != CLIENT_ID:
            raise Refused(400, "unauthorized_client")
        if asked.get("redirect_uri") not in self.redirect_uris:
            raise Refused(400, "invalid_request: redirect_uri is not registered")
        needed = ("state", "nonce", "code_challenge")
        if asked.get("response_type") != "code" or not all(asked.get(name) for name in needed):
            raise Refused(400, "invalid_request")
        if asked.get("code_challenge_method") != "S256" or "openid" not in asked["scope"].split():
            raise Refused(400, "invalid_request")
        hidden, who = html.escape(query, quote=True), html.escape(self.person["sub"])
        return (
            '<!doctype html><html lang="en"><title>Provider</title><form method="post" '
            f'action="{urlsplit(self.issuer).path}/login"><input type="hidden" name="asked" '
            f'value="{hidden}"><button>Continue as {who}</button></form>'
        )

    def signed_in(self, asked: Mapping[str, str]) -> str:
        """Where somebody is sent who has pressed the button."""
        answer = {"state": asked["state"], "iss": self.issuer}
        if self.refusal is not None:
            answer["error"] = self.refusal
        else:
            answer["code"] = secrets.token_urlsafe(24)
            self._granted[answer["code"]] = Granted(asked, dict(self.person), self.now())
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def tokens(self, authorization: str, form: Mapping[str, str]) -> Claims:
        """What the token endpoint answers, or Refused."""
        in_body = form.get("client_id", ""), form.get("client_secret", "")
        said = in_body if self.metadata.get(_WAYS) else _client_of(authorization)
        if said != (CLIENT_ID, CLIENT_SECRET):
            raise Refused(401, "invalid_client")
        code = form.get("code", "")
        granted = self._granted.get(code)
        if form.get("grant_type") != "authorization_code" or granted is None:
            raise Refused(400, "invalid_grant")
        if code in self._used or self.now() - granted.at > CODE_LIFE:
            raise Refused(400, "invalid_grant")
        self._used.add(code)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if _encoded(challenge) != granted.asked["code_challenge"]:
            raise Refused(400, "invalid_grant")
        if form.get("redirect_uri") != granted.asked["redirect_uri"]:
            raise Refused(400, "invalid_grant")
        claims = self.lie(self.claims_for(granted))
        token = self.forge(claims) if self.forge is not None else self.signed(claims)
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": token}

    def claims_for(self, granted: Granted) -> Claims:
        """What an honest ID token says."""
        now = int(self.now().timestamp())
        return {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": granted.asked["nonce"],
            **granted.subject,
        }

    def signed(self, claims: Claims, **header: Any) -> str:
        """An ID token that verifies."""
        key = rsa_key() if self.algorithm == "RS256" else ec_key()
        named = {"alg": self.algorithm, "kid": key.kid} | header
        kept = {name: value for name, value in named.items() if value is not None}
        said = f"{_segment(kept)}.{_segment(claims)}"
        return f"{said}.{_encoded(_signature(key, said.encode()))}"


def unsigned(claims: Claims) -> str:
    """A token of the algorithm `none`."""
    return f"{_segment({'alg': 'none', 'kid': 'rsa-1'})}.{_segment(claims)}."


def signed_with_the_public_key(claims: Claims) -> str:
    """A token whose HMAC was made with what everybody may read."""
    said = f"{_segment({'alg': 'HS256', 'kid': 'rsa-1'})}.{_segment(claims)}"
    public = rsa_key().as_pem(private=False)
    return f"{said}.{_encoded(hmac.new(public, said.encode(), hashlib.sha256).digest())}"


def _signature(key: RSAKey | ECKey, said: bytes) -> bytes:
    """Sign as the algorithm says, whatever stands in the header: a library would refuse."""
    private: Any = key.private_key
    if isinstance(key, RSAKey):
        return bytes(private.sign(said, padding.PKCS1v15(), hashes.SHA256()))
    r, s = utils.decode_dss_signature(private.sign(said, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _segment(content: Claims) -> str:
    return _encoded(json.dumps(content).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _fields(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def _client_of(authorization: str) -> tuple[str, str]:
    decoded = base64.b64decode(authorization.removeprefix("Basic ")).decode()
    name, _, secret = decoded.partition(":")
    return unquote_plus(name), unquote_plus(secret)


def _answering(provider: OidcProvider) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answered(b"")

        def do_POST(self) -> None:
            self._answered(self.rfile.read(int(self.headers["content-length"])))

        def _answered(self, body: bytes) -> None:
            url = urlsplit(self.path)
            path = url.path.removeprefix(urlsplit(provider.issuer).path)
            provider.asked.append(f"{self.command} {path}")
            if provider.away is not None:
                self._send(provider.away, "text/plain", b"away")
                return
            try:
                self._route(path, url.query, body.decode())
            except Refused as refused:
                self._send_json({"error": refused.error}, refused.status)

        def _route(self, path: str, query: str, body: str) -> None:
            if path == "/.well-known/openid-configuration":
                self._send_json(provider.described())
            elif path == "/keys":
                self._send_json(provider.key_set())
            elif path == "/authorize":
                self._send(200, "text/html", provider.screen(query).encode())
            elif path == "/login":
                asked = _fields(_fields(body)["asked"])
                self._send(302, "text/plain", b"", {"location": provider.signed_in(asked)})
            elif path == "/token":
                said = self.headers.get("authorization", "Basic ")
                self._send_json(provider.tokens(said, _fields(body)))
            else:
                self._send(204, "text/plain", b"")

        def _send_json(self, content: Claims, status: int = 200) -> None:
            self._send(status, "application/json", json.dumps(content).encode())

        def _send(
            self, status: int, kind: str, content: bytes, headers: Mapping[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, text in {"content-type": kind, **(headers or {})}.items():
                self.send_header(name, text)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Answering
