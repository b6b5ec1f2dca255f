"""What can go wrong between an app and Jira, as a plan that a site follows.

A fault either answers in Jira's place or spoils an honest answer. It counts its hits, and it
counts one only where it changed something: a test that asserts the count knows that the
fault really happened.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from firstry.sim.jira_message import Ending, JiraAnswer, gateway_refusal, jira_refusal, json_answer
from firstry.sim.jira_quota import Reason, throttled

OVERSIZE_BYTES = 16 << 20
WRONG_VALUES: Final = ("12", -1, 1.5, 2**53 + 1, None, True)
"""Stand in turn where a count belongs. JSON booleans are integers to a careless reader."""


class FaultKind(StrEnum):
    """What happens to a request."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    BURST = "burst"
    QUOTA_TENANT = "quota_tenant"
    QUOTA_GLOBAL = "quota_global"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server_error"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    OVERSIZED = "oversized"
    WRONG_TYPES = "wrong_types"
    SLOW = "slow"
    HANG = "hang"
    RESET = "reset"
    REDIRECT = "redirect"


@dataclass(slots=True, eq=False)
class Fault:
    """One entry of a plan: `start` <= t < `end` and at most `times` hits, each if given.

    `path` limits it to REST paths that begin so, as `/rest/api/3/field`. `delay` is for SLOW,
    `retry_after` for 429 and 503, `value` for WRONG_TYPES (default: the wrong values in
    turn), `location` for REDIRECT.
    """

    kind: FaultKind
    start: datetime | None = None
    end: datetime | None = None
    times: int | None = None
    path: str | None = None
    delay: timedelta = timedelta(seconds=30)
    retry_after: timedelta | None = None
    value: object = WRONG_VALUES
    location: str = "http://redirect.invalid/"
    hits: int = 0

    def applies(self, path: str, at: datetime) -> bool:
        return (
            (self.start is None or self.start <= at)
            and (self.end is None or at < self.end)
            and (self.times is None or self.hits < self.times)
            and (self.path is None or path.startswith(self.path))
        )


def instead(fault: Fault, at: datetime) -> JiraAnswer | None:
    """Return the answer that takes the place of Jira's; None for faults that spoil one."""
    match fault.kind:
        case FaultKind.UNAUTHORIZED:
            return gateway_refusal(401, "Unauthorized")
        case FaultKind.FORBIDDEN:
            return jira_refusal(403, "The app does not have permission to do this.")
        case FaultKind.BURST:
            return throttled(Reason.BURST, at, retry_after=fault.retry_after)
        case FaultKind.QUOTA_TENANT:
            return throttled(Reason.TENANT, at, retry_after=fault.retry_after)
        case FaultKind.QUOTA_GLOBAL:
            return throttled(Reason.GLOBAL, at, retry_after=fault.retry_after)
        case FaultKind.UNAVAILABLE:
            return _unavailable(fault)
        case FaultKind.SERVER_ERROR:
            return jira_refusal(500, "Internal server error")
        case FaultKind.GARBAGE:
            page = b"<!DOCTYPE html><html><body>Log in to continue</body></html>"
            return JiraAnswer(200, page, {"Content-Type": "text/html;charset=UTF-8"})
        case FaultKind.HANG:
            return JiraAnswer(504, ending=Ending.HANGING)
        case FaultKind.RESET:
            return JiraAnswer(502, ending=Ending.RESET)
        case FaultKind.REDIRECT:
            return JiraAnswer(302, headers={"Location": fault.location})
        case FaultKind.TRUNCATED | FaultKind.OVERSIZED | FaultKind.WRONG_TYPES | FaultKind.SLOW:
            return None
        case _:
            assert_never(fault.kind)


def spoiled(fault: Fault, answer: JiraAnswer) -> JiraAnswer | None:
    """Return the honest answer spoiled; None if there is nothing in it to spoil.

    Bodies are spoiled only where they were a success, for a client reads no others.
    """
    if fault.kind is FaultKind.SLOW:
        return replace(answer, delay=answer.delay + fault.delay)
    if answer.status != 200:
        return None
    match fault.kind:
        case FaultKind.TRUNCATED:
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case FaultKind.OVERSIZED:
            return replace(answer, body=answer.body + b" " * OVERSIZE_BYTES)
        case FaultKind.WRONG_TYPES:
            return _with_wrong_type(fault, answer)
        case _:
            return None


def _unavailable(fault: Fault) -> JiraAnswer:
    answer = gateway_refusal(503, "Service Unavailable")
    if fault.retry_after is None:
        return answer
    seconds = -(-fault.retry_after // timedelta(seconds=1))
    return replace(answer, headers={**answer.headers, "Retry-After": str(seconds)})


def _with_wrong_type(fault: Fault, answer: JiraAnswer) -> JiraAnswer:
    value = fault.value
    if value is WRONG_VALUES:
        value = WRONG_VALUES[fault.hits % len(WRONG_VALUES)]
    body = answer.json()
    if not isinstance(body, dict):
        return json_answer(200, {"values": value})
    if "permissions" in body:
        rows = {key: {**row, "havePermission": value} for key, row in body["permissions"].items()}
        return json_answer(200, {"permissions": rows})
    counted = {name: value for name in ("total", "count", "permissionSchemes") if name in body}
    return json_answer(200, {**body, **counted})
