"""What a lifecycle event says, read from either of the shapes that Forge documents."""

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


class EventInvalid(Exception):
    """The body names no event."""


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """An event as far as firstry needs it."""

    kind: EventKind
    app_version: str | None


def parse_event(body: bytes) -> LifecycleEvent:
    """Return the event that the body names, or raise EventInvalid.

    `eventType` is optional in Forge's documents; without it the account that
    caused the event tells which one it is.
    """
    content = parse_object(body)
    if content is None:
        raise EventInvalid
    app = content.get("app")
    version = app.get("version") if isinstance(app, dict) else None
    kept = version if isinstance(version, str) and _is_storable(version) else None
    name = content.get("eventType")
    if isinstance(name, str) and 0 < len(name) <= 200:
        return LifecycleEvent(EventKind(_EVENT_TYPES.get(name, "other")), kept)
    if name is None and "installerAccountId" in content:
        return LifecycleEvent(EventKind.INSTALLED, kept)
    if name is None and "upgraderAccountId" in content:
        return LifecycleEvent(EventKind.UPGRADED, kept)
    raise EventInvalid


def _is_storable(version: str) -> bool:
    """Whether every store can keep it: no NUL and no half of a surrogate pair, for example."""
    return 0 < len(version) <= 64 and version.isprintable()
