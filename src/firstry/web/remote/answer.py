"""What firstry answers on the Forge routes: outcome to status and body, from one table.

Messages are fixed sentences: no error text, no secret and no other tenant's
data can get into an answer. What is said was committed before it is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from starlette.responses import JSONResponse

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.instant import iso
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.settle import Fenced, Settled
from firstry.domain.tenant import Tenant

STATUS: Mapping[Reason, int] = {
    Reason.GENERATED: 200,
    Reason.GENERATION_FAILED: 202,
    Reason.GENERATION_IN_PROGRESS: 202,
    Reason.DEFERRED: 200,
    Reason.WAITING_FOR_TOKEN: 200,
    Reason.CLAIMED_ELSEWHERE: 200,
    Reason.BACKOFF_ACTIVE: 200,
    Reason.DONE_KEY_EXISTS: 200,
    Reason.CLOSED: 200,
    Reason.NOT_DUE: 200,
    Reason.PAUSED: 200,
    Reason.INSTALLATION_UNKNOWN: 200,
    Reason.CLOCK_BEHIND: 500,
}
MESSAGE: Mapping[Reason, str] = {
    Reason.GENERATED: "the report is stored",
    Reason.GENERATION_FAILED: "the report could not be made; it is tried again after the backoff",
    Reason.GENERATION_IN_PROGRESS: "the report is being made",
    Reason.DEFERRED: "the attempt is put off until the platform allows it",
    Reason.WAITING_FOR_TOKEN: "the report is due and waits for a token of the platform",
    Reason.CLAIMED_ELSEWHERE: "another attempt is making the report",
    Reason.BACKOFF_ACTIVE: "an earlier attempt failed; the next one waits for the backoff",
    Reason.DONE_KEY_EXISTS: "the report exists already",
    Reason.CLOSED: "this trigger is closed without a further report",
    Reason.NOT_DUE: "no report is due yet",
    Reason.PAUSED: "report generation is paused for this site",
    Reason.INSTALLATION_UNKNOWN: "no installation evidence is known for this site",
    Reason.CLOCK_BEHIND: "the service's clock lies behind its store; nothing is generated",
}
_SETTLED = {
    Act.COMPLETE: Reason.GENERATED,
    Act.FAIL: Reason.GENERATION_FAILED,
    Act.DEFER: Reason.DEFERRED,
}
_FENCED: Mapping[State | None, Reason] = {
    State.COMPLETED: Reason.DONE_KEY_EXISTS,
    State.CLAIMED: Reason.CLAIMED_ELSEWHERE,
    State.SCHEDULED: Reason.BACKOFF_ACTIVE,
}
_WITH_WAIT = frozenset({Reason.GENERATION_FAILED, Reason.DEFERRED, Reason.BACKOFF_ACTIVE})
SCHEDULER_ERROR = "SCHEDULER_ERROR"


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one milestone (or of none), before it becomes a response.

    `wait_end` is given where the reason speaks of a wait.
    """

    status: int
    reason: str
    message: str
    trigger: str | None = None
    attempt_count: int | None = None
    report_id: str | None = None
    wait_end: datetime | None = None


class Answer(JSONResponse):
    """A response that still knows the reason that it gives."""

    def __init__(
        self, body: Mapping[str, object], status: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(body, status, headers)
        self.reason = body["reason"]


FAULT = Said(500, SCHEDULER_ERROR, "the scheduler could not work; nothing is lost, try again")


def of_quiet(quiet: Quiet) -> Said:
    """Return what is said of a tick that attempted nothing."""
    return _of_milestone(quiet.reason, quiet.milestone)


def of_running(claim: Claim) -> Said:
    """Return what is said while a claimed attempt goes on."""
    reason = Reason.GENERATION_IN_PROGRESS
    return Said(STATUS[reason], reason, MESSAGE[reason], claim.trigger, claim.attempt)


def of_settled(settled: Settled | Fenced) -> Said:
    """Return what is said of an attempt whose end is stored, or was refused."""
    if isinstance(settled, Settled):
        return _of_milestone(_SETTLED[settled.act], settled.milestone)
    if isinstance(settled, Fenced):
        state = settled.milestone.state if settled.milestone else None
        return _of_milestone(_FENCED.get(state, Reason.CLOSED), settled.milestone)
    assert_never(settled)


def _of_milestone(reason: Reason, milestone: Milestone | None) -> Said:
    status, message = STATUS[reason], MESSAGE[reason]
    if status == 500:
        return Said(status, SCHEDULER_ERROR, message)
    if milestone is None:
        return Said(status, reason, message)
    return Said(
        status,
        reason,
        message,
        milestone.trigger,
        milestone.attempts,
        milestone.report_id,
        milestone.next_due if reason in _WITH_WAIT else None,
    )


def tick_body(said: Said, tenant: Tenant, now: datetime) -> dict[str, object]:
    """Return the answer of a tick, with every field that SURFACE names."""
    body: dict[str, object] = {
        "success": said.status == 200,
        "message": said.message,
        "reason": said.reason,
        "cloudId": tenant.cloud_id,
        "due_trigger": said.trigger,
        "report_generated": said.reason == Reason.GENERATED,
        "timestamp": iso(now),
    }
    wait_end = iso(said.wait_end) if said.wait_end else None
    extras = {
        "error_code": said.reason if said.status >= 400 else None,
        "report_id": said.report_id,
        "attempt_count": said.attempt_count,
        "backoff_until": wait_end,
        "backoff_expires_at": wait_end,
    }
    return body | {name: value for name, value in extras.items() if value is not None}


def event_response(reason: str, message: str, tenant: Tenant, now: datetime) -> Answer:
    """Return the answer to an event that was recorded or ignored."""
    return Answer(
        {
            "success": True,
            "message": message,
            "reason": reason,
            "cloudId": tenant.cloud_id,
            "timestamp": iso(now),
        },
        200,
    )


def refusal(
    status: int, code: str, message: str, now: datetime, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer that is neither 200 nor 202: `reason` and `error_code` are the same."""
    return Answer(
        {
            "success": False,
            "message": message,
            "reason": code,
            "error_code": code,
            "cloudId": None,
            "due_trigger": None,
            "report_generated": False,
            "timestamp": iso(now),
        },
        status,
        headers,
    )
