"""Cursors: where a page ends, as one opaque word that only we can read.

A cursor holds the key behind which the next page begins and the question it belongs
to, so that it cannot be used on another list by mistake.
"""

import base64
import binascii
import json
from collections.abc import Sequence

from firstry.domain.errors import InputInvalid

LONGEST = 600
MOST = 2**53
"""No number that we give out is larger; every store can compare one up to this."""


class CursorInvalid(InputInvalid):
    """A cursor that was not given out for this list."""

    code = "CURSOR_INVALID"


def make_cursor(question: str, key: Sequence[str | int]) -> str:
    """Return the word for `key` in the list that answers `question`."""
    content = json.dumps([question, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def read_cursor(question: str, cursor: str, *kinds: type[str] | type[int]) -> list[str | int]:
    """Return the key of a cursor; CursorInvalid unless it is `question`'s and has these kinds."""
    try:
        if len(cursor) > LONGEST:
            raise ValueError
        content = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", True))
        asked: object
        key: list[str | int]
        asked, *key = content
        if any(isinstance(part, str) and not part.isprintable() for part in key):
            raise ValueError
        if any(isinstance(part, int) and not 0 <= part <= MOST for part in key):
            raise ValueError
        if asked != question or [type(part) for part in key] != list(kinds):
            raise ValueError
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise CursorInvalid(
            "the cursor does not belong to this list",
            "begin without a cursor, and take the next one from `next`",
        ) from None
    return key
