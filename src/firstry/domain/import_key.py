"""The storage keys of the predecessor, in every form that it ever wrote them.

What must not happen is that a key is not recognised: then a tenant that was done
would be served again (P8). So every form is read, a key that is one of ours but
names no tenant is refused aloud, and only keys of other parts are passed over.

A key names its tenant as the plain cloudId, or as `tenant:` and base64url of the
cloudId, of `cloudId:<id>` or of the site's ARI. One build wrote the text itself,
with `_` in the place of what a storage key must not hold, which is the `/` of an ARI.
"""

from base64 import urlsafe_b64decode
from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.tenant import CloudId, parse_cloud_id

_STATE = "phase5:scheduler:state:"
_STATE_SHORT = "scheduler:state:"
_SCHEDULER = "phase5:scheduler:"
_INSTALLATION = "phase4:evidence:installation:"
_REPORT = "phase5:report:latest:"
_ENCODED = "tenant:"
_FLAT_ARI = "ari_cloud_jira__site_"
_WRAPPERS = ("ari:cloud:jira::site/", "ari:cloud:jira::site_", _FLAT_ARI, "cloudId:")
_NOTHING = frozenset({"", "null", "undefined", "none", "unknown"})


class KeyKind(StrEnum):
    """What stands under a key."""

    STATE = "state"
    DONE = "done"
    ATTEMPT = "attempt"
    INSTALLATION = "installation"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the predecessor's scheduler. `trigger` is that of DONE and ATTEMPT."""

    kind: KeyKind
    cloud_id: CloudId
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A key or value that is the scheduler's and cannot be used, and why."""

    reason: str


def parse_key(key: str, triggers: Container[Trigger]) -> Key | Refused | None:
    """Return what `key` names, why it is refused, or None for a key of another part.

    A completion marker must be of one of `triggers`.
    """
    if key.startswith(_INSTALLATION):
        return _key(KeyKind.INSTALLATION, key.removeprefix(_INSTALLATION))
    if key.startswith(_SCHEDULER):
        rest = key.removeprefix(_SCHEDULER)
        if rest.endswith((":DONE", ":ATTEMPT")):
            return _of_trigger(rest, triggers)
        if key.startswith(_STATE):
            return _key(KeyKind.STATE, key.removeprefix(_STATE))
        return Refused("no key of the scheduler ends like this")
    if key.startswith(_STATE_SHORT):
        return _key(KeyKind.STATE, key.removeprefix(_STATE_SHORT))
    if key.startswith(_REPORT):
        return _key(KeyKind.REPORT, key.removeprefix(_REPORT))
    return None


def _of_trigger(rest: str, triggers: Container[Trigger]) -> Key | Refused:
    named, _, last = rest.rpartition(":")
    text, _, word = named.rpartition(":")
    trigger = Trigger(word)
    if last == "ATTEMPT":
        return _key(KeyKind.ATTEMPT, text, trigger)
    if trigger == MANUAL or trigger not in triggers:
        return Refused(f"{word!r} is no trigger that is made once")
    return _key(KeyKind.DONE, text, trigger)


def _key(kind: KeyKind, text: str, trigger: Trigger | None = None) -> Key | Refused:
    found = _unwrapped(text)
    return found if isinstance(found, Refused) else Key(kind, found, trigger)


def _unwrapped(text: str) -> CloudId | Refused:
    if text.startswith(_ENCODED):
        encoded = text.removeprefix(_ENCODED)
        decoded = None if encoded.lower() in _NOTHING else _decoded(encoded)
        if decoded is None:
            return Refused("it names no tenant, or not in base64url")
        text = decoded
    for wrapper in _WRAPPERS:
        if text.startswith(wrapper):
            text = text.removeprefix(wrapper)
            break
    return parse_cloud_id(text) or Refused("it names no tenant by a cloudId")


def _decoded(text: str) -> str | None:
    """Return the text behind base64url, with or without its padding, or None."""
    bare = text.rstrip("=")
    try:
        encoded = bare.encode("ascii")
        if not encoded.replace(b"-", b"").replace(b"_", b"").isalnum():
            return None
        return urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)).decode()
    except ValueError:
        return None
