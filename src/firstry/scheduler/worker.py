"""The worker: finds what is due over all tenants and attempts it.

It needs no lock and no leader: several may run, each claim is decided by the
store. A pass that fails is told and tried again after the poll interval, so a
store that comes back finds its workers waiting.
"""

import random
import threading
from collections.abc import Sequence
from concurrent.futures import wait

from firstry.domain.due import Quiet, due_query
from firstry.domain.errors import Defect, FirstryError
from firstry.domain.tenant import Tenant
from firstry.ports.telemetry import Event
from firstry.scheduler.attempt import Parts, begin
from firstry.scheduler.runner import Busy, Runner, Running

BATCH = 100
POLL_SECONDS = 5.0


def run_pass(parts: Parts, runner: Runner) -> list[Running]:
    """Start an attempt for every tenant that is due, as far as slots are free.

    One attempt a tenant and pass, so that a tenant with much to do delays
    nobody, and one whose rows cannot be read stands in nobody's way. Returns the
    attempts that were started.
    """
    return _start_each(parts, runner, _due(parts), 0.0)


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


def run_until(stop: threading.Event, parts: Parts, runner: Runner) -> None:
    """Make a pass every few seconds, jittered, until `stop` is set.

    A pass that the store refuses is told and made again; anything unexpected
    goes up, and the process is to end and be started anew.
    """
    jitter = random.Random()  # noqa: S311  (spreads load, guards nothing)
    while not stop.wait(POLL_SECONDS * jitter.uniform(0.5, 1.5)):
        try:
            run_pass(parts, runner)
        except FirstryError as error:
            parts.telemetry.emit(Event.WORKER_PASS_FAILED, error_code=error.code)


def _due(parts: Parts) -> Sequence[Tenant]:
    return parts.store.claimable(due_query(parts.clock.now(), parts.policy), BATCH)


def _start_each(
    parts: Parts, runner: Runner, tenants: Sequence[Tenant], wait_seconds: float
) -> list[Running]:
    """Start an attempt for each tenant; one whose rows cannot be read is told and passed over."""
    started: list[Running] = []
    for tenant in tenants:
        try:
            run = _start(parts, runner, tenant, wait_seconds)
        except Defect as error:
            parts.telemetry.emit(Event.WORKER_TENANT_FAILED, tenant, error_code=error.code)
            continue
        if isinstance(run, Running):
            started.append(run)
    return started


def _start(
    parts: Parts, runner: Runner, tenant: Tenant, wait_seconds: float
) -> Running | Quiet | Busy:
    return runner.start(lambda: begin(parts, tenant, parts.clock.now()), wait_seconds)
