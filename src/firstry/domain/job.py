"""One act on many tenants: what was asked for, and how far it has come.

The targets are written down when the job is made, so that a job that goes on after
a restart acts on the same ones and on each of them once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firstry.domain.errors import Conflict, InputInvalid
from firstry.domain.ledger import Actor
from firstry.domain.policy import Trigger
from firstry.domain.tenant import Tenant

MOST_TARGETS = 200_000
SHOWN_ERRORS = 100


class BulkAct(StrEnum):
    """What can be done to everything that a filter means."""

    RETRY = "retry"
    RESET = "reset"
    PAUSE = "pause"
    RESUME = "resume"

    def is_of_milestones(self) -> bool:
        """Whether each target is a milestone; else it is a tenant."""
        return self in (BulkAct.RETRY, BulkAct.RESET)


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class CountChanged(Conflict):
    """The filter means another number than the one that was looked at."""

    code = "COUNT_CHANGED"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to act on. `trigger` is None where the act is on the tenant."""

    tenant: Tenant
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class JobTarget:
    """One target of one job, to be noted as done."""

    job_id: str
    target: Target


@dataclass(frozen=True, slots=True, order=True)
class JobPlace:
    """Where a job stands in the list of all; the newest job has the greatest place."""

    created_at: datetime
    job_id: str


@dataclass(frozen=True, slots=True)
class Job:
    """One act on everything that `filter_text` meant when the job was made.

    `done` and `failed` count targets; `total` is how many there are. `key` is the
    caller's own name of the request, so that a repeat finds the first job.
    """

    job_id: str
    act: BulkAct
    filter_text: str
    reason: str
    actor: Actor
    total: int
    created_at: datetime
    state: JobState = JobState.QUEUED
    done: int = 0
    failed: int = 0
    ended_at: datetime | None = None
    key: str | None = None

    @property
    def place(self) -> JobPlace:
        """Where it stands in the list of all jobs."""
        return JobPlace(self.created_at, self.job_id)


@dataclass(frozen=True, slots=True)
class TargetError:
    """Why a job could not act on one target."""

    target: Target
    code: str
    message: str


def parse_act(text: str) -> BulkAct:
    """Return the act that `text` names, or raise InputInvalid."""
    try:
        return BulkAct(text)
    except ValueError:
        raise InputInvalid(
            f"{text[:40]!r} is no bulk act", f"one of {', '.join(BulkAct)}"
        ) from None


def refuse_changed_count(expected: int, found: int) -> None:
    """Raise CountChanged unless the filter still means what was looked at."""
    if found != expected:
        raise CountChanged(
            f"the filter means {found} now, not {expected} as you saw",
            f"look again, and ask for {found} if that is what you want",
        )
    if found > MOST_TARGETS:
        raise InputInvalid(
            f"a job acts on at most {MOST_TARGETS} targets, and the filter means {found}",
            "narrow the filter",
        )
