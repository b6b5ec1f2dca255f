"""The failures of all tenants, alike ones together: what it is, how many, since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from firstry.insight.fingerprint import FailureGroup
from firstry.web.console.visit import BASE, View, Visit

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """A group of alike failures, and where to go from it. `alike` have the same code."""

    group: FailureGroup
    alike: int
    tenants: str
    retry: str


def failures(visit: Visit) -> View:
    """Show the groups, the largest first."""
    groups = visit.parts.watch.overview().failures
    kinds = [_kind(group, groups) for group in groups[:SHOWN]]
    more = len(groups) - len(kinds)
    context = {"kinds": kinds, "more": more, "total": sum(each.count for each in groups)}
    return View("failures.html", "Failures", context)


def _kind(group: FailureGroup, groups: Sequence[FailureGroup]) -> Kind:
    """Filters know codes, not messages: a bulk act means every failure with the code."""
    alike = sum(1 for each in groups if each.code == group.code)
    retry = urlencode({"act": "retry", "filter": f"error={group.code} state=backoff"})
    tenants = urlencode({"filter": group.filter_text})
    return Kind(group, alike, f"{BASE}/tenants?{tenants}", f"{BASE}/bulk?{retry}")
