"""How the parts of this process are, which alerts fire, and who may use the API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from firstry.domain.errors import StoreUnavailable, StoreUnfit
from firstry.insight.alert import AlertName, Firing, firing
from firstry.insight.health import OK, detail
from firstry.web.console.visit import BASE, View, Visit
from firstry.web.console.wording import span

PATROLLED = 20
"""How many more ledgers each visit looks at."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the service: what it says of itself, how that looks, and its facts."""

    name: str
    says: str
    look: str
    facts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires. `tenants` is where those it is about are listed, if they can be."""

    name: AlertName
    firing: Firing
    tenants: str | None


def health(visit: Visit) -> View:
    """Show each part, the alerts that fire and the ledgers that were found broken."""
    seen: Any = detail(visit.parts.health)
    context: dict[str, object] = {
        "status": seen["status"],
        "parts": [_part(name, each) for name, each in seen["parts"].items() if name in _FACTS],
        "versions": seen["versions"],
        "alerts": (),
        "broken": (),
        "is_service_broken": False,
        "is_fit": True,
    }
    try:
        patrol = visit.parts.patrol
        patrol.step(PATROLLED)
        context["broken"] = patrol.broken_tenants
        context["is_service_broken"] = patrol.is_service_broken
        found = firing(visit.parts.watch.overview(), patrol)
        context["alerts"] = [_alert(name, each) for name, each in sorted(found.items())]
    except (StoreUnavailable, StoreUnfit):  # the parts say what is wrong with the store
        context["is_fit"] = False
    return View("health.html", "Health", context)


def tokens(visit: Visit) -> View:
    """Show every API token, without its secret, which nobody has but its owner."""
    return View("tokens.html", "API tokens", {"tokens": visit.parts.tokens.tokens()})


def _alert(name: AlertName, found: Firing) -> Alert:
    asked = found.filter_text
    return Alert(name, found, f"{BASE}/tenants?{urlencode({'filter': asked})}" if asked else None)


def _part(name: str, told: Mapping[str, Any]) -> Part:
    """Return a part as it is shown; a process without a worker is neither well nor ill."""
    is_absent = name == "worker" and told["silent_seconds"] is None
    look = "well" if told["says"] == OK else "faint" if is_absent else "ill"
    return Part(name, told["says"], look, _FACTS[name](told))


def _store(told: Mapping[str, Any]) -> list[str]:
    lent = told["connections"]
    use = f"connections: {lent['in_use']} lent, {lent['open']} open, {lent['most']} at most"
    return [told["product"], use] if told["product"] else [use]


def _schema(told: Mapping[str, Any]) -> list[str]:
    head = told["head"]
    return [f"head {head}", f"{len(told['applied'])} steps applied"] if head else []


def _clock(told: Mapping[str, Any]) -> list[str]:
    seen = told["high_water_at"]
    ahead = f"{told['ahead_of_host_seconds']} s ahead of the host's clock"
    return [*([f"the store has seen {seen}"] if seen else []), ahead]


def _worker(told: Mapping[str, Any]) -> list[str]:
    silence = told["silent_seconds"]
    return [] if silence is None else [f"went round {_ago(silence)}"]


def _ticks(told: Mapping[str, Any]) -> list[str]:
    ago = told["seconds_ago"]
    return ["no site has ticked yet" if ago is None else f"the latest noted {_ago(ago)}"]


def _ago(seconds: float) -> str:
    return f"{span(timedelta(seconds=seconds))} ago"


_FACTS: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "store": _store,
    "schema": _schema,
    "clock": _clock,
    "worker": _worker,
    "ticks": _ticks,
}
