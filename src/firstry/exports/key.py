"""Public keys as they are published and handed over: `firstry-keys.json`, PEM, base64.

The published document keeps every key that ever signed, so a report outlives
the key it was signed with (decision 0011).
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from firstry.domain.errors import InputInvalid
from firstry.domain.instant import iso
from firstry.domain.public_key import PublicKey
from firstry.domain.report.shape import Breach, Fixed, Instant, Record, Rows, Text

FILE_NAME = "firstry-keys.json"
LONGEST = 1024 * 1024
MOST_KEYS = 1000

_KEYS = Record(
    "keys",
    {
        "keys": Rows(
            Record(
                "key",
                {
                    "key_id": Text(r"[A-Za-z0-9._-]{1,64}", "the id of a key"),
                    "algorithm": Fixed("Ed25519"),
                    "public_key": Text(r"[A-Za-z0-9+/]{43}=", "base64 of 32 bytes"),
                    "pem": Text(r"[A-Za-z0-9+/=\n -]+", "a public key in PEM"),
                    "first_used_at": Instant(),
                },
            ),
            0,
            MOST_KEYS,
        )
    },
)


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public points that a verification accepts.

    `by_id` are keys with their ids; `nameless` is a key that came without one
    and is tried whatever id an envelope names.
    """

    by_id: dict[str, bytes]
    nameless: bytes | None = None

    def point(self, key_id: str) -> bytes | None:
        """Return the point to verify with, or None if no trusted key has this id."""
        return self.by_id.get(key_id, self.nameless)


def trusted(keys: Iterable[PublicKey]) -> TrustedKeys:
    """Return the keys of a store as those to verify with."""
    return TrustedKeys({key.key_id: key.point for key in keys})


def published(keys: Sequence[PublicKey]) -> dict[str, list[dict[str, str]]]:
    """Return the content of `firstry-keys.json`."""
    return {"keys": [_key_json(key) for key in keys]}


def pem_of(point: bytes) -> str:
    """Return a public key in PEM, as openssl reads it."""
    key = Ed25519PublicKey.from_public_bytes(point)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def read_keys(content: bytes, name: str) -> TrustedKeys:
    """Return the keys in a file: `firstry-keys.json`, one key in PEM, or one in base64.

    Raises InputInvalid, naming the file and what is wrong with it.
    """
    if len(content) > LONGEST:
        raise _invalid(name, f"it is longer than {LONGEST} bytes")
    text = content.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        return TrustedKeys(_document(text, name))
    if text.startswith("-----BEGIN"):
        return TrustedKeys({}, _pem(text, name))
    try:
        point = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        point = b""
    if len(point) != 32:
        raise _invalid(name, "it is neither JSON nor PEM nor base64 of 32 bytes")
    return TrustedKeys({}, point)


def _key_json(key: PublicKey) -> dict[str, str]:
    return {
        "key_id": key.key_id,
        "algorithm": "Ed25519",
        "public_key": base64.b64encode(key.point).decode(),
        "pem": pem_of(key.point),
        "first_used_at": iso(key.first_used_at),
    }


def _document(text: str, name: str) -> dict[str, bytes]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid(name, "it is no JSON") from None
    found: list[Breach] = []
    _KEYS.check(parsed, "", found)
    if found:
        raise _invalid(name, str(found[0]))
    keys: dict[str, bytes] = {}
    for each in parsed["keys"]:
        point = base64.b64decode(each["public_key"])
        if _pem(each["pem"], name) != point:
            raise _invalid(name, f"public_key and pem of {each['key_id']} are two keys")
        if keys.setdefault(each["key_id"], point) != point:
            raise _invalid(name, f"two keys have the id {each['key_id']}")
    return keys


def _pem(text: str, name: str) -> bytes:
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise _invalid(name, "its PEM holds no Ed25519 public key")
    return key.public_bytes_raw()


def _invalid(name: str, why: str) -> InputInvalid:
    return InputInvalid(
        f"{name} holds no key to verify with: {why}",
        "give a firstry-keys.json, or one Ed25519 public key in PEM or base64",
    )
