"""The book of bulk jobs over SQL.

Why a target is acted on once: all of them are written with the job, and each is settled
by an update that finds it unsettled, in the transaction of the act itself
(`Change.done`). So a runner that takes over finds all that was done noted, and one that
has lost its job without knowing it cannot act. That one runner at a time holds the job
only spares work.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from firstry.domain.canonical import Json
from firstry.domain.errors import Defect, NotFound
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.domain.job import BulkAct, Job, JobPlace, JobState, Target, TargetError
from firstry.domain.ledger import Actor, Entry
from firstry.domain.policy import Trigger
from firstry.domain.tenant import Tenant
from firstry.ports.store import PAGE_LIMIT
from firstry.stores.sql import job_statement as statement
from firstry.stores.sql.row import target_values
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.session import Database, Row, Step, Values

BULK_ORDERED = "BULK_ORDERED"
_LAST = JobPlace(datetime(9999, 12, 31, tzinfo=UTC), "")
"""A place that no job has: all stand before it."""


class SqlJobs:
    """A `JobBook` over the tables `bulk_job` and `bulk_target`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = ServiceLedger(database)

    def add(self, job: Job, targets: Sequence[Target]) -> Job:
        if job.key is not None and (known := self.by_key(job.key)) is not None:
            return known
        detail: dict[str, Json] = {
            "job_id": job.job_id,
            "act": job.act.value,
            "filter": job.filter_text,
            "total": job.total,
            "reason": job.reason,
        }
        steps = [
            Step(statement.INSERT_JOB, [_job_values(job)]),
            Step(statement.INSERT_TARGET, [_named(job.job_id, each) for each in targets]),
        ]
        try:
            self._ledger.write(Entry(BULK_ORDERED, job.created_at, job.actor, detail), steps)
        except Defect:  # another request with the same key may have come first
            known = self.by_key(job.key) if job.key is not None else None
            if known is None:
                raise
            return known
        return job

    def job(self, job_id: str) -> Job | None:
        found = self._rows(statement.READ_JOB, {"job_id": job_id})
        return _job_from(found[0]) if found else None

    def by_key(self, key: str) -> Job | None:
        found = self._rows(statement.READ_BY_KEY, {"key": key})
        return _job_from(found[0]) if found else None

    def jobs(self, before: JobPlace | None, limit: int) -> Sequence[Job]:
        place = before or _LAST
        values = {
            "created_at": to_milliseconds(place.created_at),
            "job_id": place.job_id,
            "limit": min(limit, PAGE_LIMIT),
        }
        return [_job_from(row) for row in self._rows(statement.RECENT, values)]

    def errors(self, job_id: str, limit: int) -> Sequence[TargetError]:
        values = {"job_id": job_id, "limit": min(limit, PAGE_LIMIT)}
        return [
            TargetError(_target_from(row), row["code"], row["message"])
            for row in self._rows(statement.ERRORS, values)
        ]

    def take(self, runner: str, now: datetime, until: datetime) -> Job | None:
        held: Values = {
            "runner": runner,
            "now": to_milliseconds(now),
            "until": to_milliseconds(until),
        }
        self._write([Step(statement.TAKE, [held], is_guarded=False)])
        found = self._rows(statement.READ_HELD, held)
        return _job_from(found[0]) if found else None

    def keep(self, job_id: str, runner: str, now: datetime, until: datetime) -> bool:
        held = {"job_id": job_id, "runner": runner, "until": to_milliseconds(until)}
        try:
            self._write([Step(statement.KEEP, [held])])
        except Defect:
            return False
        return True

    def left_alone(self, now: datetime, since: datetime) -> Sequence[Job]:
        values = {
            "now": to_milliseconds(now),
            "since": to_milliseconds(since),
            "limit": PAGE_LIMIT,
        }
        return [_job_from(row) for row in self._rows(statement.LEFT_ALONE, values)]

    def left(self, job_id: str, limit: int) -> Sequence[Target]:
        values = {"job_id": job_id, "limit": min(limit, PAGE_LIMIT)}
        return [_target_from(row) for row in self._rows(statement.LEFT, values)]

    def settle(self, job_id: str, done: Sequence[Target], errors: Sequence[TargetError]) -> None:
        values = [target_values(job_id, each) for each in done]
        values += [target_values(job_id, each.target, each) for each in errors]
        self._write([Step(statement.SETTLE, values)])

    def finish(self, job_id: str, now: datetime) -> Job:
        values = {"job_id": job_id, "now": to_milliseconds(now)}
        self._write([Step(statement.FINISH, [values], is_guarded=False)])
        ended = self.job(job_id)
        if ended is None:
            raise NotFound(f"there is no job {job_id}", "see the ledger for BULK_ORDERED")
        return ended

    def _write(self, steps: Sequence[Step]) -> None:
        with self._database.writing((), skip_locked=False) as session:
            session.write(steps)
            session.commit()

    def _rows(self, sql: str, values: Values) -> list[Row]:
        return self._database.read((), sql, values)


def _job_values(job: Job) -> Values:
    return {
        "job_id": job.job_id,
        "act": job.act.value,
        "filter": job.filter_text,
        "reason": job.reason,
        "actor": job.actor,
        "key": job.key,
        "total": job.total,
        "created_at": to_milliseconds(job.created_at),
    }


def _named(job_id: str, target: Target) -> dict[str, str | None]:
    return {
        "job_id": job_id,
        "tenant_id": target.tenant.cloud_id,
        "trigger_name": target.trigger or "",
    }


def _target_from(row: Row) -> Target:
    trigger = row["trigger_name"]
    return Target(Tenant.from_row(row["tenant_id"]), Trigger(trigger) if trigger else None)


def _job_from(row: Row) -> Job:
    ended_at = row["ended_at"]
    is_begun = row["runner"] is not None
    state = JobState.DONE if ended_at else JobState.RUNNING if is_begun else JobState.QUEUED
    return Job(
        job_id=row["job_id"],
        act=BulkAct(row["act"]),
        filter_text=row["filter"],
        reason=row["reason"],
        actor=Actor(row["actor"]),
        total=row["total"],
        created_at=from_milliseconds(row["created_at"]),
        state=state,
        done=row["total"] - row["failed"] - row["unsettled"],
        failed=row["failed"],
        ended_at=from_milliseconds(ended_at) if ended_at else None,
        key=row["request_key"],
    )
