"""The worker: finds what is due over all tenants and attempts it.

It needs no lock and no leader: several may run, each claim is decided by the
store. A pass claims as many tenants at once as slots are free, never more, so
nothing that is claimed has to wait or to be handed back when the process stops. A
pass that fails is told and made again, so a store that comes back finds its
workers waiting.
"""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from datetime import datetime

from firstry.domain.claim import Claim
from firstry.domain.due import due_query
from firstry.domain.errors import Defect, FirstryError
from firstry.domain.tenant import Tenant
from firstry.ports.telemetry import Event
from firstry.ports.trace import Step, span
from firstry.scheduler.attempt import Parts, begin, begin_many
from firstry.scheduler.runner import Busy, Runner, Running

BATCH = 100
POLL_SECONDS = 5.0
"""The longest sleep: tokens come and other processes write without telling anybody."""

SHORTEST_SECONDS = 0.2


def run_pass(parts: Parts, runner: Runner) -> list[Running]:
    """Start an attempt for every tenant that is due, as far as slots are free.

    One attempt a tenant and pass, so that a tenant with much to do delays
    nobody, and one whose rows cannot be read stands in nobody's way. While the
    platform's quota for the whole app is spent, nothing is claimed in vain.
    Returns the attempts that were started.
    """
    if parts.evidence.held_until(parts.clock.now()) is not None:
        return []
    tenants = _due(parts)
    return _start_each(parts, runner, tenants, 0.0) if tenants else []


def run_once(parts: Parts, runner: Runner) -> list[Running]:
    """Make passes until nothing more can be claimed, and wait for the attempts.

    Ends because every claim leaves its milestone completed or waiting, and a
    pass over the same tenants that starts nothing is the last one.
    """
    done: list[Running] = []
    previous: Sequence[Tenant] = ()
    while tenants := _due(parts):
        patience = parts.policy.generation_timeout.total_seconds()
        started = _start_each(parts, runner, tenants, patience)
        wait([run.settled for run in started])
        if not started and tenants == previous:
            break
        done, previous = done + started, tenants
    return done


def run_until(
    stop: threading.Event,
    bell: threading.Event,
    parts: Parts,
    runner: Runner,
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Make passes until `stop` is set, sleeping until something can be due.

    `bell` ends a sleep: set along with `stop`, or as a hint that something has
    become due. A pass that the store refuses is told and made again; anything
    unexpected goes up, and the process is to end and be started anew. `beat` is called
    before each pass.
    """
    jitter = random.Random()  # noqa: S311  (spreads load, guards nothing)
    pause = SHORTEST_SECONDS
    while not stop.is_set():
        bell.wait(pause * jitter.uniform(0.5, 1.5))
        bell.clear()
        if stop.is_set():
            return
        beat()
        try:
            started = run_pass(parts, runner)
            pause = SHORTEST_SECONDS if started else _pause(parts)
        except FirstryError as error:
            pause = POLL_SECONDS
            parts.telemetry.emit(Event.WORKER_PASS_FAILED, error_code=error.code)


def _pause(parts: Parts) -> float:
    """Return how long nothing can become due by time alone, within bounds."""
    now = parts.clock.now()
    following = parts.store.next_due(now)
    if following is None:
        return POLL_SECONDS
    return min(max((following - now).total_seconds(), SHORTEST_SECONDS), POLL_SECONDS)


def _due(parts: Parts) -> Sequence[Tenant]:
    return parts.store.claimable(due_query(parts.clock.now(), parts.policy), BATCH)


def _start_each(
    parts: Parts, runner: Runner, tenants: Sequence[Tenant], wait_seconds: float
) -> list[Running]:
    """Start an attempt for each tenant, as many at once as slots are free."""
    left = list(tenants)

    def claims(free: int) -> Sequence[Claim]:
        taken = left[:free]
        del left[:free]
        return _begin(parts, taken, parts.clock.now())

    started: list[Running] = []
    with span(Step.WORK, count=len(left)):
        while left:
            runs = runner.start_many(claims, len(left), wait_seconds)
            if isinstance(runs, Busy):
                break
            started += runs
    return started


def _begin(parts: Parts, tenants: Sequence[Tenant], now: datetime) -> list[Claim]:
    """Claim all at once; if the store refuses, each alone, so that the faulty one is told."""
    try:
        return begin_many(parts, tenants, now)
    except Defect:
        return [held for each in tenants for held in _begin_alone(parts, each, now)]


def _begin_alone(parts: Parts, tenant: Tenant, now: datetime) -> list[Claim]:
    try:
        begun = begin(parts, tenant, now)
    except Defect as error:
        parts.telemetry.emit(Event.WORKER_TENANT_FAILED, tenant, error_code=error.code)
        return []
    return [begun] if isinstance(begun, Claim) else []
