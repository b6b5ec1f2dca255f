"""Requests to and answers from a simulated Jira site, as plain values.

They carry what goes over the wire and, beside it, what a wire would do to it: how long the
answer takes and whether it comes at all.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON_TYPE = "application/json;charset=UTF-8"


class Ending(StrEnum):
    """What becomes of the connection."""

    ANSWERED = "answered"
    HANGING = "hanging"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class JiraRequest:
    """One request. `path` is decoded, `query` is raw, header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(
        cls, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> "JiraRequest":
        """Take a URL apart; its scheme and host are ignored."""
        parts = urlsplit(url)
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        return cls(method.upper(), parts.path, parts.query, lowered, body)

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(self.query, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class JiraAnswer:
    """One answer. `delay` is slept by a server and added to virtual time in process.

    With another ending than `ANSWERED`, status and body never arrive.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: timedelta = timedelta()
    ending: Ending = Ending.ANSWERED

    def json(self) -> Any:
        """Return the parsed body; raises `ValueError` on what is no JSON."""
        return json.loads(self.body)


def json_answer(status: int, value: object, headers: Mapping[str, str] | None = None) -> JiraAnswer:
    body = json.dumps(value, separators=(",", ":")).encode()
    return JiraAnswer(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})


def gateway_refusal(status: int, message: str) -> JiraAnswer:
    """Answer as the API gateway in front of Jira does, before Jira has seen the request."""
    return json_answer(status, {"code": status, "message": message})


def jira_refusal(status: int, message: str) -> JiraAnswer:
    """Answer with Jira's `ErrorCollection`."""
    return json_answer(status, {"errorMessages": [message], "errors": {}})
