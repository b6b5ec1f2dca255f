"""What can go wrong in a simulated world, how often, and what was really hit.

A fault counts where it took effect, never where it was only planned. `REQUIRED`
names everything that a set of runs has to hit; a set that missed one proves
nothing about it, and fails.
"""

from collections import Counter
from enum import StrEnum
from random import Random

from firstry.domain.cancel import PRESUMED_UNINSTALLED
from firstry.domain.due import Reason
from firstry.domain.milestone import Act
from firstry.ports.failpoint import Failpoint
from firstry.ports.telemetry import Event
from firstry.sim.jira_fault import FaultKind


class Mishap(StrEnum):
    """What the world does to the service. What a site does is `jira_fault.FaultKind`."""

    CRASH = "crash"
    KILLED_IDLE = "killed idle"
    HELD_UP = "held up"
    HELD_UP_BEYOND_LEASE = "held up beyond its lease"
    NO_PROCESS = "no process"
    STORE_DOWN = "store down"
    STORE_HICCUP = "store hiccup"
    COMMIT_ANSWER_LOST = "commit answer lost"
    COMMIT_LOST = "commit lost"
    DISK_FULL = "disk full"
    KEY_SET_DOWN = "key set down"
    KEYS_ROTATED = "keys rotated"
    CLOCK_AHEAD = "clock ahead"
    CLOCK_BACK = "clock back"
    TOKEN_REVOKED = "token revoked"
    TOKEN_WITHHELD = "token withheld"
    DUPLICATE = "duplicate"
    LATE = "late"
    REORDERED = "reordered"
    EXPIRED = "expired"
    LOST = "lost"
    RETRIED = "retried"
    SILENCE = "silence"


class Person(StrEnum):
    """What people do, at the site or at the service's command line."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    UNINSTALL = "uninstall"
    REINSTALL = "reinstall"
    ATTEST = "attest"
    TICK = "tick"
    RETRY = "retry"
    RESET = "reset"
    PAUSE = "pause"
    RESUME = "resume"
    MANUAL = "manual"


IN_TRANSACTION = frozenset(place for place in Failpoint if place.name.startswith("TRANSACTION_"))
"""Where the store holds its locks, so that nothing but a crash may happen."""

ODD_EVENTS = (
    Event.ATTEMPT_FENCED,
    Event.ATTEMPT_UNEXPECTED,
    Event.ATTEMPT_UNSETTLED,
    Event.SETTLE_RETRIED,
    Event.WORKER_PASS_FAILED,
    Event.KEY_SET_FETCH_FAILED,
)
"""What the service tells only where something went wrong, and it went on."""

REQUIRED = frozenset(
    {f"fault {kind}" for kind in Mishap}
    | {f"jira {kind}" for kind in FaultKind}
    | {f"crash at {place}" for place in Failpoint}
    | {f"held up at {place}" for place in Failpoint if place not in IN_TRANSACTION}
    | {f"act {act}" for act in Act}
    | {f"reason {reason}" for reason in Reason}
    | {f"person {act}" for act in Person}
    | {f"event {event}" for event in ODD_EVENTS}
    | {f"act {PRESUMED_UNINSTALLED}"}
) - {f"held up at {Failpoint.ANSWER_READY}"}
"""Everything that a set of runs has to hit. An answer that is ready is not held up: the
platform's own patience does that (`FaultKind.SLOW`, `Mishap.LATE`)."""

Tally = Counter[str]
"""How often each name in `REQUIRED`, and some more, was hit."""


def missed(tally: Tally, times: int = 1) -> list[str]:
    """Return what was hit less often than that."""
    return sorted(name for name in REQUIRED if tally[name] < times)


class Dice:
    """Chance, from one seed, in streams that do not disturb each other."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, Random] = {}

    def of(self, stream: str) -> Random:
        """Return the stream of this name."""
        if stream not in self._streams:
            self._streams[stream] = Random(f"{self._seed}/{stream}")
        return self._streams[stream]

    def chance(self, stream: str, probability: float) -> bool:
        """Draw whether something of this probability happens."""
        return self.of(stream).random() < probability
