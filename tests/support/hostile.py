"""Hostile invocations: what a stranger may send to get work done, or a token out.

A vector is a function of an aim: it returns the headers of one request. Each
would open the door if a single check were missing, for everything else in it is
right.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstry.sim.jira import JiraSite
from firstry.sim.platform import ABSENT, Platform
from firstry.sim.platform_key import (
    JSONObject,
    Signer,
    SigningKey,
    base64url,
    hmac_signer,
    rsa_signer,
    unsigned,
)
from support.call import Endpoint, headers_of

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Aim:
    """Whom a vector is aimed at, and the key of a stranger."""

    platform: Platform
    site: JiraSite
    endpoint: Endpoint
    at: datetime
    stranger: SigningKey

    def token(self, **changes: Any) -> str:
        """Return an invocation token, honest but for `changes`."""
        return self.platform.invocation_token(
            self.site, self.endpoint.module, at=self.at, **changes
        )

    def headers(self, **changes: Any) -> Headers:
        """Return headers with such a token and a good system token."""
        return self.carrying(self.token(**changes))

    def carrying(self, token: str) -> Headers:
        """Return headers with this token and a good system token."""
        return headers_of(token, self.platform.system_token(self.site, at=self.at))


Vector = Callable[[Aim], Headers]
Vectors = Mapping[str, Vector]


def algorithms() -> Vectors:
    """Every algorithm but RS256, with the signature of RS256, none, or a public key as secret."""
    named: list[object] = ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "RS384"]
    named += ["RS512", "PS256", "ES256", "ES256K", "EdDSA", "rs256", "RS256 ", "RS256\0", ""]
    named += [None, 256, True, ["RS256"], {"alg": "RS256"}, ABSENT]
    signers: Mapping[str, Callable[[Aim], Signer | None]] = {
        "rightly signed": lambda aim: None,
        "unsigned": lambda aim: unsigned,
        "signed by the public key": lambda aim: hmac_signer(aim.platform.key.public_pem()),
    }
    pairs = [(alg, how) for alg in named for how in signers]
    return {f"alg {alg!r} {how}": _signed(alg, signers[how]) for alg, how in pairs} | {
        "alg RS256 unsigned": _signed("RS256", signers["unsigned"]),
        "alg RS256 by the public key": _signed("RS256", signers["signed by the public key"]),
    }


def _signed(alg: object, how: Callable[[Aim], Signer | None]) -> Vector:
    return lambda aim: aim.headers(header={"alg": alg}, sign=how(aim))


def key_names() -> Vectors:
    """Names of keys that the platform does not have, or that are no names."""
    named: list[object] = ["unknown", "", "0", "null", "../../../etc/passwd", "a' OR 1=1 --"]
    named += ["http://127.0.0.1/jwks.json", "x" * 200, "x" * 201, "x" * 9000, "\u202e", "a\nb"]
    named += [None, 1, True, ["a"], {"kid": "a"}, ABSENT]
    found: dict[str, Vector] = {f"kid {kid!r:.30}": _named(kid) for kid in named}
    return found | {
        "kid of a stranger": lambda aim: aim.headers(
            header={"kid": aim.stranger.kid}, sign=rsa_signer(aim.stranger.private)
        ),
        "our kid, a stranger's key": lambda aim: aim.headers(sign=rsa_signer(aim.stranger.private)),
        "our kid in other case": lambda aim: aim.headers(
            header={"kid": aim.platform.kid.swapcase()}
        ),
        "our kid with a space": lambda aim: aim.headers(header={"kid": aim.platform.kid + " "}),
    }


def _named(kid: object) -> Vector:
    return lambda aim: aim.headers(header={"kid": kid})


def header_parameters() -> Vectors:
    """Headers that bring a key, or an extension, of their own; signed rightly and by it."""
    values: Mapping[str, Callable[[Aim], object]] = {
        "jku": lambda aim: "http://127.0.0.1:1/jwks.json",
        "jwk": lambda aim: aim.stranger.public_jwk(),
        "x5u": lambda aim: "http://127.0.0.1:1/cert.pem",
        "x5c": lambda aim: ["MIIB"],
        "crit": lambda aim: ["exp"],
        "b64": lambda aim: False,
    }
    found: dict[str, Vector] = {}
    for name, value in values.items():
        found[f"{name} signed rightly"] = _with_header(name, value, by_stranger=False)
        found[f"{name} signed by a stranger"] = _with_header(name, value, by_stranger=True)
        found[f"{name} null"] = _with_header(name, lambda aim: None, by_stranger=False)
    return found


def _with_header(name: str, value: Callable[[Aim], object], *, by_stranger: bool) -> Vector:
    def vector(aim: Aim) -> Headers:
        sign = rsa_signer(aim.stranger.private) if by_stranger else None
        return aim.headers(header={name: value(aim)}, sign=sign)

    return vector


def signatures() -> Vectors:
    """Honest tokens whose bytes were touched after signing."""

    def cut(aim: Aim) -> Headers:
        return aim.carrying(aim.token()[:-10])

    def emptied(aim: Aim) -> Headers:
        return aim.carrying(aim.token().rpartition(".")[0] + ".")

    def of_another(aim: Aim) -> Headers:
        body = aim.token(jti="one").rpartition(".")[0]
        return aim.carrying(f"{body}.{aim.token(jti='two').rpartition('.')[2]}")

    def other_payload(aim: Aim) -> Headers:
        head, payload, signature = aim.token().split(".")
        claims = _decoded(payload) | {"jti": "changed"}
        return aim.carrying(f"{head}.{base64url(json.dumps(claims).encode())}.{signature}")

    def other_head(aim: Aim) -> Headers:
        head, payload, signature = aim.token().split(".")
        changed = _decoded(head) | {"typ": "JOSE"}
        return aim.carrying(f"{base64url(json.dumps(changed).encode())}.{payload}.{signature}")

    def flipped(aim: Aim) -> Headers:
        body, _, signature = aim.token().rpartition(".")
        return aim.carrying(f"{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")

    return {
        f"signature {made.__name__.replace('_', ' ')}": made
        for made in (cut, emptied, of_another, other_payload, other_head, flipped)
    }


def _decoded(segment: str) -> JSONObject:
    content: JSONObject = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return content


def envelopes() -> Vectors:
    """Authorization headers that are no bearer token of three segments."""

    def carrying(made: Callable[[Aim], str]) -> Vector:
        return lambda aim: aim.carrying("") | {"authorization": made(aim)}

    def segments(aim: Aim) -> list[str]:
        return aim.token().split(".")

    return {
        "no authorization": lambda aim: headers_of(
            None, aim.platform.system_token(aim.site, at=aim.at)
        ),
        "empty": carrying(lambda aim: ""),
        "bearer alone": carrying(lambda aim: "Bearer"),
        "bearer of nothing": carrying(lambda aim: "Bearer  "),
        "basic": carrying(lambda aim: f"Basic {aim.token()}"),
        "no scheme": carrying(Aim.token),
        "the system token": carrying(
            lambda aim: f"Bearer {aim.platform.system_token(aim.site, at=aim.at)}"
        ),
        "two tokens": carrying(lambda aim: f"Bearer {aim.token()}, Bearer {aim.token()}"),
        "a space inside": carrying(lambda aim: f"Bearer {aim.token().replace('.', '. ')}"),
        "two segments": carrying(lambda aim: f"Bearer {'.'.join(segments(aim)[:2])}"),
        "four segments": carrying(lambda aim: f"Bearer {aim.token()}.x"),
        "five segments": carrying(lambda aim: f"Bearer {'.'.join(segments(aim) * 2)[:-1]}"),
        "padded": carrying(lambda aim: f"Bearer {aim.token()}=="),
        "standard base64": carrying(lambda aim: f"Bearer {aim.token()}+/"),
        "no base64": carrying(lambda aim: "Bearer ?.!.*"),
        "no JSON": carrying(lambda aim: "Bearer aGk.aGk.aGk"),
        "a list for a header": carrying(lambda aim: f"Bearer W10.{'.'.join(segments(aim)[1:])}"),
        "a deep header": carrying(
            lambda aim: f"Bearer {base64url(b'[' * 6000)}.{'.'.join(segments(aim)[1:])}"
        ),
        "17 KiB": lambda aim: aim.headers(filler="x" * 17 * 1024),
        "claims that are a list": lambda aim: aim.carrying(_raw_claims(aim, b"[]")),
        "claims that are no JSON": lambda aim: aim.carrying(_raw_claims(aim, b"{")),
        "claims with NaN": lambda aim: aim.carrying(_raw_claims(aim, b'{"exp": NaN}')),
        "no claims": lambda aim: aim.carrying(_raw_claims(aim, b"{}")),
    }


def _raw_claims(aim: Aim, claims: bytes) -> str:
    """Return a token of the platform's own key over claims that are no claims."""
    head = json.dumps({"alg": "RS256", "kid": aim.platform.kid}).encode()
    signed = f"{base64url(head)}.{base64url(claims)}"
    return f"{signed}.{base64url(rsa_signer(aim.platform.key.private)(signed.encode()))}"
