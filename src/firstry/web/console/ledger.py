"""The ledgers of all tenants and the service's own, the newest entry first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from firstry.domain.canonical import Json, canonical_bytes
from firstry.domain.errors import FirstryError, InputInvalid
from firstry.domain.tenant import Tenant
from firstry.insight.paging import line_page
from firstry.insight.shape import line_json
from firstry.insight.timeline import KINDS, Moment, moment_of
from firstry.ports.insight import Line, LineQuery
from firstry.web.console.trouble import trouble_of
from firstry.web.console.visit import BASE, View, Visit

ROWS = 50
FILTERS = ("tenant", "kind", "actor")
LONGEST = 128


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as a sentence and as it stands. `cloud_id` is empty in the service's ledger."""

    moment: Moment
    cloud_id: str
    detail: Sequence[tuple[str, str]]
    entry_hash: str
    chain_hash: str


def ledger(visit: Visit) -> View:
    """Show a page of entries; tenant, kind and actor narrow them."""
    try:
        context = _page(visit, line_query(visit))
    except InputInvalid as error:
        return View("ledger.html", "Ledger", _told(visit, error), status=400)
    return View("ledger.html", "Ledger", context)


def line_query(visit: Visit) -> LineQuery:
    """Return which entries the query asks for, or raise InputInvalid."""
    for name in FILTERS:
        text = visit.text(name)
        if len(text) > LONGEST or not text.isprintable():
            raise InputInvalid(
                f"{name} is not 1 to {LONGEST} printable characters", "for example kind=FAILED"
            )
    named = visit.text("tenant")
    who = Tenant.from_operator(named) if named else None
    return LineQuery(who, visit.text("kind") or None, visit.text("actor") or None)


def _page(visit: Visit, query: LineQuery) -> dict[str, object]:
    asked = {name: visit.text(name) for name in FILTERS if visit.text(name)}
    cursor, following = visit.text("cursor"), None
    page = line_page(visit.parts.insight.insight, query, cursor, ROWS)
    if page.following:
        following = f"{BASE}/ledger?{urlencode({**asked, 'cursor': page.following})}"
    return {
        "problem": None,
        "filters": {name: visit.text(name) for name in FILTERS},
        "kinds": KINDS,
        "asked": urlencode(asked),
        "entries": [_entry(line) for line in page.rows],
        "following": following,
        "is_first": not cursor,
    }


def _told(visit: Visit, error: FirstryError) -> dict[str, object]:
    return {
        "problem": trouble_of(error),
        "filters": {name: visit.text(name) for name in FILTERS},
        "kinds": KINDS,
        "asked": "",
        "entries": [],
        "following": None,
        "is_first": True,
    }


def _entry(line: Line) -> Told:
    entry = line_json(line, json.loads(line.body))
    detail = entry["detail"]
    assert isinstance(detail, dict)
    facts = [(name, _text(value)) for name, value in sorted(detail.items())]
    return Told(moment_of(line), line.place.cloud_id, facts, str(entry["entry_hash"]), line.hash)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical_bytes(value).decode()
