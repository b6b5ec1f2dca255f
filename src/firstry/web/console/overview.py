"""The first screen: what needs attention, and the numbers that say how it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from firstry.domain.phase import Phase
from firstry.domain.policy import MANUAL
from firstry.insight.concern import Code, Concern, concerns
from firstry.insight.overview import SPANS, Overview
from firstry.web.console.visit import BASE, View, Visit


@dataclass(frozen=True, slots=True)
class Remedy:
    """A link that leads to what mends a concern, and what it says."""

    label: str
    path: str


def overview(visit: Visit) -> View:
    """Show what needs attention first, then counts, lateness and rates."""
    seen = visit.parts.watch.overview()
    attention = [(each, _remedy(each), _tenants(each)) for each in concerns(seen)]
    context = {
        "seen": seen,
        "attention": attention,
        "counts": _counts(seen),
        "triggers": _triggers(visit, seen),
        "rates": [_rate(seen, name) for name in SPANS],
        "late": sum(each.late for each in seen.tally),
        "lag": seen.lag() if seen.lag() >= timedelta(seconds=1) else None,
        "total": sum(each.count for each in seen.tally),
    }
    return View("overview.html", "Needs attention", context)


def _remedy(concern: Concern) -> Remedy | None:
    """Return the button of a concern: the bulk act over its filter, or where it is mended."""
    if concern.act is not None and concern.filter_text is not None:
        asked = urlencode({"act": concern.act, "filter": concern.filter_text})
        return Remedy(f"{concern.act.capitalize()} all…", f"{BASE}/bulk?{asked}")
    if concern.code is Code.SWITCHED_OFF:
        return Remedy("Switch on…", f"{BASE}/flags")
    if concern.code is Code.CLOCK_BEHIND:
        return Remedy("See health", f"{BASE}/health")
    return None


def _tenants(concern: Concern) -> str | None:
    if concern.filter_text is None:
        return None
    return f"{BASE}/tenants?{urlencode({'filter': concern.filter_text})}"


def _triggers(visit: Visit, seen: Overview) -> list[str]:
    """Return the triggers of the settings, and then those that only stored milestones have."""
    known = [*(name for name, _ in visit.parts.insight.policy.triggers), MANUAL]
    return list(dict.fromkeys([*known, *sorted(each.trigger for each in seen.tally)]))


def _counts(seen: Overview) -> Sequence[tuple[Phase, Mapping[str, int], int]]:
    """Return how many milestones of each trigger are in each phase, and in all."""
    rows = []
    for phase in Phase:
        by_trigger: dict[str, int] = {}
        for each in seen.tally:
            if each.phase is phase:
                by_trigger[each.trigger] = by_trigger.get(each.trigger, 0) + each.count
        rows.append((phase, by_trigger, sum(by_trigger.values())))
    return rows


@dataclass(frozen=True, slots=True)
class Rate:
    """What became of attempts within a span. `share` is failed of charged, None without any."""

    span: str
    completed: int
    failed: int
    deferred: int
    share: int | None


def _rate(seen: Overview, span: str) -> Rate:
    ends = seen.attempts(span)
    failed, charged = seen.failure_rate(span)
    share = round(100 * failed / charged) if charged else None
    return Rate(f"{span[:-1]} {span[-1]}", ends["COMPLETED"], failed, ends["DEFERRED"], share)
