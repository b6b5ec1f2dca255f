"""What became of a milestone, told by its tenant's ledger alone.

A second, plain statement of the protocol: the tests compare it with the rows that
the service wrote. Entries of a kind that is not known here move nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from firstry.domain.instant import parse_instant
from firstry.domain.ledger import SealedEntry
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.policy import Policy
from firstry.lifecycle.manual import MANUAL_REQUESTED

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MOST_BY_TURNS = 5 + 48
"""So many deferrals for each charged attempt; the next change of their kind is charged."""


@dataclass(frozen=True, slots=True)
class Started:
    """One claim. `not_before` is when the wait before it was over."""

    at: datetime
    number: int
    fence: int
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """An end without a report, and the attempts that were charged until then."""

    act: Act
    at: datetime
    attempts: int


@dataclass(slots=True)
class Replayed:
    """Where the ledger leads to, and what it tells on the way."""

    due_at: datetime
    next_due: datetime
    is_armed: bool = False
    state: State = State.SCHEDULED
    attempts: int = 0
    starts: int = 0
    fence: int = 0
    lease_until: datetime | None = None
    settled_fence: int | None = None
    settled_as: Act | None = None
    deferral_kind: str | None = None
    claims: list[Started] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def replay(entries: Sequence[SealedEntry], milestone: Milestone, policy: Policy) -> Replayed:
    """Return what the entries of `milestone` lead to, from its due time on."""
    told = Replayed(due_at=milestone.due_at, next_due=milestone.due_at)
    for sealed in entries:
        entry = json.loads(sealed.body)
        detail = entry["detail"]
        for each in detail.get("armed", ()):
            if _names(each, milestone):
                _arm(told, parse_instant(each["due_at"]))
                _take_over(told, each)
        for each in detail.get("done", ()):
            if _names(each, milestone):
                _arm(told, parse_instant(each["due_at"]))
                told.state = State.COMPLETED
        step = _STEPS.get(entry["kind"])
        if step is not None and _names(detail, milestone):
            step(told, parse_instant(entry["at"]), detail, policy.waits)
    if not told.is_armed:
        told.findings.append("I15: it was armed without an entry")
    return told


Detail = dict[str, Any]
Waits = Sequence[timedelta]


def _names(detail: Detail, milestone: Milestone) -> bool:
    return (detail.get("trigger"), detail.get("revision")) == milestone.key


def _arm(told: Replayed, due_at: datetime) -> None:
    if told.is_armed:
        told.findings.append("I3: armed twice")
    if due_at != told.due_at:
        told.findings.append("I8: armed for another due time than it has")
    told.is_armed = True


def _take_over(told: Replayed, detail: Detail) -> None:
    """An import arms with the attempts and the wait that the predecessor left behind."""
    told.attempts = told.starts = detail.get("attempts", 0)
    if "until" in detail:
        told.next_due = parse_instant(detail["until"])


def _claim(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    told.attempts += 1
    told.starts += 1
    told.claims.append(Started(at, detail["attempt"], detail["fence"], told.next_due))
    if detail["attempt"] != told.attempts:
        told.findings.append("I6: a claim counts another attempt than the ledger does")
    told.state, told.fence = State.CLAIMED, detail["fence"]
    told.lease_until = parse_instant(detail["lease_until"])
    told.next_due = told.lease_until + _wait(told.attempts, waits)


def _complete(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _settled(told, Act.COMPLETE, State.COMPLETED, detail)


def _fail(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _settled(told, Act.FAIL, State.SCHEDULED, detail)
    told.deferral_kind = None
    told.next_due = at + _wait(told.attempts, waits)
    if parse_instant(detail["until"]) != told.next_due:
        told.findings.append("I7: a failure waits another time than the table says")


def _defer(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _settled(told, Act.DEFER, State.SCHEDULED, detail)
    is_change = told.deferral_kind not in (None, detail["kind"])
    if is_change and told.starts - told.attempts >= MOST_BY_TURNS * told.attempts:
        told.findings.append("I10: deferrals of both kinds by turns are not charged")
    told.deferral_kind = detail["kind"]
    told.attempts -= 1
    told.next_due = parse_instant(detail["until"])
    if not at + MINUTE <= told.next_due <= at + DAY:
        told.findings.append("I7: a deferral waits less than a minute or more than a day")


def _settled(told: Replayed, act: Act, state: State, detail: Detail) -> None:
    if told.state is not State.CLAIMED or detail["fence"] != told.fence:
        told.findings.append("I5: settled under a fence that was not in force")
    told.state, told.lease_until = state, None
    told.settled_fence, told.settled_as = detail["fence"], act


def _miss(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _ended(told, Act.MISS, State.MISSED, at)


def _discard(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _ended(told, Act.DISCARD, State.DISCARDED, at)


def _cancel(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _ended(told, Act.CANCEL, State.CANCELLED, at)


def _ended(told: Replayed, act: Act, state: State, at: datetime) -> None:
    _refuse_after_end(told, act)
    if act is not Act.CANCEL:
        _refuse_under_lease(told, act, at)
    told.ends.append(Ended(act, at, told.attempts))
    told.state, told.lease_until = state, None


def _retry(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _refuse_after_end(told, Act.RETRY)
    _refuse_under_lease(told, Act.RETRY, at)
    told.state, told.lease_until = State.SCHEDULED, None
    told.next_due = max(told.due_at, min(told.next_due, at))


def _ask(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    if told.is_armed:
        _retry(told, at, detail, waits)
    else:
        _arm(told, at)


def _reset(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    if not told.is_armed:
        _arm(told, told.due_at)
        return
    _refuse_after_end(told, Act.RESET)
    told.state, told.lease_until = State.SCHEDULED, None
    told.attempts, told.fence, told.next_due = 0, told.fence + 1, told.due_at
    told.deferral_kind = None


def _refuse_after_end(told: Replayed, act: Act) -> None:
    if told.state not in (State.SCHEDULED, State.CLAIMED):
        told.findings.append(f"I3: {act} after {told.state}")


def _refuse_under_lease(told: Replayed, act: Act, at: datetime) -> None:
    if told.lease_until is not None and at < told.lease_until:
        told.findings.append(f"I5: {act} while an attempt held it")


def _wait(attempt: int, waits: Waits) -> timedelta:
    return waits[-1] if attempt > len(waits) else waits[attempt - 1]


_STEPS = {
    Act.CLAIM.value: _claim,
    Act.COMPLETE.value: _complete,
    Act.FAIL.value: _fail,
    Act.DEFER.value: _defer,
    Act.MISS.value: _miss,
    Act.DISCARD.value: _discard,
    Act.CANCEL.value: _cancel,
    Act.RETRY.value: _retry,
    Act.RESET.value: _reset,
    MANUAL_REQUESTED: _ask,
}
