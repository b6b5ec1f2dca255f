"""A commit whose answer is lost: what was stored is found out by reading, and nothing is doubled.

The claim's commit is never tried again in the same breath, for that could spend a
second attempt; the settle's is, and meets its own marker if the first one arrived
(I1, I5, I6).
"""

from collections.abc import Iterator
from enum import StrEnum

import pytest

from firstry.domain.milestone import State
from firstry.ports.telemetry import Event
from firstry.sim.platform_key import KeyRing
from support.network_lane import Lane
from support.postgres_message import Message, Side
from support.proxy import Fault, Point

BREAKS = (Fault.CUT, Fault.RESET, Fault.HALF_OPEN, Fault.BLACK_HOLE)
COMMIT = b"COMMIT"


class Lost(StrEnum):
    """Which half of a commit never arrives."""

    QUESTION = "question"
    ANSWER = "answer"


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[Lane]:
    with Lane(tmp_path_factory.mktemp("lane"), keys) as lane:
        lane.world.told(lane.due_site(), "GENERATED")
        yield lane


def commit_of_write(lane: Lane, nth: int, lost: Lost) -> Point:
    """Return where the commit of the nth write of a tick is asked for, or answered.

    Reads end with a commit too, but ask for it along with their query.
    """
    if lost is Lost.QUESTION:
        return Point(Side.FRONTEND, "Q", nth, COMMIT)
    site = lane.due_site()
    lane.proxy.take_transcript()
    lane.world.told(site, "GENERATED")
    return Point(
        Side.BACKEND, "C", answers_to_writes(lane.proxy.take_transcript())[nth - 1], COMMIT
    )


def answers_to_writes(spoken: list[Message]) -> list[int]:
    """Return which of the backend's answers to a commit are answers to a write's."""
    found, answers, is_asked = [], 0, False
    for message in spoken:
        if COMMIT not in message.raw:
            continue
        if message.side is Side.FRONTEND:
            is_asked = is_asked or message.kind == "Q"
            continue
        answers += 1
        if is_asked:
            found.append(answers)
            is_asked = False
    return found


@pytest.mark.parametrize("lost", Lost)
@pytest.mark.parametrize("fault", BREAKS)
def test_a_claim_that_may_be_there_is_not_claimed_again(
    lane: Lane, fault: Fault, lost: Lost
) -> None:
    struck = lane.strike(fault, commit_of_write(lane, 1, lost))

    assert struck.trap.hits == 1
    assert struck.answer.status == 500
    assert struck.answer.json()["error_code"] == "SCHEDULER_ERROR"
    is_there = lost is Lost.ANSWER
    assert struck.milestone.state is (State.CLAIMED if is_there else State.SCHEDULED)
    assert (struck.milestone.starts, struck.stored.reports) == (int(is_there), ())
    again = lane.world.tick(struck.site)
    assert again.json()["reason"] == ("CLAIMED_ELSEWHERE" if is_there else "GENERATED")
    assert lane.breaches(struck) == []
    end = lane.finish(struck).record.latest(struck.milestone.trigger)
    assert end is not None
    assert end.attempts == 1 + is_there


@pytest.mark.parametrize("lost", Lost)
@pytest.mark.parametrize("fault", BREAKS)
def test_a_settle_that_may_be_there_is_settled_once(lane: Lane, fault: Fault, lost: Lost) -> None:
    point = commit_of_write(lane, 2, lost)
    settled, retried = lane.told(Event.ATTEMPT_SETTLED), lane.told(Event.SETTLE_RETRIED)
    struck = lane.strike(fault, point)

    assert struck.trap.hits == 1
    assert struck.answer.status in (200, 202), struck.answer.body
    assert lane.told(Event.SETTLE_RETRIED) > retried
    assert lane.told(Event.ATTEMPT_SETTLED) == settled + 1
    assert (struck.milestone.state, struck.milestone.attempts) == (State.COMPLETED, 1)
    assert len(struck.stored.reports) == 1
    assert lane.breaches(struck) == []
