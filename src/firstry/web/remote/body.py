"""Read a request's body within limits, and find what it says of the tenant.

A body never decides anything: on a tick it may be missing or broken. It can
only contradict the token, and then nothing is done for anybody (contract A).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

MAX_BYTES = 1024 * 1024
_SITE_ARI = re.compile(r"ari:cloud:jira::site/(.*)", re.DOTALL)
_NAMED_IN_TEXT = re.compile(r"cloud_?id[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9_-]{1,128})", re.IGNORECASE)


class BodyTooLarge(Exception):
    """The body is over the limit; the rest of it was not read."""


async def read_body(request: Request) -> bytes:
    """Return the body, or raise BodyTooLarge without taking in more than the limit."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MAX_BYTES:
        raise BodyTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise BodyTooLarge
    return bytes(body)


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers by lower-case name; a repeated one is joined, so it cannot hide."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def parse_object(body: bytes) -> Mapping[str, Any] | None:
    """Return the JSON object that the body is, unwrapped from `payload`; None if it is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    payload = content.get("payload", content)
    return payload if isinstance(payload, dict) else content


def named_cloud_ids(body: bytes) -> list[object]:
    """Return every cloudId that the body names, in JSON or in plain text."""
    if not body:
        return []
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return list(_NAMED_IN_TEXT.findall(body.decode("utf-8", "replace")))
    named: list[object] = []
    if isinstance(content, dict):
        for level in (content, content.get("payload")):
            named += _named_by(level)
    return named


def _named_by(level: object) -> list[object]:
    if not isinstance(level, dict):
        return []
    named = [level["cloudId"]] if level.get("cloudId") is not None else []
    context = level.get("context")
    if isinstance(context, dict) and context.get("cloudId") is not None:
        named.append(context["cloudId"])
    if isinstance(context, str) and (site := _SITE_ARI.fullmatch(context)):
        named.append(site[1])
    return named
