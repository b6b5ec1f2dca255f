"""The keys of an identity provider: RSA for RS256, P-256 for ES256, and no others.

A key is built from its public numbers alone, under the one algorithm that its kind is
for; what else an entry says of itself can only exclude it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

MOST_KEYS = 64
SHORTEST_RSA_BITS = 2048
ALGORITHMS = ("RS256", "ES256")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key, its name if it has one, and the one algorithm that it verifies."""

    kid: str | None
    algorithm: str
    key: RSAKey | ECKey


def parse_keys(body: bytes) -> Sequence[SigningKey]:
    """Return the usable keys of a JWKS, or raise ValueError if there is none."""
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the key set has no list of keys")
    read = [_key_of(entry) for entry in entries[:MOST_KEYS] if isinstance(entry, dict)]
    keys = [key for key in read if key is not None]
    if not keys:
        raise ValueError("the key set has no key for RS256 or ES256")
    return keys


def _key_of(entry: dict[str, Any]) -> SigningKey | None:
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
    kid = entry.get("kid")
    if (
        algorithm is None
        or entry.get("use", "sig") != "sig"
        or entry.get("alg", algorithm) != algorithm
        or not (kid is None or (isinstance(kid, str) and len(kid) <= 200))
    ):
        return None
    try:
        return SigningKey(kid, algorithm, _built(entry))
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _built(entry: dict[str, Any]) -> RSAKey | ECKey:
    if entry["kty"] == "EC":
        if entry["crv"] != "P-256":
            raise ValueError("another curve")
        return ECKey.import_key({name: entry[name] for name in ("kty", "crv", "x", "y")})
    key = RSAKey.import_key({name: entry[name] for name in ("kty", "n", "e")})
    if key.raw_value.key_size < SHORTEST_RSA_BITS:
        raise ValueError("too short")
    return key
