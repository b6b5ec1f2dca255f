"""What the page says of a site's reports: one pure function of the record and the time.

It reads the very milestones that the scheduler writes, so page and scheduler
cannot disagree (P40). It gives codes and instants; the words are the page's own.
An instant says from when something may happen, never that it will.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firstry.domain.canonical import Json
from firstry.domain.due import end_of, has_live_token
from firstry.domain.flag import GENERATION, is_trigger_off
from firstry.domain.instant import iso
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.policy import MANUAL, Policy
from firstry.domain.record import TenantRecord
from firstry.lifecycle.manual import rate_free_at
from firstry.web.page.answer import Refused

REPORTS_SHOWN = 20


class Progress(StrEnum):
    """Where one trigger stands, as a reader sees it."""

    NOT_DUE = "NOT_DUE"
    DUE = "DUE"
    WAITING_FOR_TOKEN = "WAITING_FOR_TOKEN"
    GENERATING = "GENERATING"
    WAITING_FOR_RETRY = "WAITING_FOR_RETRY"
    DEFERRED = "DEFERRED"
    COMPLETED = "COMPLETED"
    MISSED = "MISSED"
    DISCARDED = "DISCARDED"
    CANCELLED = "CANCELLED"
    SWITCHED_OFF = "SWITCHED_OFF"


class Headline(StrEnum):
    """What the page says first."""

    TENANT_UNAVAILABLE = "TENANT_UNAVAILABLE"
    UNINSTALLED = "UNINSTALLED"
    PAUSED = "PAUSED"
    GENERATING = "GENERATING"
    WAITING_FOR_RETRY = "WAITING_FOR_RETRY"
    WAITING_FOR_TOKEN = "WAITING_FOR_TOKEN"
    FAILED = "FAILED"
    REPORT = "REPORT"
    NO_REPORT_YET = "NO_REPORT_YET"


_CLOSED = {
    State.COMPLETED: Progress.COMPLETED,
    State.MISSED: Progress.MISSED,
    State.DISCARDED: Progress.DISCARDED,
    State.CANCELLED: Progress.CANCELLED,
}
_ENDING = {Act.MISS: Progress.MISSED, Act.DISCARD: Progress.DISCARDED}
_SPEAKS_OF = {
    Progress.GENERATING: Headline.GENERATING,
    Progress.DUE: Headline.GENERATING,
    Progress.WAITING_FOR_RETRY: Headline.WAITING_FOR_RETRY,
    Progress.DEFERRED: Headline.WAITING_FOR_RETRY,
    Progress.WAITING_FOR_TOKEN: Headline.WAITING_FOR_TOKEN,
}
"""What is under way is said first, in this order. What is due is about to be begun."""
_WITHOUT_NEXT = frozenset({Progress.GENERATING, Progress.SWITCHED_OFF, *_ENDING.values()})
_GIVEN_UP = frozenset({Progress.MISSED, Progress.DISCARDED})


def status_of(record: TenantRecord | None, now: datetime, policy: Policy) -> dict[str, Json]:
    """Return everything but the report itself."""
    shown = () if record is None else tuple(_shown(record, policy))
    return {
        "state": headline_of(record, now, policy),
        "installed_at": _instant(_installed_at(record)),
        "last_tick_at": _instant(record.last_tick_at if record else None),
        "triggers": [_trigger(each, record, now, policy) for each in shown if record],
        "reports": [_report(each) for each in (finished(record) if record else [])][:REPORTS_SHOWN],
        "generate": availability(record, now, policy).as_json(),
    }


def headline_of(record: TenantRecord | None, now: datetime, policy: Policy) -> Headline:
    """Return what is said first of a site."""
    if record is None or not record.is_evidenced():
        return Headline.TENANT_UNAVAILABLE
    if record.uninstalled_at is not None:
        return Headline.UNINSTALLED
    if _is_paused(record):
        return Headline.PAUSED
    each = [(progress_of(m, record, now, policy), m) for m in _shown(record, policy)]
    for progress, headline in _SPEAKS_OF.items():
        if any(found is progress for found, _ in each):
            return headline
    done = finished(record)
    given_up = [m.due_at for found, m in each if found in _GIVEN_UP]
    if given_up and (not done or max(given_up) > done[0].due_at):
        return Headline.FAILED
    return Headline.REPORT if done else Headline.NO_REPORT_YET


def finished(record: TenantRecord) -> list[Milestone]:
    """Return the milestones that have a report here, the latest first."""
    held = [m for m in record.milestones if m.report_id is not None and not m.is_imported()]
    done = [m for m in held if m.completed_at is not None]
    return sorted(done, key=lambda m: (m.completed_at, m.key), reverse=True)


def progress_of(
    milestone: Milestone, record: TenantRecord, now: datetime, policy: Policy
) -> Progress:
    """Return where one milestone stands at `now`."""
    if milestone.state in _CLOSED:
        return _CLOSED[milestone.state]
    if milestone.is_leased(now):
        return Progress.GENERATING
    if is_trigger_off(record.switched_off, milestone.trigger):
        return Progress.SWITCHED_OFF
    end = end_of(milestone, now, policy)
    if end is not None:
        return _ENDING[end]
    if milestone.is_eligible(now):
        has_token = has_live_token(record, now, policy)
        return Progress.DUE if has_token else Progress.WAITING_FOR_TOKEN
    if milestone.state is State.CLAIMED or milestone.starts > 0:
        is_put_off = milestone.state is State.SCHEDULED and milestone.deferral_kind is not None
        return Progress.DEFERRED if is_put_off else Progress.WAITING_FOR_RETRY
    return Progress.NOT_DUE


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a report may be asked for: no reason against it, or one and perhaps its end."""

    reason: Refused | None = None
    after: datetime | None = None

    def as_json(self) -> dict[str, Json]:
        """Return it as the page reads it."""
        is_available = self.reason is None
        return {"is_available": is_available, "reason": self.reason, "after": _instant(self.after)}


