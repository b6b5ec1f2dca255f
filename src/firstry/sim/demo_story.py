"""What happens in the demo, as values, and which of it is told together.

Nobody wants to read two hundred times that nothing is due. The teller counts what is
uneventful and tells it as one stretch; whatever is worth a look is told by itself.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from firstry.domain.due import Reason
from firstry.domain.milestone import Act
from firstry.sim.demo_watch import Fact

Numbers = dict[str, int | None]
QUIET: Final = frozenset({Reason.NOT_DUE, Reason.DONE_KEY_EXISTS})


@dataclass(frozen=True, slots=True)
class Answered:
    """The service answered an invocation. `fact` is what the ledger says came of it.

    `copy` counts from 1 and is 2 for a duplicate, `delivery` is 2 for the first retry.
    """

    at: datetime
    site: str
    status: int
    reason: str
    trigger: str | None
    attempt: int | None
    until: datetime | None
    seconds: float
    is_install: bool = False
    copy: int = 1
    delivery: int = 1
    fact: Fact | None = None
    numbers: Numbers | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nobody answered, or with no success: Forge delivers again, or gives up."""

    at: datetime
    site: str
    status: int | None
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt ended without a tick waiting for it."""

    fact: Fact
    site: str
    is_after_its_answer: bool
    numbers: Numbers | None


@dataclass(frozen=True, slots=True)
class Killed:
    """The service was killed while this attempt ran; the next may begin at `next_due`."""

    at: datetime
    pid: int
    site: str
    trigger: str
    attempt: int
    next_due: datetime


@dataclass(frozen=True, slots=True)
class Restarted:
    """The service runs again, on the same file. `seconds` is real time."""

    at: datetime
    pid: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Grown:
    """The sites have more issues than before."""

    at: datetime
    issues: int


@dataclass(slots=True)
class Stretch:
    """What was uneventful: how many ticks, duplicates and installations, and the answers.

    `triggers` are those whose reports were made.
    """

    start: datetime
    end: datetime
    ticks: int = 0
    duplicates: int = 0
    installs: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    triggers: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Now:
    """What is under way, for a line that changes. Empty while the clock jumps."""

    text: str


Scene = Answered | NoAnswer | Ended | Killed | Restarted | Grown | Stretch | Now
Hear = Callable[[Scene], None]


class Teller:
    """Passes scenes on, uneventful ones gathered. `tell_rest` tells what is still held."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._stretch: Stretch | None = None
        self._first: Answered | None = None

    def tell(self, scene: Scene) -> None:
        """Tell a scene by itself, after what is held."""
        if not isinstance(scene, Now):
            self.tell_rest()
        self._hear(scene)

    def count(self, answer: Answered) -> None:
        """Add an uneventful answer to the stretch. Idle ticks and reports make two."""
        first = self._first
        if first is not None and answer.copy == 1 and _is_report(first) != _is_report(answer):
            self.tell_rest()
        if self._stretch is None:
            self._stretch, self._first = Stretch(answer.at, answer.at), answer
        stretch = self._stretch
        stretch.end = answer.at
        stretch.reasons[answer.reason] += 1
        if answer.trigger and _is_report(answer):
            stretch.triggers.add(answer.trigger)
        if answer.copy > 1:
            stretch.duplicates += 1
        elif answer.is_install:
            stretch.installs += 1
        else:
            stretch.ticks += 1

    def tell_rest(self) -> None:
        """Tell the stretch; one that is a single answer is told as that."""
        stretch, first = self._stretch, self._first
        self._stretch = self._first = None
        if stretch is not None and first is not None:
            self._hear(first if stretch.reasons.total() == 1 else stretch)


def is_told_by(fact: Fact, reason: str) -> bool:
    """Whether an answer with this reason tells of this end."""
    return _REASON_OF.get(fact.act) == reason


_REASON_OF = {
    Act.COMPLETE: Reason.GENERATED,
    Act.FAIL: Reason.GENERATION_FAILED,
    Act.DEFER: Reason.DEFERRED,
}


def _is_report(answer: Answered) -> bool:
    return answer.reason == Reason.GENERATED
