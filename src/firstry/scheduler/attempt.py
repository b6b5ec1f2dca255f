"""The life of one attempt: claim, work, settle. Everything that generates comes here.

Decide purely, claim once, work outside any transaction, settle once under the
fence, and only then speak. The tick, the worker, the CLI and the console enter
by the same functions, so there is one way to a report and one only
(contract F):

    begin(parts, tenant)    -> Claim | Quiet      write 1: the attempt is counted
    begin_many(parts, ...)  -> Claims             the same for several tenants at once
    perform(parts, claim)   -> Settled | Fenced   write 2: marker, report, ledger

A crash before write 1 leaves nothing; between the two, a spent attempt whose
backoff is already set; after write 2, a finished report (I2, I6, I7).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from firstry.domain.claim import Claim, claim
from firstry.domain.due import Quiet
from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.domain.evidence import Evidence, Reading
from firstry.domain.milestone import Act
from firstry.domain.outcome import Completed, Deferred, Failed, Outcome
from firstry.domain.policy import DeferralKind, Policy
from firstry.domain.record import Change, TenantRecord
from firstry.domain.report import forecast
from firstry.domain.report.generate import generate
from firstry.domain.settle import Fenced, Settled
from firstry.domain.tenant import Tenant
from firstry.ports.clock import Clock
from firstry.ports.evidence import Collected, EvidenceSource, Throttled, TokenRefused, Unreadable
from firstry.ports.failpoint import Failpoint, reach
from firstry.ports.signer import Signer
from firstry.ports.store import PAGE_LIMIT, Store
from firstry.ports.telemetry import Event, Telemetry
from firstry.ports.trace import Step, note, span
from firstry.scheduler.settler import Settle

SETTLE_TRIES = 5
"""So often an outcome is tried to be stored, even where its lease is over or the process stops."""

SETTLE_PAUSE_SECONDS = 0.4
"""The first pause between two tries; each is twice as long as the one before, up to the longest."""

SETTLE_PAUSE_LONGEST_SECONDS = 5.0
SETTLE_MARGIN_SECONDS = 5.0
"""So long before the end of the lease no further try begins."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an attempt needs. Wired once, in `wiring`.

    `stopping` is set once the process ends: a finished attempt then waits no longer
    for a store that is away.
    """

    store: Store
    clock: Clock
    evidence: EvidenceSource
    telemetry: Telemetry
    policy: Policy
    sleep: Callable[[float], None]
    signer: Signer
    settle: Settle
    stopping: threading.Event = field(default_factory=threading.Event)


def begin(parts: Parts, tenant: Tenant, now: datetime) -> Claim | Quiet:
    """Claim what is due for `tenant` at `now`, or say why there is nothing to attempt.

    If the store is lost while committing, the claim may be there: it counts as
    a crash, its backoff is set, and the error goes up. It is never tried again
    here, for that would spend a second attempt.
    """
    with span(Step.CLAIM, tenant):
        return report_claim(
            parts,
            parts.store.transact(tenant, now, lambda record: claim(record, now, parts.policy)),
        )


def begin_many(parts: Parts, tenants: Sequence[Tenant], now: datetime) -> list[Claim]:
    """Claim what is due for each of `tenants` at `now`, in one transaction.

    A tenant that somebody else is writing is left out; the next pass finds it.
    Raises Defect if the store refuses one of them, and then nothing is claimed.
    """

    def decide(record: TenantRecord | None) -> Change[Claim | Quiet]:
        return claim(record, now, parts.policy)

    work = dict.fromkeys(tenants, decide)
    with span(Step.CLAIM, count=len(work)):
        begun = parts.store.transact_many(now, work, skip_locked=True).values()
    told = [report_claim(parts, each) for each in begun]
    return [each for each in told if isinstance(each, Claim)]


def report_claim(parts: Parts, begun: Claim | Quiet) -> Claim | Quiet:
    """Tell telemetry of a claim that is committed, and pass it on."""
    if isinstance(begun, Claim):
        if begun.follows_crash:
            parts.telemetry.emit(Event.LEASE_EXPIRED, begun.tenant, **_named(begun))
        parts.telemetry.emit(Event.ATTEMPT_CLAIMED, begun.tenant, **_named(begun))
    return begun


def perform(parts: Parts, held: Claim) -> Settled | Fenced:
    """Do the work of a claim and settle it. Returns only what is in the store.

    Raises StoreUnavailable if the outcome could not be stored; then the lease
    runs out and the attempt counts as crashed.
    """
    with span(Step.ATTEMPT, held.tenant, **_named(held)):
        reach(Failpoint.ATTEMPT_CLAIMED)
        outcome = _work(parts, held)
        reach(Failpoint.ATTEMPT_GENERATED)
        try:
            with span(Step.SETTLE):
                settled = _settle(parts, held, outcome)
        except FirstryError as error:
            parts.telemetry.emit(
                Event.ATTEMPT_UNSETTLED, held.tenant, error_code=error.code, **_named(held)
            )
            raise
        reach(Failpoint.ATTEMPT_SETTLED)
        _report_end(parts, held, settled)
        return settled


def _report_end(parts: Parts, held: Claim, settled: Settled | Fenced) -> None:
    """Tell telemetry how an attempt ended, as it is stored."""
    if isinstance(settled, Fenced):
        note(outcome="FENCED")
        parts.telemetry.emit(Event.ATTEMPT_FENCED, held.tenant, **_named(held))
        return
    error = settled.milestone.last_error if settled.act is Act.FAIL else None
    code = error.code if error is not None else None
    note(outcome=settled.act.value, error_code=code)
    parts.telemetry.emit(
        Event.ATTEMPT_SETTLED,
        held.tenant,
        outcome=settled.act.value,
        error_code=code,
        **_named(held),
    )


def _work(parts: Parts, held: Claim) -> Outcome:
    """Collect and generate. Whatever goes wrong is a value (contract E)."""
    spent = parts.clock.now() - held.decided_at
    left = parts.policy.generation_timeout - max(spent, timedelta())
    deadline = parts.clock.monotonic() + left.total_seconds()
    try:
        return _judge(parts, held, parts.evidence.collect(held.tenant, deadline))
    except Exception as unexpected:  # the one broad except: an attempt meets the unexpected
        kind = type(unexpected).__name__
        parts.telemetry.emit(Event.ATTEMPT_UNEXPECTED, held.tenant, error_code=kind, **_named(held))
        if isinstance(unexpected, FirstryError):
            return Failed(unexpected.code, unexpected.message)
        return Failed("GENERATION_ERROR", f"the generation stopped unexpectedly ({kind})")


def _judge(parts: Parts, held: Claim, collected: Collected) -> Outcome:
    if isinstance(collected, Evidence):
        with span(Step.GENERATE):
            report = generate(held, collected, _earlier(parts, held))
            signed = replace(report, envelope=parts.signer.sign(report, held.head))
        return Completed(signed, tuple(reading.entry() for reading in collected.readings()))
    if isinstance(collected, TokenRefused):
        return Deferred(DeferralKind.TOKEN, "Jira refused the app's token")
    if isinstance(collected, Throttled):
        return Deferred(DeferralKind.QUOTA, "Jira's rate limit is used up", collected.retry_at)
    if isinstance(collected, Unreadable):
        return Failed(collected.code, collected.message)
    assert_never(collected)


def _earlier(parts: Parts, held: Claim) -> tuple[Reading, ...]:
    """Return what a forecast may rest on: what was read in the tenant's first days."""
    if held.decided_at - held.installed_at < forecast.SPAN:
        return ()
    first = parts.store.entries(held.tenant, 0, PAGE_LIMIT)
    return forecast.earlier_readings(entry.body for entry in first)


