"""Where bulk jobs are kept, so that they go on after a restart."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from firstry.domain.job import Job, JobPlace, Target, TargetError


class JobBook(Protocol):
    """Keeps jobs with their targets. Raises StoreUnavailable as a store does."""

    def add(self, job: Job, targets: Sequence[Target]) -> Job:
        """Keep a new job with its targets; where one with its key is known, return that one."""
        ...

    def job(self, job_id: str) -> Job | None:
        """Return a job as it stands, or None."""
        ...

    def by_key(self, key: str) -> Job | None:
        """Return the job that was made under the caller's own `key`, or None."""
        ...

    def jobs(self, before: JobPlace | None, limit: int) -> Sequence[Job]:
        """Return jobs, the newest first, behind the place of one."""
        ...

    def errors(self, job_id: str, limit: int) -> Sequence[TargetError]:
        """Return targets that the job could not act on, in their order."""
        ...

    def take(self, runner: str, now: datetime, until: datetime) -> Job | None:
        """Give the oldest unfinished job that no other runner holds to `runner`, until `until`."""
        ...

    def keep(self, job_id: str, runner: str, now: datetime, until: datetime) -> bool:
        """Hold a job longer; False if another runner has it by now."""
        ...

    def left_alone(self, now: datetime, since: datetime) -> Sequence[Job]:
        """Return unfinished jobs of before `since` that no runner holds at `now`, oldest first."""
        ...

    def left(self, job_id: str, limit: int) -> Sequence[Target]:
        """Return targets that are not settled yet, in their order."""
        ...

    def settle(self, job_id: str, done: Sequence[Target], errors: Sequence[TargetError]) -> None:
        """Write down what became of targets."""
        ...

    def finish(self, job_id: str, now: datetime) -> Job:
        """End a job that has no target left, and return it."""
        ...
