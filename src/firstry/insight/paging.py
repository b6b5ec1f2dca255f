"""Lists page by page: what a cursor stands for, and when one leads to a next page.

One row more than a page has is read; if it is there, so is a next page. A cursor is good
at every door that shows the list, and for the very question that it was given out for.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from firstry.domain.filter import Filter
from firstry.domain.filter_text import print_filter
from firstry.domain.instant import iso, parse_instant
from firstry.domain.job import Job, JobPlace
from firstry.domain.phase import Scene
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import CloudId, Tenant
from firstry.insight.cursor import make_cursor, read_cursor
from firstry.ports.insight import Insight, Line, LineQuery, Place
from firstry.ports.job import JobBook
from firstry.ports.store import ReportHead, Store

R = TypeVar("R")
_JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A part of a list. `following` is the cursor of the next page, None on the last one."""

    rows: Sequence[R]
    following: str | None


def tenant_page(
    insight: Insight, wanted: Filter, scene: Scene, cursor: str, limit: int
) -> Page[TenantRecord]:
    """Return the tenants that `wanted` means behind `cursor`, which is empty at the beginning.

    Raises CursorInvalid, as all pages do.
    """
    question = f"tenants {print_filter(wanted)}"
    after = _id_in(question, cursor)
    found = insight.tenants(wanted, scene, CloudId(after) if after else None, limit + 1)
    return _page(found, limit, lambda last: make_cursor(question, [last.tenant.cloud_id]))


def report_page(store: Store, who: Tenant | None, cursor: str, limit: int) -> Page[ReportHead]:
    """Return the reports of a tenant or of all, in order of their ids."""
    question = f"reports {who.cloud_id if who else ''}"
    found = store.reports(who, _id_in(question, cursor), limit + 1)
    return _page(found, limit, lambda last: make_cursor(question, [last.report_id]))


def line_page(insight: Insight, query: LineQuery, cursor: str, limit: int) -> Page[Line]:
    """Return the ledger entries that `query` asks for, the newest first."""
    found = insight.lines(query, place_in(query, cursor), limit + 1)
    return _page(found, limit, lambda last: cursor_behind(query, last))


def job_page(jobs: JobBook, cursor: str, limit: int) -> Page[Job]:
    """Return bulk jobs, the newest first."""
    before = None
    if cursor:
        at, job_id = read_cursor(_JOBS, cursor, str, str)
        before = JobPlace(parse_instant(str(at)), str(job_id))
    found = jobs.jobs(before, limit + 1)
    return _page(found, limit, lambda last: make_cursor(_JOBS, (iso(last.created_at), last.job_id)))


def place_in(query: LineQuery, cursor: str) -> Place | None:
    """Return the place in the ledgers that a cursor stands for, or raise CursorInvalid."""
    if not cursor:
        return None
    at, cloud_id, sequence = read_cursor(_lines(query), cursor, str, str, int)
    return Place(parse_instant(str(at)), str(cloud_id), int(sequence))


def cursor_behind(query: LineQuery, line: Line) -> str:
    """Return the cursor of what comes behind a ledger entry."""
    place = line.place
    return make_cursor(_lines(query), (iso(place.at), place.cloud_id, place.sequence))


def _lines(query: LineQuery) -> str:
    who = query.tenant.cloud_id if query.tenant else None
    return f"ledger {json.dumps([who, query.kind, query.actor])}"


def _id_in(question: str, cursor: str) -> str | None:
    if not cursor:
        return None
    (key,) = read_cursor(question, cursor, str)
    return str(key)


def _page(found: Sequence[R], limit: int, behind: Callable[[R], str]) -> Page[R]:
    rows = found[:limit]
    return Page(rows, behind(rows[-1]) if len(found) > limit else None)