def _settle(parts: Parts, held: Claim, outcome: Outcome) -> Settled | Fenced:
    """Store `outcome`, again with the same bytes if the store falters, while the lease runs.

    Safe to repeat: `settle` finds its own earlier success by the stored fence.
    """
    end = held.lease_until - timedelta(seconds=SETTLE_MARGIN_SECONDS)
    left_seconds = (end - parts.clock.now()).total_seconds()
    for tries, pause in enumerate(_settle_pauses(left_seconds), start=1):
        try:
            return parts.settle(held, outcome, parts.clock.now())
        except StoreUnavailable as error:
            is_over = parts.stopping.is_set() or parts.clock.now() >= end
            if tries >= SETTLE_TRIES and is_over:
                raise
            parts.telemetry.emit(
                Event.SETTLE_RETRIED, held.tenant, error_code=error.code, **_named(held)
            )
        parts.sleep(pause)
    return parts.settle(held, outcome, parts.clock.now())


def _settle_pauses(left_seconds: float) -> Iterator[float]:
    """Yield the pauses between the tries: as many as fit in, and those of the least tries."""
    pause, spent, tries = SETTLE_PAUSE_SECONDS, 0.0, 1
    while tries < SETTLE_TRIES or spent + pause <= left_seconds:
        yield pause
        spent += pause
        tries += 1
        pause = min(2 * pause, SETTLE_PAUSE_LONGEST_SECONDS)


def _named(held: Claim) -> dict[str, object]:
    return {
        "trigger": held.trigger,
        "revision": held.revision,
        "attempt": held.attempt,
        "fence": held.fence,
    }
