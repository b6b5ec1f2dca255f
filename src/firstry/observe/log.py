"""Logs: one event a line, only fields that are on the list.

A field that is not listed is dropped, so a secret cannot get into a log by
being passed along; values are cut and control characters escaped, so nothing
from outside can forge a line (I16).
"""

import contextlib
import json
import sys
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, TextIO

import structlog

from firstry.domain.instant import iso
from firstry.domain.tenant import Tenant
from firstry.ports.clock import Clock
from firstry.ports.telemetry import Event

FIELDS = frozenset(
    {
        "attempt",
        "answer_ms",
        "banner",
        "cloud_id",
        "count",
        "detail",
        "error_code",
        "fence",
        "host",
        "outcome",
        "port",
        "revision",
        "role",
        "route",
        "status",
        "trigger",
        "version",
    }
)
LONGEST = 300


class LogTelemetry:
    """A `Telemetry` that writes log lines."""

    def __init__(self, clock: Clock, stream: TextIO, *, as_json: bool) -> None:
        self._clock = clock
        renderer = structlog.processors.JSONRenderer(serializer=_dumps) if as_json else _as_text
        unbound = structlog.wrap_logger(
            structlog.WriteLogger(stream), processors=[_allow_listed, renderer]
        )
        self._logger = unbound.bind()  # else it is bound anew for every line

    def emit(self, event: Event, tenant: Tenant | None = None, **fields: object) -> None:
        """See `ports.telemetry.Telemetry`. A line that cannot be written is lost, no work is."""
        if tenant is not None:
            fields["cloud_id"] = tenant.cloud_id
        with contextlib.suppress(OSError, ValueError):  # a closed stream is a ValueError
            self._logger.info(event.value, ts=iso(self._clock.now()), **fields)


def telemetry_for(log_format: str, clock: Clock) -> LogTelemetry:
    """Return the telemetry of a process; `auto` is json where stderr is no terminal."""
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    return LogTelemetry(clock, sys.stderr, as_json=as_json)


def _allow_listed(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept: dict[str, Any] = {"ts": event["ts"], "event": event["event"]}
    for name in sorted(event):
        if name in FIELDS and event[name] is not None:
            kept[name] = shown(event[name])
    return kept


def shown(value: object) -> str | bool | int | float:
    """Return a value as it may leave the process: cut, and with nothing that forges a line."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return iso(value)
    text = str(value)[:LONGEST]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _dumps(event: MutableMapping[str, Any], **_: object) -> str:
    return json.dumps(event)


def _as_text(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    fields = " ".join(f"{k}={v}" for k, v in event.items() if k not in ("ts", "event"))
    return f"{event['ts']} {event['event']} {fields}"
