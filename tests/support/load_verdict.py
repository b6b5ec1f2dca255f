"""What a store holds after the load: every invariant, every end, everything acknowledged.

It is read beside the service, by a store object of the test's own, tenant by
tenant; several processes share the work, for there may be thousands.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import get_context
from os import cpu_count

from firstry.domain.milestone import Milestone, State
from firstry.domain.policy import Policy
from firstry.domain.record import StoredReport
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store
from support.backing import open_place
from support.invariants import breaches_of, snapshot
from support.load_crowd import Key

CHUNK = 50
CLOCKS_APART = timedelta(seconds=1)
"""How far two processes may be apart: each follows the server's clock to half a second."""
FEW = 300
"""So many tenants are judged in this process: others would have to start first."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be judged: a store by `kind` and `place`, and what its service was to do.

    `completions` are those that were acknowledged, with the instant of the answer, and
    `made` the exact instants of the reports, where the answer named it; `left` are
    the tenants that uninstalled the app.
    """

    kind: str
    place: str
    policy: Policy
    completions: Mapping[Key, datetime]
    made: Mapping[Key, datetime]
    left: frozenset[str]


@dataclass(slots=True)
class Verdict:
    """What was found. `ends` counts milestones by trigger and state."""

    tenants: int = 0
    reports: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    breaches: list[str] = field(default_factory=list)
    lost: list[Key] = field(default_factory=list)

    def add(self, other: "Verdict") -> None:
        """Add what was found of other tenants."""
        self.tenants += other.tenants
        self.reports += other.reports
        self.ends += other.ends
        self.starts += other.starts
        self.breaches += other.breaches
        self.lost += other.lost


def verdict(question: Question, cloud_ids: Sequence[str]) -> Verdict:
    """Judge these tenants. Nobody may write meanwhile."""
    chunks = [cloud_ids[n : n + CHUNK] for n in range(0, len(cloud_ids), CHUNK)]
    questions = [question] * len(chunks)
    total = Verdict()
    if len(cloud_ids) <= FEW:
        for each in map(_judge, questions, chunks):
            total.add(each)
        return total
    with ProcessPoolExecutor(cpu_count(), mp_context=get_context("spawn")) as pool:
        for each in pool.map(_judge, questions, chunks):
            total.add(each)
    return total


def _judge(question: Question, cloud_ids: Sequence[str]) -> Verdict:
    found = Verdict()
    store = open_place(question.kind, question.place)
    try:
        for cloud_id in cloud_ids:
            _judge_one(store, question, cloud_id, found)
    finally:
        store.close()
    return found


def _judge_one(store: Store, question: Question, cloud_id: str, found: Verdict) -> None:
    record = store.read(Tenant.from_row(cloud_id))
    if record is None:
        found.breaches.append(f"{cloud_id}: an acknowledged installation is gone")
        return
    seen = snapshot(store, record)
    found.tenants += 1
    found.reports += len(seen.reports)
    found.breaches += [f"{cloud_id}: {each}" for each in breaches_of(seen, question.policy)]
    names = {milestone.trigger for milestone in record.milestones}
    if not names >= {name for name, _ in question.policy.triggers}:
        found.breaches.append(f"{cloud_id}: a trigger was never armed")
    for milestone in record.milestones:
        found.ends[f"{milestone.trigger} {milestone.state}"] += 1
        found.starts += milestone.starts
        if not _is_explained(milestone, question, is_gone=cloud_id in question.left):
            found.breaches.append(
                f"{cloud_id}: I10: {milestone.trigger} ended as {milestone.state}"
                f" after {milestone.attempts} attempts"
            )
    stored = {report.trigger: report for report in seen.reports}
    for trigger, _ in question.policy.triggers:
        key = (cloud_id, str(trigger))
        if key in question.completions and _is_lost(stored.get(trigger), question, key):
            found.lost.append(key)


def _is_explained(milestone: Milestone, question: Question, *, is_gone: bool) -> bool:
    """Whether this is an end that a tenant may come to; when is what the invariants judge."""
    match milestone.state:
        case State.COMPLETED:
            return True
        case State.MISSED:
            return milestone.window_end_at is not None
        case State.DISCARDED:
            return milestone.attempts >= question.policy.attempts_allowed(milestone.trigger)
        case State.CANCELLED:
            return is_gone
        case State.SCHEDULED | State.CLAIMED:
            return False


def _is_lost(report: StoredReport | None, question: Question, key: Key) -> bool:
    """Whether a report is not there, or is another one, made later: its id would not tell it."""
    if report is None or report.generated_at > question.completions[key] + CLOCKS_APART:
        return True
    return report.generated_at != question.made.get(key, report.generated_at)
