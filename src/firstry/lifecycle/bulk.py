"""One act on everything that a filter means: counted first, then done in the background.

    preview(parts, act, filter)   -> the number of targets, as of now
    order(parts, ...)             -> a job with its targets written down
    Bulk.work_once(...)           -> acts on one batch after the other

Each batch is one transaction of the store, so thousands of targets take seconds. A
target that cannot be acted on is an error of that target alone. Why no act takes effect
twice: it notes its target as done in its own transaction, which the store refuses if the
target was settled before. So neither a runner that takes over nor one that was
frozen and does not know that it lost its job does again what was done (decision 0033).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from firstry.domain.errors import Defect, FirstryError
from firstry.domain.filter import Condition, Field, Filter, Operator
from firstry.domain.filter_text import print_filter
from firstry.domain.job import (
    BulkAct,
    Job,
    JobTarget,
    Target,
    TargetError,
    refuse_changed_count,
)
from firstry.domain.phase import Scene
from firstry.domain.policy import MANUAL, Policy, Trigger
from firstry.domain.record import Change, Decide, Order, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.domain.value import replace
from firstry.lifecycle.pause import switching
from firstry.lifecycle.reset import resetting
from firstry.lifecycle.retry import retrying
from firstry.ports.clock import Clock
from firstry.ports.insight import Insight
from firstry.ports.job import JobBook
from firstry.ports.store import PAGE_LIMIT, Store

BATCH = 100
HOLD = timedelta(seconds=60)
"""How long a runner holds a job; each batch renews it and takes far less."""

Told = TargetError | None
Progress = Callable[[Job], None]


@dataclass(frozen=True, slots=True)
class BulkParts:
    """What a bulk job needs. Wired once, in `wiring`."""

    store: Store
    insight: Insight
    jobs: JobBook
    clock: Clock
    policy: Policy


def preview(parts: BulkParts, act: BulkAct, wanted: Filter, scene: Scene) -> int:
    """Return how many targets `act` would have now."""
    if not act.is_of_milestones():
        return parts.insight.count_tenants(wanted, scene)
    return parts.insight.count_targets(narrowed(act, wanted), scene)


def order(
    parts: BulkParts, job_id: str, act: BulkAct, wanted: Filter, expected: int, *,
    order: Order, scene: Scene, key: str | None = None,
) -> Job:  # fmt: skip
    """Write down a job with its targets and return it; somebody has to work on it.

    Raises CountChanged if the filter means another number than `expected`, and
    InputInvalid above the most that a job takes. A repeat with the same `key`
    returns the first job.
    """
    if key is not None and (known := parts.jobs.by_key(key)) is not None:
        return known
    targets = targets_of(parts, act, wanted, scene)
    refuse_changed_count(expected, len(targets))
    job = Job(
        job_id=job_id,
        act=act,
        filter_text=print_filter(wanted),
        reason=order.reason,
        actor=order.actor,
        total=len(targets),
        created_at=order.at,
        key=key,
    )
    return parts.jobs.add(job, targets)


def targets_of(parts: BulkParts, act: BulkAct, wanted: Filter, scene: Scene) -> list[Target]:
    """Return everything that `act` would be done to now."""
    found: list[Target] = []
    if act.is_of_milestones():
        last: Target | None = None
        meant = narrowed(act, wanted)
        while page := parts.insight.targets(meant, scene, last, PAGE_LIMIT):
            found += page
            last = page[-1]
        return found
    tenants: Sequence[TenantRecord] = ()
    while tenants := parts.insight.tenants(
        wanted, scene, tenants[-1].tenant.cloud_id if tenants else None, PAGE_LIMIT
    ):
        found += [Target(record.tenant) for record in tenants]
    return found


def work_once(
    parts: BulkParts, runner: str, is_told_to_stop: Callable[[], bool], progress: Progress
) -> bool:
    """Work on one job to its end; False if there is none to work on.

    Stops between two batches when told to, or when another runner has taken over.
    """
    now = parts.clock.now()
    job = parts.jobs.take(runner, now, now + HOLD)
    if job is None:
        return False
    while targets := parts.jobs.left(job.job_id, BATCH):
        try:
            _settle_batch(parts, job, targets)
        except Defect:
            if not _keeps(parts, job, runner):
                return True
            if list(parts.jobs.left(job.job_id, BATCH)) == list(targets):
                raise
            continue  # refused, because a runner that had lost the job settled some of these
        progress(parts.jobs.job(job.job_id) or job)
        if is_told_to_stop() or not _keeps(parts, job, runner):
            return True
    progress(parts.jobs.finish(job.job_id, parts.clock.now()))
    return True


def _keeps(parts: BulkParts, job: Job, runner: str) -> bool:
    """Hold the job longer; False if it has ended or another runner has it by now."""
    now = parts.clock.now()
    return parts.jobs.keep(job.job_id, runner, now, now + HOLD)


def narrowed(act: BulkAct, wanted: Filter) -> Filter:
    """Return the filter without what `act` does not know: MANUAL is asked for, not reset."""
    if act is not BulkAct.RESET:
        return wanted
    names: tuple[str, ...] = (MANUAL,)
    kept = []
    for condition in wanted.conditions:
        if (condition.field, condition.operator) == (Field.TRIGGER, Operator.NOT):
            assert isinstance(condition.value, tuple)
            names = tuple(dict.fromkeys((*condition.value, MANUAL)))
        else:
            kept.append(condition)
    return Filter((*kept, Condition(Field.TRIGGER, Operator.NOT, names)))


def _settle_batch(parts: BulkParts, job: Job, targets: Sequence[Target]) -> None:
    """Act on targets, one transaction for all tenants; several triggers of one in turn.

    What is done is noted by the act itself, what was refused afterwards.
    """
    left, errors = list(targets), list[TargetError]()
    while left:
        batch = list({target.tenant: target for target in reversed(left)}.values())
        told = _act(parts, job, batch)
        errors += [error for error in told.values() if error is not None]
        left = [target for target in left if target not in batch]
    if errors:
        parts.jobs.settle(job.job_id, [], errors)


def _act(parts: BulkParts, job: Job, batch: Sequence[Target]) -> dict[Tenant, Told]:
    now = parts.clock.now()
    ordered = Order(job.reason, job.actor, now, job.job_id)
    work = {
        target.tenant: _guarded(JobTarget(job.job_id, target), _decision(job.act, target, ordered))
        for target in batch
    }
    return parts.store.transact_many(now, work)


def _decision(act: BulkAct, target: Target, ordered: Order) -> Decide[Any]:
    """Return the decision of `act` on one target, the same as the single act's."""
    if act is BulkAct.PAUSE or act is BulkAct.RESUME:
        to_pause = act is BulkAct.PAUSE
        return switching(target.tenant, ordered, to_pause=to_pause)
    trigger = target.trigger or Trigger("")
    if act is BulkAct.RETRY:
        return retrying(target.tenant, trigger, ordered)
    return resetting(target.tenant, trigger, ordered)


def _guarded(each: JobTarget, decide: Decide[Any]) -> Decide[Told]:
    """Note the target as done with the act; a refusal writes nothing, so that the others go on."""

    def guarded(record: TenantRecord | None) -> Change[Told]:
        try:
            change = decide(record)
        except FirstryError as error:
            return Change(TargetError(each.target, error.code, error.message))
        return replace(change, answer=None, done=each)

    return guarded
