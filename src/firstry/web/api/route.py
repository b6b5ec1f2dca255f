"""Every operation of the API, in one table: the routes, the roles and the document.

What is not in this table does not exist; what is in it is served, described in
`/openapi.json` and tried by the tests with every role.
"""

from firstry.domain.access import Role
from firstry.domain.job import BulkAct
from firstry.web.api import act, read
from firstry.web.api.call import ApiRoute
from firstry.web.api.schema import (
    BOOLEAN,
    CLOUD_ID,
    CONFIRM,
    CURSOR,
    FILTER,
    LIMIT,
    LIST_FORMAT,
    REASON,
    TRIGGER,
    Schema,
    body_of,
)

_NAME: Schema = {"type": "string", "pattern": "^[ -~]{1,80}$"}
_PAGE = {"limit": LIMIT, "cursor": CURSOR, "format": LIST_FORMAT}
_ON_ONE = (404, 409)

READS = (
    ApiRoute(
        "GET",
        "/tenants",
        Role.VIEWER,
        "List the tenants that a filter means.",
        read.tenants,
        "TenantPage",
        {"filter": FILTER, "count": BOOLEAN, **_PAGE},
    ),
    ApiRoute(
        "GET",
        "/tenants/{tenant_id}",
        Role.VIEWER,
        "Show one tenant and the newest part of its timeline.",
        read.tenant,
        "TenantView",
        problems=(404,),
    ),
    ApiRoute(
        "GET",
        "/reports",
        Role.VIEWER,
        "List reports.",
        read.reports,
        "ReportPage",
        {"tenant": CLOUD_ID, **_PAGE},
    ),
    ApiRoute(
        "GET",
        "/reports/{report_id}",
        Role.VIEWER,
        "Show one report with its whole content, unless it was erased.",
        read.report,
        "ReportView",
        problems=(404,),
    ),
    ApiRoute(
        "GET",
        "/reports/{report_id}/export",
        Role.VIEWER,
        "Download one report as a file that verifies.",
        read.export,
        "File",
        {"format": {"type": "string", "maxLength": 20}},
        problems=(404, 410, 500),
    ),
    ApiRoute(
        "GET",
        "/failures",
        Role.VIEWER,
        "Group the failures that are alike.",
        read.failures,
        "FailurePage",
        _PAGE,
    ),
    ApiRoute(
        "GET",
        "/ledger",
        Role.VIEWER,
        "List ledger entries, the newest first.",
        read.ledger,
        "LedgerPage",
        {"tenant": CLOUD_ID, "kind": _NAME, "actor": _NAME, **_PAGE},
    ),
    ApiRoute("GET", "/flags", Role.VIEWER, "List every switch.", read.flags, "FlagList"),
    ApiRoute(
        "GET",
        "/bulk/{job_id}",
        Role.VIEWER,
        "Show how far a bulk job is.",
        read.job,
        "JobView",
        problems=(404,),
    ),
    ApiRoute(
        "GET",
        "/health",
        Role.VIEWER,
        "Say what stands over all tenants and what needs attention.",
        read.health,
        "Health",
    ),
    ApiRoute(
        "GET",
        "/health/detail",
        Role.VIEWER,
        "Say how each part of this process is.",
        read.health_detail,
        "HealthDetail",
        base="",
    ),
)

_MILESTONE = body_of(trigger=TRIGGER, reason=REASON)
_WHY = body_of(reason=REASON)
ACTS = (
    ApiRoute(
        "POST",
        "/tenants/{tenant_id}/retry",
        Role.OPERATOR,
        "Let a waiting milestone be attempted now.",
        act.retry,
        "Acted",
        body=_MILESTONE,
        problems=_ON_ONE,
    ),
    ApiRoute(
        "POST",
        "/tenants/{tenant_id}/reset",
        Role.OPERATOR,
        "Have a report made again as the next revision; the earlier one stays.",
        act.reset,
        "Acted",
        body=_MILESTONE,
        problems=_ON_ONE,
    ),
    ApiRoute(
        "POST",
        "/tenants/{tenant_id}/pause",
        Role.OPERATOR,
        "Claim nothing for a tenant until it is resumed.",
        act.pause,
        "Acted",
        body=_WHY,
        problems=_ON_ONE,
    ),
    ApiRoute(
        "POST",
        "/tenants/{tenant_id}/resume",
        Role.OPERATOR,
        "Let a paused tenant go on.",
        act.resume,
        "Acted",
        body=_WHY,
        problems=_ON_ONE,
    ),
    ApiRoute(
        "POST",
        "/tenants/{tenant_id}/generate",
        Role.OPERATOR,
        "Ask for a report now.",
        act.generate,
        "Acted",
        body=_WHY,
        status=202,
        problems=(*_ON_ONE, 429),
    ),
    ApiRoute(
        "POST",
        "/tenants/{tenant_id}/erase",
        Role.ADMIN,
        "Erase what a tenant told: reports, evidence, errors, token. It cannot be undone.",
        act.erase,
        "Acted",
        body=body_of(reason=REASON, confirm=CONFIRM),
        problems=_ON_ONE,
    ),
    ApiRoute(
        "POST",
        "/bulk",
        Role.OPERATOR,
        "Act on everything that a filter means, in the background.",
        act.bulk,
        "JobView",
        body=body_of(
            act={"type": "string", "enum": [each.value for each in BulkAct]},
            filter=FILTER,
            reason=REASON,
            expected_count={"type": "integer", "minimum": 0, "maximum": 1_000_000},
        ),
        status=202,
        problems=(409,),
        takes_key=True,
    ),
    ApiRoute(
        "PUT",
        "/flags/{name}",
        Role.OPERATOR,
        "Turn a switch on or off, for everybody or for one tenant.",
        act.set_flag,
        "FlagView",
        body=body_of(
            state={"type": "string", "enum": ["on", "off"]}, reason=REASON, tenant_=CLOUD_ID
        ),
        problems=_ON_ONE,
    ),
)

ROUTES = (*READS, *ACTS)
"""All of them, in the order of the document."""
