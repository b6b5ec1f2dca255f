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

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Started:
    """One claim. `not_before` is when the wait before it was over."""

    at: datetime
    number: int
    fence: int
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """An end without a report."""

    act: Act
    at: datetime


@dataclass(slots=True)
class Replayed:
    """Where the ledger leads to, and what it tells on the way."""

    next_due: datetime
    state: State = State.SCHEDULED
    attempts: int = 0
    starts: int = 0
    fence: int = 0
    lease_until: datetime | None = None
    settled_fence: int | None = None
    settled_as: Act | None = None
    claims: list[Started] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def replay(entries: Sequence[SealedEntry], milestone: Milestone, policy: Policy) -> Replayed:
    """Return what the entries of `milestone` lead to, from its due time on."""
    told = Replayed(next_due=milestone.due_at)
    for sealed in entries:
        entry = json.loads(sealed.body)
        detail = entry["detail"]
        if (detail.get("trigger"), detail.get("revision")) == milestone.key:
            _STEPS.get(entry["kind"], _nothing)(
                told, parse_instant(entry["at"]), detail, policy.waits
            )
    return told


Detail = dict[str, Any]
Waits = Sequence[timedelta]


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
    told.next_due = at + _wait(told.attempts, waits)
    if parse_instant(detail["until"]) != told.next_due:
        told.findings.append("I7: a failure waits another time than the table says")


def _defer(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    _settled(told, Act.DEFER, State.SCHEDULED, detail)
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


def _ended(told: Replayed, act: Act, state: State, at: datetime) -> None:
    if told.state not in (State.SCHEDULED, State.CLAIMED):
        told.findings.append(f"I3: {act} after {told.state}")
    _refuse_under_lease(told, act, at)
    told.ends.append(Ended(act, at))
    told.state, told.lease_until = state, None


def _retry(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    if told.state not in (State.SCHEDULED, State.CLAIMED):
        told.findings.append(f"I3: retried after {told.state}")
    _refuse_under_lease(told, Act.RETRY, at)
    told.state, told.lease_until, told.next_due = State.SCHEDULED, None, at


def _refuse_under_lease(told: Replayed, act: Act, at: datetime) -> None:
    if told.lease_until is not None and at < told.lease_until:
        told.findings.append(f"I5: {act} while an attempt held it")


def _nothing(told: Replayed, at: datetime, detail: Detail, waits: Waits) -> None:
    pass


def _wait(attempt: int, waits: Waits) -> timedelta:
    return waits[-1] if attempt > len(waits) else waits[attempt - 1]


_STEPS = {
    Act.CLAIM.value: _claim,
    Act.COMPLETE.value: _complete,
    Act.FAIL.value: _fail,
    Act.DEFER.value: _defer,
    Act.MISS.value: _miss,
    Act.DISCARD.value: _discard,
    Act.RETRY.value: _retry,
}
