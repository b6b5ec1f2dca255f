"""One tenant: where each milestone stands, what may be done, its reports and its timeline."""

from collections.abc import Sequence

from firstry.domain.errors import NoReport
from firstry.domain.record import StoredReport
from firstry.insight.timeline import Moment, moment_of
from firstry.ports.insight import LineQuery
from firstry.web.console.standing import history, no_pause, standings
from firstry.web.console.visit import Download, View, Visit, no_tenant

TIMELINE = 60
READ = "EVIDENCE_READ"
REPORTS = 20
SHOWN = "html"
SAID = {
    "retry": "Retry ordered: the milestone may be attempted from now on.",
    "reset": "Reset ordered: the report is made again, and what was made stays.",
    "pause": "Paused: nothing is begun for this tenant until it is resumed.",
    "resume": "Resumed: what is due may be begun at once.",
    "generate": "Report asked for: a worker makes it as soon as the site's token allows.",
}


def tenant(visit: Visit) -> View:
    """Show one tenant. Raises NotFound."""
    who, insight = visit.tenant(), visit.parts.insight
    record = insight.store.read(who)
    if record is None:
        raise no_tenant(who.cloud_id)
    lines = insight.insight.lines(LineQuery(who), None, TIMELINE + 1)
    context = {
        "record": record,
        "standings": standings(record, visit.scene),
        "earlier": history(record),
        "no_pause": no_pause(record, visit.scene),
        "timeline": _grouped([moment_of(line) for line in lines[:TIMELINE]]),
        "has_more": len(lines) > TIMELINE,
        "reports": insight.store.reports(who, None, REPORTS),
        "formats": [each for each in visit.parts.publisher.formats if each != SHOWN],
        "said": SAID.get(visit.text("did")),
        "reason": visit.form.get("reason", ""),
    }
    return View("tenant.html", who.cloud_id, context)


def _grouped(moments: Sequence[Moment]) -> list[list[Moment]]:
    """Return moments one by one, but readings that follow each other together."""
    groups: list[list[Moment]] = []
    for moment in moments:
        if groups and moment.kind == groups[-1][0].kind == READ:
            groups[-1].append(moment)
        else:
            groups.append([moment])
    return groups


def report(visit: Visit) -> Download:
    """Show a report as its page, or let one of its files be saved. Raises NotFound."""
    stored = _stored(visit)
    format_name = visit.path["format"]
    if format_name not in visit.parts.publisher.formats:
        raise NoReport(f"there is no format {format_name[:40]!r}", "take one of the links")
    file = visit.parts.publisher.file(stored, format_name)
    return Download(file, is_shown=format_name == SHOWN)


def _stored(visit: Visit) -> StoredReport:
    report_id = visit.path["report_id"]
    stored = visit.parts.insight.store.report(report_id)
    if stored is None:
        raise NoReport(f"there is no report {report_id[:80]!r}", "see the reports of its tenant")
    return stored
