"""Canonical bytes and digests: the same value has the same bytes everywhere.

RFC 8785 (JSON Canonicalization Scheme), so that a stranger can recompute every
hash with any conforming library. Python's own encoder writes the same bytes
several times faster wherever the two agree; whatever they may not agree on goes
to `rfc8785` (decision 0012).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

Json = None | bool | int | float | str | Sequence[Any] | Mapping[str, Any]

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode
_DOUBTFUL = (
    re.compile(r'":[-\d](?:\d{15}|\d*(?:\.0\b|\.?\d*e))'),
    re.compile(r",[-\d]"),
    re.compile(r"\[[-\d]"),
)
"""Numbers that the two may write differently: integers from 10**15 on, floats that are
whole or have an exponent, and any number in a list. Each pattern begins with a fixed
character, which makes the search fast; text that only looks like a number costs time."""

_quoted = json.encoder.encode_basestring
_EXACT = 10**15
"""Whole numbers below it are written the same by everybody."""


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 bytes of `value`. Keys of objects are text.

    Raises `rfc8785.CanonicalizationError` on what JSON cannot say exactly:
    integers beyond 2**53, NaN, infinity.
    """
    if not isinstance(value, dict):
        return rfc8785.dumps(value)
    try:
        text = _encode(value)
    except (TypeError, ValueError):
        return rfc8785.dumps(value)
    if not text.isascii() or any(pattern.search(text) for pattern in _DOUBTFUL):
        return rfc8785.dumps(value)  # outside of ASCII even the keys may be sorted differently
    return text.encode()


def plain_bytes(value: Mapping[str, Json]) -> bytes:
    """Return `canonical_bytes` of an object of texts and whole numbers, as ledger entries are.

    Such an object needs no search for doubtful numbers, so it is quicker;
    one that holds anything else is written by `canonical_bytes`.
    """
    text = _plain(value)
    return text.encode() if text is not None and text.isascii() else canonical_bytes(value)


def _plain(value: object) -> str | None:
    """Return the text of a plain value, None if it holds anything that is not."""
    if type(value) is int:
        return str(value) if -_EXACT < value < _EXACT else None
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        members = []
        for key in sorted(value):
            member = value[key]
            text = _quoted(member) if isinstance(member, str) else _plain(member)
            if text is None:
                return None
            members.append(f"{_quoted(key)}:{text}")
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        items = [_plain(each) for each in value]
        return None if None in items else "[" + ",".join(map(str, items)) + "]"
    return None


def digest_of(content: bytes) -> str:
    """Return `sha256:<64 lower-case hex digits>` of `content`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
