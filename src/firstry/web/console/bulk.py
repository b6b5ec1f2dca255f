"""One act on everything that a filter means: count first, then order, then watch the job.

The number that was looked at goes along with the order. If the filter means another
number by then, nothing is done, and the page asks again with the present one.
"""

import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from firstry.domain.access import Role
from firstry.domain.errors import FirstryError, InputInvalid, NotFound
from firstry.domain.filter import Filter
from firstry.domain.filter_text import RULES, FilterInvalid, parse_filter, print_filter
from firstry.domain.job import MOST_TARGETS, SHOWN_ERRORS, BulkAct, Job, JobState, Target, parse_act
from firstry.domain.record import Order
from firstry.insight.paging import job_page
from firstry.lifecycle import bulk as lifecycle_bulk
from firstry.web.console.trouble import trouble_of
from firstry.web.console.visit import BASE, Moved, View, Visit

EXAMPLES = 10
ROWS = 25
WORDS = {
    BulkAct.RETRY: ("Retry", "the wait of each ends; its attempts stay counted"),
    BulkAct.RESET: ("Reset", "revision n+1 is made of what has ended, and n stays"),
    BulkAct.PAUSE: ("Pause", "nothing is begun and nothing ends until they are resumed"),
    BulkAct.RESUME: ("Resume", "what is due may be begun; a window that ended is missed"),
}
"""What an act is called, and what it does."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act would be done to now: how many, and the first few of them."""

    act: BulkAct
    filter_text: str
    count: int
    examples: tuple[Target, ...]

    @property
    def noun(self) -> str:
        """What each target is."""
        noun = "milestone" if self.act.is_of_milestones() else "tenant"
        return noun if self.count == 1 else f"{noun}s"

    @property
    def is_possible(self) -> bool:
        """Whether there is something to do, and no more than one job takes."""
        return 0 < self.count <= MOST_TARGETS


def bulk(visit: Visit) -> View:
    """Ask for act and filter; if they are there, count what they mean, else list the jobs."""
    given = visit.form or visit.query
    act_text, filter_text = given.get("act", ""), given.get("filter", "").strip()
    context: dict[str, object] = {
        "acts": WORDS,
        "act": act_text,
        "filter": filter_text,
        "rules": RULES,
        "preview": None,
        "broken": None,
        "problem": None,
        "may_order": visit.may(Role.OPERATOR),
        "reason": visit.form.get("reason", ""),
        "most": MOST_TARGETS,
        "jobs": None,
    }
    try:
        if not act_text:
            return View("bulk.html", "Bulk", context | _jobs(visit))
        context["preview"] = _preview(visit, parse_act(act_text), parse_filter(filter_text))
    except (FilterInvalid, InputInvalid) as error:
        context |= _broken(error)
        return View("bulk.html", "Bulk", context, status=400)
    return View("bulk.html", "Bulk", context)


def order(visit: Visit) -> Moved:
    """Order what was looked at. Raises CountChanged if the filter means another number now."""
    parts, act = visit.parts.bulk, parse_act(visit.field("act"))
    wanted = parse_filter(visit.field("filter"))
    job = lifecycle_bulk.order(
        parts,
        f"j-{secrets.token_hex(8)}",
        act,
        wanted,
        _expected(visit),
        order=Order(visit.reason(), visit.session.actor, visit.now),
        scene=visit.scene,
    )
    visit.parts.wake_bulk()
    return Moved(f"{BASE}/bulk/{job.job_id}")


def job(visit: Visit) -> View:
    """Show how far a job is, and what it could not do. Raises NotFound."""
    job_id, jobs = visit.path["job_id"], visit.parts.bulk.jobs
    found = jobs.job(job_id)
    if found is None:
        raise NotFound(f"there is no job {job_id[:80]!r}", "order one over a filter")
    if found.state is JobState.DONE:
        visit.parts.watch.forget()
    context = {
        "job": found,
        "settled": found.done + found.failed,
        "is_over": found.state is JobState.DONE,
        "errors": jobs.errors(job_id, SHOWN_ERRORS),
        "tenants": _tenants(found),
        "words": WORDS[found.act],
    }
    return View("job.html", f"{WORDS[found.act][0]} {found.total}", context)


def _jobs(visit: Visit) -> dict[str, object]:
    """Return a page of the jobs. Raises CursorInvalid."""
    cursor = visit.text("cursor")
    page = job_page(visit.parts.bulk.jobs, cursor, ROWS)
    following = f"{BASE}/bulk?{urlencode({'cursor': page.following})}" if page.following else None
    return {"jobs": page.rows, "following": following, "is_first": not cursor}


def _preview(visit: Visit, act: BulkAct, wanted: Filter) -> Preview:
    parts, scene = visit.parts.bulk, visit.scene
    count = lifecycle_bulk.preview(parts, act, wanted, scene)
    if act.is_of_milestones():
        meant = lifecycle_bulk.narrowed(act, wanted)
        examples = tuple(parts.insight.targets(meant, scene, None, EXAMPLES))
    else:
        found = parts.insight.tenants(wanted, scene, None, EXAMPLES)
        examples = tuple(Target(record.tenant) for record in found)
    return Preview(act, print_filter(wanted), count, examples)


def _broken(error: FirstryError) -> dict[str, object]:
    broken = error if isinstance(error, FilterInvalid) else None
    return {"broken": broken, "problem": trouble_of(error)}


def _expected(visit: Visit) -> int:
    text = visit.field("count")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputInvalid("the form has no count", "look at the number first, then order")
    return int(text)


def _tenants(found: Job) -> str:
    return f"{BASE}/tenants?{urlencode({'filter': found.filter_text})}"
