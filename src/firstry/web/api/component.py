"""What answers look like: the components of the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from firstry.domain.access import Role
from firstry.domain.job import BulkAct, JobState
from firstry.domain.phase import Phase
from firstry.insight.concern import Code

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_YES_NO: Schema = {"type": "boolean"}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_MAYBE_INSTANT: Schema = {"type": ["string", "null"], "format": "date-time"}
_NEXT: Schema = {"type": ["string", "null"], "description": "The address of the next page."}
_STATE: Schema = {"type": "string", "enum": [phase.value for phase in Phase]}
_SAYS: Schema = {"type": "string", "description": "`ok`, or what is wrong and what to do."}
_ON_OFF: Schema = {"type": "string", "enum": ["on", "off"]}


def _object(**fields: Schema) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_ATTEMPTS = _object(COMPLETED=_COUNT, FAILED=_COUNT, DEFERRED=_COUNT)
_MILESTONE: dict[str, Schema] = {
    "trigger": _TEXT,
    "revision": _COUNT,
    "state": _STATE,
    "due_at": _INSTANT,
    "window_end_at": _MAYBE_INSTANT,
    "next_due": _MAYBE_INSTANT,
    "attempts": _COUNT,
    "backoff_expires_at": _MAYBE_INSTANT,
    "lease_until": _MAYBE_INSTANT,
    "last_error": _or_null(_object(code=_TEXT, message=_TEXT, at=_INSTANT, attempt=_COUNT)),
    "completed_at": _MAYBE_INSTANT,
    "report_id": _MAYBE_TEXT,
}
_REPORT: dict[str, Schema] = {
    "report_id": _TEXT,
    "cloud_id": _TEXT,
    "trigger": _TEXT,
    "revision": _COUNT,
    "generated_at": _INSTANT,
    "digest": _TEXT,
    "erased_at": _MAYBE_INSTANT,
}
_SWITCH: dict[str, Schema] = {
    "name": _TEXT,
    "cloud_id": _MAYBE_TEXT,
    "state": _ON_OFF,
    "changed_at": _MAYBE_INSTANT,
    "actor": _MAYBE_TEXT,
    "reason": _MAYBE_TEXT,
}

COMPONENTS: Mapping[str, Schema] = {
    "Milestone": _object(**_MILESTONE),
    "Tenant": _object(
        cloud_id=_TEXT,
        installed_at=_MAYBE_INSTANT,
        source=_TEXT,
        paused=_YES_NO,
        paused_at=_MAYBE_INSTANT,
        uninstalled_at=_MAYBE_INSTANT,
        last_tick_at=_MAYBE_INSTANT,
        has_token=_YES_NO,
        erased_at=_MAYBE_INSTANT,
        erase_at=_MAYBE_INSTANT,
        switched_off={"type": "array", "items": _TEXT},
        milestones=_list("Milestone"),
    ),
    "Moment": _object(
        at=_INSTANT,
        sequence=_COUNT,
        kind=_TEXT,
        actor=_TEXT,
        trigger=_MAYBE_TEXT,
        sentence=_TEXT,
    ),
    "TenantPage": _object(
        tenants=_list("Tenant"),
        count=_or_null(_object(tenants=_COUNT, milestones=_COUNT)),
        next=_NEXT,
    ),
    "TenantView": _object(tenant=_ref("Tenant"), timeline=_list("Moment")),
    "Acted": {
        "type": "object",
        "properties": {"tenant": _ref("Tenant"), "milestone": _ref("Milestone")},
        "required": ["tenant"],
        "additionalProperties": False,
    },
    "Report": _object(**_REPORT),
    "ReportPage": _object(reports=_list("Report"), next=_NEXT),
    "ReportView": _object(**_REPORT, report={"type": ["object", "null"]}),
    "Failure": _object(
        fingerprint=_TEXT,
        code=_TEXT,
        message=_TEXT,
        count=_COUNT,
        triggers={"type": "array", "items": _TEXT},
        first_at=_INSTANT,
        last_at=_INSTANT,
        example=_TEXT,
        filter=_TEXT,
    ),
    "FailurePage": _object(failures=_list("Failure"), groups=_COUNT, next=_NEXT),
    "LedgerEntry": _object(
        cloud_id=_MAYBE_TEXT,
        sequence=_COUNT,
        kind=_TEXT,
        at=_INSTANT,
        actor=_TEXT,
        detail={"type": "object"},
        entry_hash=_TEXT,
        hash=_TEXT,
    ),
    "LedgerPage": _object(entries=_list("LedgerEntry"), next=_NEXT),
    "Switch": _object(**_SWITCH),
    "Flag": _object(**_SWITCH, tenants=_list("Switch")),
    "FlagList": _object(flags=_list("Flag")),
    "FlagView": _object(flag=_ref("Switch")),
    "JobError": _object(cloud_id=_TEXT, trigger=_MAYBE_TEXT, code=_TEXT, message=_TEXT),
    "Job": _object(
        job_id=_TEXT,
        act={"type": "string", "enum": [each.value for each in BulkAct]},
        filter=_TEXT,
        reason=_TEXT,
        actor=_TEXT,
        state={"type": "string", "enum": [each.value for each in JobState]},
        total=_COUNT,
        done=_COUNT,
        failed=_COUNT,
        created_at=_INSTANT,
        ended_at=_MAYBE_INSTANT,
        errors=_list("JobError"),
    ),
    "JobView": _object(job=_ref("Job")),
    "Concern": _object(
        code={"type": "string", "enum": [code.value for code in Code]},
        what=_TEXT,
        why=_TEXT,
        remedy=_TEXT,
        count=_COUNT,
        since=_MAYBE_INSTANT,
        filter=_MAYBE_TEXT,
        act=_MAYBE_TEXT,
    ),
    "Tally": _object(trigger=_TEXT, state=_STATE, paused=_YES_NO, count=_COUNT, late=_COUNT),
    "Health": _object(
        status={"type": "string", "enum": ["ok", "attention"]},
        checks={"type": "object", "additionalProperties": _TEXT},
        at=_INSTANT,
        attention=_list("Concern"),
        tally=_list("Tally"),
        attempts={"type": "object", "additionalProperties": _ATTEMPTS},
        lag_seconds=_COUNT,
        next_due=_MAYBE_INSTANT,
        last_tick_at=_MAYBE_INSTANT,
    ),
    "HealthDetail": _object(
        status={"type": "string", "enum": ["ok", "attention", "not ready"]},
        at=_INSTANT,
        parts=_object(
            store=_object(
                says=_SAYS,
                product=_MAYBE_TEXT,
                connections=_object(in_use=_COUNT, open=_COUNT, most=_COUNT),
            ),
            schema=_object(says=_SAYS, head=_MAYBE_TEXT, applied={"type": "array", "items": _TEXT}),
            clock=_object(
                says=_SAYS,
                now=_INSTANT,
                high_water_at=_MAYBE_INSTANT,
                ahead_of_host_seconds={"type": "number"},
            ),
            worker=_object(says=_SAYS, silent_seconds={"type": ["number", "null"], "minimum": 0}),
            ticks=_object(
                says=_SAYS,
                last_at=_MAYBE_INSTANT,
                seconds_ago={"type": ["integer", "null"], "minimum": 0},
            ),
            alerts=_object(says=_SAYS, codes={"type": "array", "items": _TEXT}),
        ),
        versions={"type": "object", "additionalProperties": _TEXT},
    ),
    "Problem": {
        "type": "object",
        "description": "RFC 9457. Conflicts show the present state in `tenant` or `count`.",
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "code": _TEXT,
            "detail": _TEXT,
            "remedy": _TEXT,
            "position": {"type": "integer", "minimum": 1},
            "example": _TEXT,
            "field": _TEXT,
            "tenant": _ref("Tenant"),
            "count": _COUNT,
        },
        "required": ["type", "title", "status", "code", "detail", "remedy"],
        "additionalProperties": False,
    },
}
"""Every schema that an answer refers to."""

ROLES: Mapping[str, str] = {
    Role.VIEWER.value: "may read everything",
    Role.OPERATOR.value: "may also retry, reset, pause, resume, generate and turn switches",
    Role.ADMIN.value: "may also erase",
}
"""What each role may do, in words."""
