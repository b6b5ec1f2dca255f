"""What may be told about the work: a closed list of events with closed fields."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from firstry.domain.errors import FirstryError
from firstry.domain.tenant import Tenant


class Event(StrEnum):
    """Every event that firstry reports of itself."""

    ATTEMPT_CLAIMED = "attempt_claimed"
    LEASE_EXPIRED = "lease_expired"
    ATTEMPT_SETTLED = "attempt_settled"
    ATTEMPT_FENCED = "attempt_fenced"
    ATTEMPT_UNSETTLED = "attempt_unsettled"
    ATTEMPT_UNEXPECTED = "attempt_unexpected"
    SETTLE_RETRIED = "settle_retried"
    INVOCATION_ANSWERED = "invocation_answered"
    INVOCATION_FAILED = "invocation_failed"
    WORKER_PASS_FAILED = "worker_pass_failed"
    WORKER_TENANT_FAILED = "worker_tenant_failed"
    KEY_SET_FETCHED = "key_set_fetched"
    KEY_SET_FETCH_FAILED = "key_set_fetch_failed"
    REPORT_INVALID = "report_invalid"
    OPERATOR_ACTED = "operator_acted"
    TENANT_ERASED = "tenant_erased"
    ERASURE_FAILED = "erasure_failed"
    BULK_ENDED = "bulk_ended"
    BULK_INTERRUPTED = "bulk_interrupted"
    ALERT_DELIVERED = "alert_delivered"
    ALERT_UNDELIVERED = "alert_undelivered"
    ALERT_PASS_FAILED = "alert_pass_failed"
    SPANS_LOST = "spans_lost"
    SIGN_IN_REFUSED = "sign_in_refused"
    PLAN_OUTDATED = "plan_outdated"
    SERVICE_STARTED = "service_started"
    SERVICE_STOPPED = "service_stopped"


class Telemetry(Protocol):
    """Takes events after the fact. It never fails and never decides anything."""

    def emit(self, event: Event, tenant: Tenant | None = None, **fields: object) -> None:
        """Report `event`. Fields outside the allowed names are dropped, not shown."""
        ...


def told_if_it_fails(telemetry: Telemetry, event: Event, work: Callable[[], None]) -> None:
    """Do `work`; tell of any error as `event` and go on.

    For a thread that looks again and again beside the service's work: a fault of ours
    ends neither the thread unseen nor the process that makes the reports.
    """
    try:
        work()
    except FirstryError as error:
        told = f"{error.message}; {error.remedy}" if error.remedy else error.message
        telemetry.emit(event, error_code=error.code, detail=told)
    except Exception as unexpected:
        telemetry.emit(event, error_code=type(unexpected).__name__)


class CallWatch(Protocol):
    """Is told of every request to Jira, one by one; too many for a log."""

    def called(self, outcome: str) -> None:
        """Note one request by its outcome: a word of a closed list, never a value."""
        ...


class UnwatchedCalls:
    """A `CallWatch` where nobody counts."""

    def called(self, outcome: str) -> None:
        """See `CallWatch`."""
