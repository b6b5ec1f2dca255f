"""Canonical bytes and digests: the same value has the same bytes everywhere.

RFC 8785 (JSON Canonicalization Scheme), so that a stranger can recompute every
hash with any conforming library.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

Json = None | bool | int | float | str | Sequence[Any] | Mapping[str, Any]


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 bytes of `value`.

    Raises `rfc8785.CanonicalizationError` on what JSON cannot say exactly:
    integers beyond 2**53, NaN, infinity.
    """
    return rfc8785.dumps(value)


def digest_of(content: bytes) -> str:
    """Return `sha256:<64 lower-case hex digits>` of `content`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
