"""The list of tenants: what a filter means, page by page, and the search for any id."""

import re
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from firstry.domain.errors import InputInvalid
from firstry.domain.filter import Filter, meant
from firstry.domain.filter_text import RULES, FilterInvalid, parse_filter, print_filter
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import Tenant
from firstry.insight.cursor import CursorInvalid
from firstry.insight.paging import Page, tenant_page
from firstry.web.console.standing import standings
from firstry.web.console.trouble import trouble_of
from firstry.web.console.visit import BASE, Answer, Moved, View, Visit

ROWS = 50
_WORD = re.compile(r"[A-Za-z0-9_-]{1,128}")


def tenants(visit: Visit) -> Answer:
    """Show the tenants that the filter means; a word that is an id leads to what it names."""
    text = visit.text("filter")
    if _WORD.fullmatch(text):
        return Moved(_named(visit, text))
    try:
        wanted = parse_filter(text)
        page = tenant_page(
            visit.parts.insight.insight, wanted, visit.scene, visit.text("cursor"), ROWS
        )
    except (FilterInvalid, CursorInvalid) as error:
        broken = error if isinstance(error, FilterInvalid) else None
        context = {"filter": text, "broken": broken, "problem": trouble_of(error), "rules": RULES}
        return View("tenants.html", "Tenants", context | _NOTHING, status=400)
    return View("tenants.html", "Tenants", _shown(visit, wanted, page) | {"rules": RULES})


_NOTHING: dict[str, object] = {
    "rows": [],
    "following": None,
    "is_first": True,
    "count": None,
    "targets": None,
    "asked": "",
}


def _shown(visit: Visit, wanted: Filter, page: Page[TenantRecord]) -> dict[str, object]:
    asked = {"filter": print_filter(wanted)} if wanted.conditions else {}
    following, is_first = None, not visit.text("cursor")
    if page.following:
        following = f"{BASE}/tenants?{urlencode({**asked, 'cursor': page.following})}"
    return {
        "filter": print_filter(wanted),
        "asked": urlencode(asked),
        "broken": None,
        "problem": None,
        "rows": [(record, standings(record, visit.scene)) for record in page.rows],
        "following": following,
        "is_first": is_first,
        **_counts(visit, wanted, page.rows if is_first and following is None else None),
    }


def _counts(
    visit: Visit, wanted: Filter, everybody: Sequence[TenantRecord] | None
) -> dict[str, int | None]:
    """Return how many tenants and milestones are meant; `everybody` if they are all known.

    Milestones are counted only where the filter speaks of them: else it means them all.
    """
    insight, scene = visit.parts.insight.insight, visit.scene
    if everybody is not None:
        targets = sum(len(meant(wanted, record, scene) or ()) for record in everybody)
        return {"count": len(everybody), "targets": targets}
    if not wanted.of_milestones():
        return {"count": insight.count_tenants(wanted, scene), "targets": None}
    count = insight.count(wanted, scene)
    return {"count": count.tenants, "targets": count.milestones}


def _named(visit: Visit, word: str) -> str:
    """Return where the thing with this id is; else the filter that looks for it in the sites."""
    store = visit.parts.insight.store
    try:
        who = Tenant.from_operator(word)
        if store.read(who) is not None:
            return f"{BASE}/tenants/{who.cloud_id}"
    except InputInvalid:
        pass
    report = store.report(word)
    if report is not None:
        return f"{BASE}/tenants/{report.tenant.cloud_id}#{quote(word)}"
    if visit.parts.bulk.jobs.job(word) is not None:
        return f"{BASE}/bulk/{word}"
    return f"{BASE}/tenants?{urlencode({'filter': f'site~{word}'})}"
