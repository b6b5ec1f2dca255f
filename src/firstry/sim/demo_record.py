"""What the demo hears and sees, counted and made into scenes.

Two sources are brought together: the answers that Forge gets, and the ledger entries that
were committed meanwhile. An end that no answer tells of was the worker's doing, or came
after its tick had been answered.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from firstry.domain.canonical import Json
from firstry.domain.due import Reason
from firstry.domain.instant import parse_instant
from firstry.domain.milestone import Act
from firstry.sim.delivery import Delivered, next_retry
from firstry.sim.demo_cast import Member
from firstry.sim.demo_story import (
    QUIET,
    Answered,
    Ended,
    Hear,
    NoAnswer,
    Numbers,
    Teller,
    is_told_by,
)
from firstry.sim.demo_watch import Fact, Watch

INSTALL: Final = "/forge/lifecycle"
TICK: Final = "/forge/tick"


@dataclass(slots=True)
class Tally:
    """What was counted. `held` is what each site held when each of its reports was made.

    A duplicate had an effect if an attempt was begun or an entry was written for its site.
    """

    ticks: int = 0
    duplicates: int = 0
    duplicates_with_effect: int = 0
    retries: int = 0
    unanswered: int = 0
    kills: int = 0
    slowest_seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    held: dict[str, dict[str, dict[str, Json]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of Forge: `copy` is 2 for a duplicate, `delivery` 2 for the first retry."""

    member: Member
    route: str
    copy: int = 1
    delivery: int = 1


class Record:
    """Keeps the tally of a day and tells its scenes."""

    def __init__(self, cast: Iterable[Member], watch: Watch, hear: Hear) -> None:
        self.tally = Tally()
        self.teller = Teller(hear)
        self._watch = watch
        self._members: Mapping[str, Member] = {m.site.cloud_id: m for m in cast}
        self._under_way: set[tuple[str, str]] = set()

    def name_of(self, cloud_id: str) -> str:
        """Return the name of the site with this cloudId."""
        return self._members[cloud_id].name

    def hear(self, call: Call, delivered: Delivered, at: datetime) -> datetime | None:
        """Take in what came back; return when Forge delivers again, None if it does not."""
        self._count(call, delivered)
        if delivered.is_success:
            self._hear_answer(call, delivered, at)
            return None
        wait = next_retry(call.delivery) if call.copy == 1 else None
        retry_at = at + wait if wait is not None else None
        self.teller.tell(NoAnswer(at, call.member.name, delivered.status, retry_at))
        return retry_at

    def see_ends(self) -> None:
        """Tell what was committed since the last look and no answer told of."""
        self._tell_ends(self._watch.new_ends())

    def forget_running(self) -> None:
        """Whatever was under way has died."""
        self._under_way.clear()

    def _count(self, call: Call, delivered: Delivered) -> None:
        tally = self.tally
        tally.duplicates += call.copy > 1
        tally.retries += call.delivery > 1
        tally.ticks += call.copy == 1 and call.delivery == 1 and call.route == TICK
        if delivered.is_success:
            seconds = delivered.elapsed.total_seconds()
            tally.slowest_seconds = max(tally.slowest_seconds, seconds)
        else:
            tally.unanswered += 1

    def _hear_answer(self, call: Call, delivered: Delivered, at: datetime) -> None:
        body: Any = delivered.body
        self.tally.reasons[body["reason"]] += 1
        fact = self._fact_behind(call, body["reason"])
        answer = _answer(call, delivered, at, fact, self._numbers(fact))
        if answer.reason == Reason.GENERATION_IN_PROGRESS and answer.trigger:
            self._under_way.add((call.member.site.cloud_id, answer.trigger))
        if _is_eventful(call, answer):
            self.teller.tell(answer)
        else:
            self.teller.count(answer)

    def _fact_behind(self, call: Call, reason: str) -> Fact | None:
        """Return the end that the answer tells of; tell the others that came to light."""
        mine, others = None, []
        for fact in self._watch.new_ends():
            if fact.cloud_id == call.member.site.cloud_id and is_told_by(fact, reason):
                mine = fact
            else:
                others.append(fact)
        self._tell_ends(others)
        if mine is not None:
            self._note_held(mine)
        return mine

    def _tell_ends(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            key = (fact.cloud_id, fact.trigger)
            self._note_held(fact)
            is_after = key in self._under_way
            self._under_way.discard(key)
            name = self.name_of(fact.cloud_id)
            self.teller.tell(Ended(fact, name, is_after, self._numbers(fact)))

    def _note_held(self, fact: Fact) -> None:
        """Remember what the site holds now: its report must say the same."""
        if fact.act is Act.COMPLETE:
            held = self._members[fact.cloud_id].holds(fact.at)
            self.tally.held.setdefault(fact.cloud_id, {})[fact.trigger] = held

    def _numbers(self, fact: Fact | None) -> Numbers | None:
        if fact is None or fact.act is not Act.COMPLETE:
            return None
        return self._watch.numbers(fact.detail["report_id"])


def _answer(
    call: Call, delivered: Delivered, at: datetime, fact: Fact | None, numbers: Numbers | None
) -> Answered:
    body: Any = delivered.body
    assert delivered.status is not None
    until = body.get("backoff_expires_at")
    return Answered(
        at=at,
        site=call.member.name,
        status=delivered.status,
        reason=body["reason"],
        trigger=body.get("due_trigger"),
        attempt=body.get("attempt_count"),
        until=parse_instant(until) if until else None,
        seconds=delivered.elapsed.total_seconds(),
        is_install=call.route == INSTALL,
        copy=call.copy,
        delivery=call.delivery,
        fact=fact,
        numbers=numbers,
    )


def _is_eventful(call: Call, answer: Answered) -> bool:
    """Whether an answer is told by itself: all but idle ticks, and reports like others."""
    if answer.is_install:
        return False
    if answer.delivery > 1:
        return True
    is_first_due = call.member.is_first_due(answer.at)
    if answer.reason in QUIET or (answer.reason == Reason.BACKOFF_ACTIVE and not is_first_due):
        return answer.copy > 1 and call.member.is_doubled and is_first_due
    is_plain = answer.reason == Reason.GENERATED and answer.attempt == 1
    return not is_plain or (call.member.is_named and is_first_due)
