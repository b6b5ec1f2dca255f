"""JSON from outside, read as strictly as it was written: one value, one right form."""

import json

from firstry.domain.canonical import Json, canonical_bytes
from firstry.domain.report.shape import Breach


class Unreadable(Exception):
    """The bytes are no JSON that canonical form could hold. `breach` says where."""

    def __init__(self, breach: Breach) -> None:
        super().__init__(str(breach))
        self.breach = breach


def read_json(content: bytes, longest: int) -> Json:
    """Return the JSON value that `content` is, or raise Unreadable.

    Takes UTF-8 only, no NaN or infinity, no number that canonical JSON cannot
    hold, and at most `longest` bytes. Form is judged by `form_of`.
    """
    if len(content) > longest:
        raise Unreadable(Breach("", f"must not be longer than {longest} bytes"))
    try:
        value: Json = json.loads(content.decode(), parse_constant=_refuse_constant)
        canonical_bytes(value)
    except json.JSONDecodeError as error:
        raise Unreadable(Breach(f"byte {error.pos}", f"must be JSON: {error.msg}")) from None
    except UnicodeDecodeError as error:
        raise Unreadable(Breach(f"byte {error.start}", "must be UTF-8")) from None
    except (ValueError, RecursionError):
        rule = "must be JSON whose numbers, text and depth canonical form can hold"
        raise Unreadable(Breach("", rule)) from None
    return value


def form_of(content: bytes, value: Json) -> Breach | None:
    """Return where `content` departs from the canonical form of `value`, None if nowhere."""
    canonical = canonical_bytes(value)
    if content == canonical:
        return None
    pairs = enumerate(zip(content, canonical, strict=False))
    shorter = min(len(content), len(canonical))
    position = next((at for at, (one, other) in pairs if one != other), shorter)
    return Breach(f"byte {position}", "must be canonical JSON (RFC 8785)")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
