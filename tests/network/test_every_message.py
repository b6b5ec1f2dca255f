"""A bad network at each message of a claim and its settle, six ways, from both sides (T6).

A tick that is due speaks some 270 messages with PostgreSQL. At each of them the
connection breaks in one of the ways that networks know. Whatever happens, the
answer comes in time and is true, no invariant breaks, and in the end there is one
report. `NETWORK_EVERY` says which part of the messages is taken: 1 is all of them.
"""

import os
import queue
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from firstry.domain.milestone import State
from firstry.sim.platform_key import KeyRing
from support.network_lane import Lane, Struck
from support.postgres_message import Side
from support.proxy import Fault, Point

ANSWER_WITHIN = "2s"
EVERY = int(os.environ.get("NETWORK_EVERY", "5"))
LANES = 14
FEWEST_MESSAGES = 100
DEADLINE_SECONDS = 4.5
"""The platform gives 5 s; here the answer is due after 2."""

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True, slots=True)
class Case:
    """A fault in place of the `nth` message of one side."""

    fault: Fault
    side: Side
    nth: int


Findings = Mapping[tuple[Fault, Side], list[str]]
"""What went wrong, by fault and side. Every key that was tried is there."""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Findings:
    """Every case, tried in a few lanes at once: most of the time is spent in waiting."""
    found: dict[tuple[Fault, Side], list[str]] = defaultdict(list)
    cases: queue.SimpleQueue[Case] = queue.SimpleQueue()
    with Lane(tmp_path_factory.mktemp("first"), keys, ANSWER_WITHIN) as lane:
        for case in _cases(_spoken(lane)):
            cases.put(case)
            found[case.fault, case.side] += []
    threads = [
        threading.Thread(target=_drive, args=(tmp_path_factory.mktemp("lane"), keys, cases, found))
        for _ in range(LANES)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cases.empty(), "every lane broke down"
    return found


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_at_any_message_is_answered_truly_and_mended(
    fault: Fault, side: Side, findings: Findings
) -> None:
    assert findings[fault, side] == []


def _spoken(lane: Lane) -> Mapping[Side, int]:
    """Return how many messages each side sends at least for one tick that makes a report."""
    lane.warm_up()
    site = lane.due_site()
    lane.proxy.take_transcript()
    lane.world.told(site, "GENERATED")
    sides = [message.side for message in lane.proxy.take_transcript()]
    return {side: sides.count(side) for side in Side}


def _cases(spoken: Mapping[Side, int]) -> Iterator[Case]:
    """Yield the cases, the slow ones first; faults take turns where not all are tried."""
    slow_first = sorted(Fault, key=lambda fault: fault in (Fault.CUT, Fault.RESET, Fault.DELAY))
    for turn, fault in enumerate(slow_first):
        for side, total in spoken.items():
            assert total >= FEWEST_MESSAGES, spoken
            yield from (Case(fault, side, nth) for nth in range(1 + turn % EVERY, total + 1, EVERY))


def _drive(
    folder: Path,
    keys: KeyRing,
    cases: "queue.SimpleQueue[Case]",
    found: Mapping[tuple[Fault, Side], list[str]],
) -> None:
    with Lane(folder, keys, ANSWER_WITHIN) as lane:
        while True:
            try:
                case = cases.get_nowait()
            except queue.Empty:
                return
            try:
                wrong = _wrong(lane, case)
            except Exception as error:  # a thread must not lose what it met
                wrong = [repr(error)]
            found[case.fault, case.side].extend(f"at {case.nth}: {each}" for each in wrong)


def _wrong(lane: Lane, case: Case) -> list[str]:
    struck = lane.strike(case.fault, Point(case.side, nth=case.nth))
    wrong = [f"the fault was hit {struck.trap.hits} times"] if struck.trap.hits != 1 else []
    return [*wrong, *_untrue(struck, case.fault), *lane.breaches(struck)]


def _untrue(struck: Struck, fault: Fault) -> Iterator[str]:
    """Yield what is wrong with an answer, seen beside what was stored."""
    answer, state = struck.answer, struck.milestone.state
    body = answer.json()
    if answer.elapsed >= DEADLINE_SECONDS:
        yield f"answered after {answer.elapsed:.1f} s"
    if answer.status not in (200, 202, 500):
        yield f"status {answer.status}"
    if answer.status == 500 and body["error_code"] != "SCHEDULER_ERROR":
        yield f"500 with {body}"
    if answer.status == 200 and (body["reason"], state) != ("GENERATED", State.COMPLETED):
        yield f"said {body['reason']}, stored {state}"
    if fault is Fault.DELAY and answer.status != 200:
        yield f"a short delay was answered with {answer.status}"
