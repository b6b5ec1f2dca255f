"""The messages of PostgreSQL's protocol (version 3), cut out of the stream of bytes.

Only their frames are read: a letter and a length; at the start of a connection,
a length and a code (PostgreSQL documentation, "Message Formats").
"""

from dataclasses import dataclass
from enum import StrEnum

_CODES = {80877102: "cancel", 80877103: "ssl", 80877104: "gss"}
_ASKS_FOR_ENCRYPTION = ("ssl", "gss")


class Side(StrEnum):
    """Who sent a message."""

    FRONTEND = "frontend"
    BACKEND = "backend"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `kind` is the letter of its type, or a word for the few that have none:
    startup, cancel, ssl and gss, and `refusal`, the one byte that answers the last two."""

    side: Side
    kind: str
    raw: bytes

    def __str__(self) -> str:
        return f"{self.side} {self.kind}"


class Conversation:
    """Both streams of one connection. What the backend may say first depends on the frontend."""

    def __init__(self) -> None:
        self._rest = {Side.FRONTEND: bytearray(), Side.BACKEND: bytearray()}
        self._has_started = False
        self._unanswered = 0

    def feed(self, side: Side, received: bytes) -> list[Message]:
        """Take in what one side sent; return the messages that are complete now."""
        self._rest[side] += received
        found = []
        while (message := self._next(side)) is not None:
            found.append(message)
        return found

    def _next(self, side: Side) -> Message | None:
        rest = self._rest[side]
        if side is Side.BACKEND and self._unanswered and rest:
            self._unanswered -= 1
            assert rest[:1] == b"N", "the server wants to encrypt; nothing could be read then"
            return self._cut(side, "refusal", 1)
        prefix = 0 if side is Side.FRONTEND and not self._has_started else 1
        if len(rest) < prefix + 4:
            return None
        size = prefix + int.from_bytes(rest[prefix : prefix + 4])
        if len(rest) < size:
            return None
        if prefix:
            return self._cut(side, chr(rest[0]), size)
        kind = _CODES.get(int.from_bytes(rest[4:8]), "startup")
        self._has_started = kind == "startup"
        self._unanswered += kind in _ASKS_FOR_ENCRYPTION
        return self._cut(side, kind, size)

    def _cut(self, side: Side, kind: str, size: int) -> Message:
        rest = self._rest[side]
        raw = bytes(rest[:size])
        del rest[:size]
        return Message(side, kind, raw)
