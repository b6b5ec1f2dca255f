"""The transactions of the model, one a line of `spec/turns.txt`, put to the real functions.

A line says what stood in the row, what was asked, what stands there afterwards and what was
answered. The model keeps instants as the units that are left until them; here they are counted
from one `NOW`. The model also forgets fences that nobody can ask for any more, so all of them are
shifted by a constant that stands for the past. Deferrals and starts are shifted by what the code
allows more of them than the model.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from docs.page import ROOT
from firstry.domain.claim import Claim, claim
from firstry.domain.ledger import genesis
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.outcome import Deferred, Failed, Outcome
from firstry.domain.policy import (
    DEFERRALS_BY_TURNS,
    DEFERRALS_IN_A_ROW,
    SILENCE,
    CatchUp,
    DeferralKind,
    Policy,
)
from firstry.domain.record import Decide, Installation, InstallationSource, TenantRecord
from firstry.domain.settle import Fenced, settle
from firstry.domain.tenant import Tenant
from firstry.lifecycle.reset import reset
from firstry.lifecycle.retry import retry_now
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.store import T
from firstry.stores.memory import MemoryStore
from firstry.stores.rule import refuse_faults
from support.domain import AUTO_12H, FAR, INSTALLED_AT, TENANT, at, completed

UNIT = timedelta(minutes=15)
"""One unit of the model's time: as long as a refused token puts an attempt off."""
NOW = at(hours=1000)
PAST = 100
"""Fences that were there before, and that the model has forgotten."""
NEVER = 255
FREE = {DeferralKind.TOKEN: 2, DeferralKind.QUOTA: 1}
"""How many deferrals in a row are free in the model, where the code allows many more."""
POLICY = Policy(waits=(UNIT, 2 * UNIT), max_attempts=2, lease=2 * UNIT, catch_up=CatchUp.ALL)