def availability(record: TenantRecord | None, now: datetime, policy: Policy) -> Availability:
    """Return whether a report may be asked for at `now`."""
    if record is None or not record.is_evidenced():
        return Availability(Refused.INSTALLATION_UNKNOWN)
    if record.uninstalled_at is not None:
        return Availability(Refused.UNINSTALLED)
    if _is_paused(record):
        return Availability(Refused.PAUSED)
    if is_trigger_off(record.switched_off, MANUAL):
        return Availability(Refused.SWITCHED_OFF)
    latest = record.latest(MANUAL)
    if latest is not None and latest.is_live():
        return Availability(Refused.GENERATION_IN_PROGRESS if latest.is_leased(now) else None)
    free_at = rate_free_at(record, now, policy)
    return (
        Availability() if free_at is None else Availability(Refused.MANUAL_RATE_EXCEEDED, free_at)
    )


def _is_paused(record: TenantRecord) -> bool:
    return record.paused_at is not None or GENERATION in record.switched_off


def _installed_at(record: TenantRecord | None) -> datetime | None:
    """Return the installation that is in force, None while there is no evidence of one."""
    return record.installation.latest_at if record is not None and record.is_evidenced() else None


def _shown(record: TenantRecord, policy: Policy) -> Iterator[Milestone]:
    """Yield the latest revision of each trigger, in the order of their ages, MANUAL last."""
    for trigger in (*(name for name, _ in policy.triggers), MANUAL):
        latest = record.latest(trigger)
        if latest is not None:
            yield latest


def _trigger(
    milestone: Milestone, record: TenantRecord, now: datetime, policy: Policy
) -> dict[str, Json]:
    progress = progress_of(milestone, record, now, policy)
    waits = milestone.is_live() and progress not in _WITHOUT_NEXT
    error = milestone.last_error
    return {
        "trigger": milestone.trigger,
        "revision": milestone.revision,
        "state": progress,
        "due_at": iso(milestone.due_at),
        "window_end_at": _instant(milestone.window_end_at),
        "next_attempt_at": iso(milestone.next_due) if waits else None,
        "attempts": milestone.attempts,
        "completed_at": _instant(milestone.completed_at),
        "report_id": None if milestone.is_imported() else milestone.report_id,
        "last_error": None
        if error is None
        else {
            "code": error.code,
            "message": error.message,
            "at": iso(error.at),
            "attempt": error.attempt,
        },
    }


def _report(milestone: Milestone) -> dict[str, Json]:
    return {
        "report_id": milestone.report_id,
        "trigger": milestone.trigger,
        "revision": milestone.revision,
        "completed_at": _instant(milestone.completed_at),
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)
