"""Verify an ID token: signature, issuer, audience, nonce and time, or nothing is believed.

RS256 and ES256 alone, with a key of the provider's own set that is for this algorithm; so
neither `none` nor an HMAC with a public key gets anywhere. Headers that bring a key or an
extension are refused (OpenID Connect Core 3.1.3.7).
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]  # ships no types
from joserfc import jws
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

from firstry.domain.identity import SignInRefused
from firstry.web.oidc.key_set import ALGORITHMS, SigningKey

LEEWAY_SECONDS = 60
OLDEST_SECONDS = 600
"""A token is made while somebody signs in, so an older one belongs to another sign-in."""
LONGEST_TOKEN = 32 * 1024
FORBIDDEN_HEADERS = ("jku", "jwk", "x5u", "x5c", "crit", "b64")
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_CHECK = (
    "check the clocks of both sides, and that OIDC_ISSUER and OIDC_CLIENT_ID are the provider's"
)

Claims = Mapping[str, Any]
KeysFor = Callable[[bool], Sequence[SigningKey]]
"""Returns the provider's keys; asks it anew if told so and it was not asked just now."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say to be the answer to one sign-in."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None
    now: datetime


def verified(token: str, keys_for: KeysFor, expected: Expected) -> Claims:
    """Return the claims of a token that holds in every respect, or raise SignInRefused."""
    if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
        raise _refused("the ID token is not a compact JWT")
    header = _object_of(token.partition(".")[0])
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise _refused("the ID token is signed with neither RS256 nor ES256")
    if any(name in header for name in FORBIDDEN_HEADERS):
        raise _refused("the ID token's header names a key or an extension of its own")
    key = _key_for(header.get("kid"), algorithm, keys_for)
    try:
        signed = jws.deserialize_compact(token, key.key, algorithms=[algorithm])
    except (JoseError, ValueError):
        raise _refused("the ID token's signature does not verify") from None
    claims = _parsed(signed.payload)
    _check(claims, header, expected)
    return claims


def _key_for(kid: object, algorithm: str, keys_for: KeysFor) -> SigningKey:
    """Return the key that the token names; one without a name only if no other could be meant."""
    for is_anew in (False, True):
        found = [
            key
            for key in keys_for(is_anew)
            if key.algorithm == algorithm and (kid is None or key.kid == kid)
        ]
        if len(found) == 1:
            return found[0]
    raise _refused("the ID token is signed with a key that the provider does not have")


def _check(claims: Claims, header: Claims, expected: Expected) -> None:
    options = {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
    }
    params = {
        "client_id": expected.client_id,
        "nonce": expected.nonce,
        "access_token": expected.access_token,
    }
    now = int(expected.now.timestamp())
    try:
        CodeIDToken(dict(claims), dict(header), options, params).validate(now, LEEWAY_SECONDS)
    except ExpiredTokenError:
        raise _refused("the ID token has expired") from None
    except ClaimError as error:
        raise _refused(f"the ID token's claim {error.claim} is not as it has to be") from None
    if now - claims["iat"] > OLDEST_SECONDS:
        raise _refused("the ID token is older than a sign-in may take")


def _object_of(segment: str) -> dict[str, Any]:
    try:
        return _parsed(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError:
        raise _refused("the ID token is not a compact JWT") from None


def _parsed(content: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(content or b"")
    except (ValueError, RecursionError):
        raise _refused("the ID token holds no JSON") from None
    if not isinstance(found, dict):
        raise _refused("the ID token holds no JSON object")
    return found


def _refused(why: str) -> SignInRefused:
    return SignInRefused(f"the identity provider's answer does not hold: {why}", _CHECK)