@dataclass(frozen=True, slots=True)
class Row:
    """A milestone as the model writes it. `-` and 0 stand for none."""

    state: str
    due: int
    window: int
    next_due: int
    lease: int
    attempts: int
    starts: int
    fence: int
    deferrals: int
    kind: str
    settled_fence: int
    settled_as: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One transaction: `asked` is an act or an outcome, `fence` that of the claim to settle."""

    before: Row
    asked: str
    fence: int
    has_token: bool
    is_silent: bool
    after: Row
    answer: str


def turns() -> Iterator[tuple[str, Turn]]:
    """Yield every line of `spec/turns.txt` with what it says."""
    for line in (ROOT / "spec" / "turns.txt").read_text("utf-8").splitlines():
        before, question, after, answer = line.split(" | ")
        asked, fence, token, silent = question.split()
        yield (
            line,
            Turn(_row(before), asked, int(fence), token != "-", silent != "-", _row(after), answer),
        )


def _row(text: str) -> Row:
    words = text.split()
    due, window, next_due, lease, attempts, starts, fence, deferrals = map(int, words[1:9])
    return Row(
        words[0], due, window, next_due, lease, attempts, starts, fence, deferrals,
        kind=words[9], settled_fence=int(words[10]), settled_as=words[11],
    )  # fmt: skip


def played(turn: Turn) -> tuple[Row, str]:
    """Return the row and the answer that the real code makes of the same question."""
    store = OneTenant(_record(turn))
    answer = _ask(store, turn)
    (after,) = store.record.milestones
    return _as_row(after, turn.before), answer


class OneTenant(MemoryStore):
    """A store that begins with one record, and refuses what every store refuses."""

    def __init__(self, record: TenantRecord) -> None:
        super().__init__()
        self.record = record

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        change = decide(self.record)
        if change.after is not None:
            refuse_faults(self.record, change.after, change.entries, change.report)
            self.record = change.after
        return change.answer


def _ask(store: OneTenant, turn: Turn) -> str:
    match turn.asked:
        case "CLAIMED":
            store.transact(TENANT, NOW, lambda record: claim(record, NOW, POLICY))
        case "RESET":
            reset(store, TENANT, AUTO_12H, "why", NOW)
        case "RETRY_REQUESTED":
            retry_now(store, TENANT, AUTO_12H, "why", NOW)
        case "CANCELLED":
            record_uninstallation(store, TENANT, None, NOW)
        case _:
            return _settled(store, turn)
    return "-"


def _settled(store: OneTenant, turn: Turn) -> str:
    held = Claim(
        TENANT, AUTO_12H, 1, turn.before.attempts, turn.fence + PAST, NOW, NOW + POLICY.lease,
        INSTALLED_AT, store.record.head,
    )  # fmt: skip
    outcome = _outcome(turn.asked, held)
    before = store.record
    settled = store.transact(TENANT, NOW, lambda record: settle(record, held, outcome, NOW, POLICY))
    if isinstance(settled, Fenced):
        return "FENCED"
    assert settled.is_repeat == (store.record is before), "a repeat writes nothing"
    return settled.act.value


def _outcome(asked: str, held: Claim) -> Outcome:
    if asked == "COMPLETED":
        return completed(held)
    if asked == "FAILED":
        return Failed("JIRA_TIMEOUT", "no answer")
    return Deferred(DeferralKind[asked], "put off", NOW + UNIT)


def _record(turn: Turn) -> TenantRecord:
    return TenantRecord(
        tenant=TENANT,
        installation=Installation(INSTALLED_AT, InstallationSource.LIFECYCLE),
        head=genesis(TENANT),
        milestones=(_milestone(turn.before),),
        last_tick_at=NOW - SILENCE if turn.is_silent else NOW,
        token_expires_at=NOW + FAR if turn.has_token else None,
    )


def _milestone(row: Row) -> Milestone:
    state = State(row.state)
    is_done = state is State.COMPLETED
    return Milestone(
        trigger=AUTO_12H,
        revision=1,
        state=state,
        installed_at=INSTALLED_AT,
        due_at=NOW + row.due * UNIT,
        window_end_at=None if row.window == NEVER else NOW + row.window * UNIT,
        next_due=NOW + row.next_due * UNIT,
        attempts=row.attempts,
        starts=row.starts + _past_starts(row),
        fence=row.fence + PAST,
        lease_until=NOW + row.lease * UNIT if state is State.CLAIMED else None,
        deferral_kind=None if row.kind == "-" else DeferralKind[row.kind],
        deferrals=row.deferrals + _offset(row) if row.deferrals else 0,
        settled_fence=row.settled_fence + PAST if row.settled_fence else None,
        settled_as=None if row.settled_as == "-" else Act(row.settled_as),
        completed_at=NOW if is_done else None,
        report_id="an earlier report" if is_done else None,
    )


def _offset(row: Row) -> int:
    """Return how many more deferrals in a row the code allows than the model."""
    kind = DeferralKind[row.kind]
    return DEFERRALS_IN_A_ROW[kind] - FREE[kind]


def _past_starts(row: Row) -> int:
    """Return how many more starts the code allows than the model for the charged attempts."""
    return (DEFERRALS_BY_TURNS - sum(FREE.values())) * row.attempts


def _as_row(found: Milestone, before: Row) -> Row:
    row = Row(
        state=found.state.value,
        due=_left(found.due_at),
        window=NEVER if found.window_end_at is None else _left(found.window_end_at),
        next_due=_left(found.next_due),
        lease=0 if found.lease_until is None else _left(found.lease_until),
        attempts=found.attempts,
        starts=found.starts - _past_starts(before),
        fence=found.fence - PAST,
        deferrals=found.deferrals,
        kind="-" if found.deferral_kind is None else found.deferral_kind.name,
        settled_fence=0 if found.settled_fence is None else found.settled_fence - PAST,
        settled_as="-" if found.settled_as is None else found.settled_as.value,
    )
    goes_on = before.deferrals > 0 and row.kind == before.kind
    return replace(row, deferrals=row.deferrals - _offset(row)) if goes_on else row


def _left(instant: datetime) -> int:
    left, rest = divmod(instant - NOW, UNIT)
    assert not rest, "the real code moved an instant by less than a unit"
    return max(0, left)
