"""The endpoints that read. They change nothing, whoever calls them."""

import json
from collections.abc import Mapping

from firstry.domain.canonical import Json
from firstry.domain.errors import NoReport, NotFound
from firstry.domain.filter_text import parse_filter
from firstry.domain.flag import Flag, Switch, all_flags
from firstry.domain.job import SHOWN_ERRORS
from firstry.domain.record import StoredReport
from firstry.domain.tenant import Tenant
from firstry.insight.concern import concerns
from firstry.insight.cursor import make_cursor, read_cursor
from firstry.insight.health import detail
from firstry.insight.listing import entry_table, failure_table, report_table, tenant_table
from firstry.insight.paging import line_page, report_page, tenant_page
from firstry.insight.shape import (
    failure_json,
    job_json,
    line_json,
    moment_json,
    overview_json,
    report_json,
    switch_json,
    tenant_json,
)
from firstry.insight.timeline import moment_of
from firstry.ports.insight import LineQuery
from firstry.ports.store import ReportHead
from firstry.web.api.call import BASE, Call, Reply

TIMELINE = 50


def tenants(call: Call) -> Reply:
    """Tenants that a filter means, in cloudId order; with `count`, how many there are."""
    wanted = parse_filter(call.text("filter"))
    insight, scene = call.parts.insight.insight, call.scene
    if (file := call.file_format()) is not None:
        return Reply(table=(tenant_table(insight, wanted, scene), file))
    page = tenant_page(insight, wanted, scene, call.text("cursor"), call.limit())
    count = None
    if call.text("count") == "true":
        meant = insight.count(wanted, scene)
        count = {"tenants": meant.tenants, "milestones": meant.milestones}
    rows = [tenant_json(record, scene) for record in page.rows]
    return _page(call, "/tenants", {"tenants": rows, "count": count}, page.following)


def tenant(call: Call) -> Reply:
    """One tenant with the newest part of its timeline."""
    who = call.tenant()
    record = call.parts.insight.store.read(who)
    if record is None:
        raise NotFound(f"there is no tenant {who.cloud_id}", "see GET /api/v1/tenants")
    lines = call.parts.insight.insight.lines(LineQuery(who), None, TIMELINE)
    timeline = [moment_json(moment_of(line)) for line in lines]
    return Reply({"tenant": tenant_json(record, call.scene), "timeline": timeline})


def reports(call: Call) -> Reply:
    """Reports in order of their ids, of one tenant or of all."""
    who = Tenant.from_operator(call.text("tenant")) if call.text("tenant") else None
    if (file := call.file_format()) is not None:
        return Reply(table=(report_table(call.parts.insight.store, who), file))
    page = report_page(call.parts.insight.store, who, call.text("cursor"), call.limit())
    rows = [report_json(report) for report in page.rows]
    return _page(call, "/reports", {"reports": rows}, page.following)


def report(call: Call) -> Reply:
    """One report with its whole content, or with none if that was erased."""
    stored = _stored(call)
    if stored.erased_at is not None:
        return Reply({**report_json(_head(stored)), "report": None})
    file = call.parts.publisher.file(stored, "json")
    return Reply({**report_json(_head(stored)), "report": json.loads(file.content)})


def export(call: Call) -> Reply:
    """One report as a file, which verifies."""
    file = call.parts.publisher.file(_stored(call), call.text("format") or "json")
    headers = {
        "content-disposition": f'attachment; filename="{file.name}"',
        "content-security-policy": "sandbox",
    }
    return Reply(content=file.content, media_type=file.media_type, headers=headers)


def failures(call: Call) -> Reply:
    """Groups of alike failures, the largest first."""
    groups = call.parts.watch.overview().failures
    if (file := call.file_format()) is not None:
        return Reply(table=(failure_table(groups), file))
    behind = groups
    if cursor := call.text("cursor"):
        count, code, fingerprint = read_cursor("failures", cursor, int, str, str)
        last = (-int(count), str(code), str(fingerprint))
        behind = [group for group in groups if group.rank > last]
    page = behind[: call.limit()]
    following = None
    if len(behind) > len(page):
        end = page[-1]
        following = make_cursor("failures", (end.count, end.code, end.fingerprint))
    rows = [failure_json(group) for group in page]
    return _page(call, "/failures", {"failures": rows, "groups": len(groups)}, following)


def ledger(call: Call) -> Reply:
    """Ledger entries, the newest first: of all tenants and the service, or of one tenant."""
    who = Tenant.from_operator(call.text("tenant")) if call.text("tenant") else None
    query = LineQuery(who, call.text("kind") or None, call.text("actor") or None)
    if (file := call.file_format()) is not None:
        return Reply(table=(entry_table(call.parts.insight.insight, query), file))
    page = line_page(call.parts.insight.insight, query, call.text("cursor"), call.limit())
    entries = [line_json(line, json.loads(line.body)) for line in page.rows]
    return _page(call, "/ledger", {"entries": entries}, page.following)


def flags(call: Call) -> Reply:
    """Every switch, with the tenants for which it was turned."""
    triggers = [name for name, _ in call.parts.insight.policy.triggers]
    turned = call.parts.insight.flags.switches()
    names = dict.fromkeys([*all_flags(triggers), *(each.flag for each in turned)])
    shown = []
    for name in names:
        mine = [each for each in turned if each.flag == name]
        general = next((each for each in mine if each.tenant is None), Switch(Flag(name), None))
        own = [switch_json(each) for each in mine if each.tenant is not None]
        shown.append({**switch_json(general), "tenants": own})
    return Reply({"flags": shown})


def job(call: Call) -> Reply:
    """How far a bulk job is, and what it could not do."""
    job_id = call.path["job_id"]
    jobs = call.parts.bulk.jobs
    found = jobs.job(job_id)
    if found is None:
        raise NotFound(f"there is no job {job_id[:80]!r}", f"POST {BASE}/bulk makes one")
    return Reply({"job": job_json(found, jobs.errors(job_id, SHOWN_ERRORS))})


def health(call: Call) -> Reply:
    """What stands over all tenants, and what needs attention."""
    seen = call.parts.watch.overview()
    attention = concerns(seen)
    checks = {"store": "ok", "clock": "behind" if seen.is_clock_behind else "ok"}
    status = "attention" if attention else "ok"
    return Reply({"status": status, "checks": checks, **overview_json(seen, attention)})


def health_detail(call: Call) -> Reply:
    """How each part of the process that answers is."""
    return Reply(detail(call.parts.health))


def _stored(call: Call) -> StoredReport:
    report_id = call.path["report_id"]
    stored = call.parts.insight.store.report(report_id)
    if stored is None:
        raise NoReport(f"there is no report {report_id[:80]!r}", f"see GET {BASE}/reports")
    return stored


def _head(stored: StoredReport) -> ReportHead:
    return ReportHead(
        stored.report_id,
        stored.tenant,
        stored.trigger,
        stored.revision,
        stored.generated_at,
        stored.digest,
        stored.erased_at,
    )


def _page(call: Call, path: str, document: Mapping[str, Json], cursor: str | None) -> Reply:
    """Return a page of a list; `cursor` is that of the next one."""
    following = call.next_link(path, cursor) if cursor else None
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    return Reply({**document, "next": following}, headers=headers)
