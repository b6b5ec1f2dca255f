"""What a lifecycle event says, read from either of the shapes that Forge documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from firstry.web.remote.body import parse_object

_EVENT_TYPES = {
    "avi:forge:installed:app": "installed",
    "avi:forge:upgraded:app": "upgraded",
}


class EventKind(StrEnum):
    """The events that firstry acts on, and all others."""

    INSTALLED = "installed"
    UPGRADED = "upgraded"
    OTHER = "other"


MODULE_EVENTS = {"on-installed": EventKind.INSTALLED, "on-upgraded": EventKind.UPGRADED}
"""The manifest's triggers that tell of one event alone."""


class EventInvalid(Exception):
    """The body names no event, or another than the token's module tells of."""


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """An event as far as firstry needs it."""

    kind: EventKind
    app_version: str | None


def parse_event(body: bytes, module_key: str | None = None) -> LifecycleEvent:
    """Return the event that the body names, or raise EventInvalid.

    `eventType` and the account that caused the event are optional in Forge's
    documents. Without both, an event with all that is not optional is what the
    verified token's module tells of. The body never makes another of it.
    """
    content = parse_object(body)
    if content is None:
        raise EventInvalid
    app = content.get("app")
    version = app.get("version") if isinstance(app, dict) else None
    kept = version if isinstance(version, str) and _is_storable(version) else None
    told = MODULE_EVENTS.get(module_key or "")
    kind = _named_kind(content)
    if kind is None and isinstance(content.get("id"), str) and isinstance(app, dict):
        kind = told
    if kind is None or {kind, told} == {EventKind.INSTALLED, EventKind.UPGRADED}:
        raise EventInvalid
    return LifecycleEvent(kind, kept)


def _named_kind(content: Mapping[str, object]) -> EventKind | None:
    """Return what the body itself says, None where it leaves it open."""
    name = content.get("eventType")
    if isinstance(name, str) and 0 < len(name) <= 200:
        return EventKind(_EVENT_TYPES.get(name, "other"))
    if name is not None:
        raise EventInvalid
    if "installerAccountId" in content:
        return EventKind.INSTALLED
    return EventKind.UPGRADED if "upgraderAccountId" in content else None


def _is_storable(version: str) -> bool:
    """Whether every store can keep it: no NUL and no half of a surrogate pair, for example."""
    return 0 < len(version) <= 64 and version.isprintable()
