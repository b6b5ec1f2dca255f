"""The worker: every tenant that is due, within its slots, and an end to every pass."""

import threading

import pytest

from firstry.domain.due import Quiet
from firstry.domain.errors import StoreUnavailable
from firstry.domain.milestone import Act, State
from firstry.domain.policy import CatchUp, Policy
from firstry.domain.settle import Settled
from firstry.lifecycle.pause import pause
from firstry.ports.evidence import Collected, TokenRefused, Unreadable
from firstry.ports.telemetry import Event
from firstry.scheduler.attempt import begin
from firstry.scheduler.runner import Busy, Runner, Running
from firstry.scheduler.worker import (
    POLL_SECONDS,
    SHORTEST_SECONDS,
    run_once,
    run_pass,
    run_until,
)
from firstry.stores.memory import MemoryStore
from support.attempt import Bench, FalteringStore, lost
from support.domain import (
    AUTO_12H,
    TENANT,
    all_reports,
    at,
    install,
    milestone_of,
    site_evidence,
    tenant,
)

SOON_SECONDS = 10.0


def acts(runs: list[Running]) -> list[tuple[str, Act]]:
    """Return tenant and end of every attempt."""
    ends = [(run.claim.tenant.cloud_id, run.settled.result(SOON_SECONDS)) for run in runs]
    return sorted((who, end.act) for who, end in ends if isinstance(end, Settled))


def test_one_pass_serves_every_tenant_that_is_due() -> None:
    """P3, P18: each from its own site, and no count is lost among them."""
    bench = Bench(MemoryStore())
    for number in range(5):
        install(bench.store, tenant(number))
    install(bench.store, tenant(5), installed_at=at(1))
    runner = Runner(bench.parts, 4)
    done = run_once(bench.parts, runner)
    runner.close()
    assert acts(done) == [(tenant(number).cloud_id, Act.COMPLETE) for number in range(5)]
    assert {report.tenant for report in all_reports(bench.store, None)} == set(
        map(tenant, range(5))
    )
    assert milestone_of(bench.store, AUTO_12H, tenant(5)).state is State.SCHEDULED


def test_a_site_that_fails_holds_up_no_other() -> None:
    bench = Bench(MemoryStore())
    bad, refused, good = map(tenant, range(3))
    for who in (bad, refused, good):
        install(bench.store, who)
    bench.shelf.special[bad.cloud_id] = lambda who, deadline: Unreadable("JIRA_5XX", "503")
    bench.shelf.special[refused.cloud_id] = lambda who, deadline: TokenRefused()
    runner = Runner(bench.parts, 1)
    done = run_once(bench.parts, runner)
    runner.close()
    assert acts(done) == [
        (bad.cloud_id, Act.FAIL),
        (refused.cloud_id, Act.DEFER),
        (good.cloud_id, Act.COMPLETE),
    ]


def test_a_pass_takes_one_attempt_of_a_tenant_and_once_takes_them_all() -> None:
    policy = Policy(catch_up=CatchUp.ALL)
    for run, expected in ((run_pass, 1), (run_once, 2)):
        bench = Bench(MemoryStore(), policy=policy)
        install(bench.store, policy=policy)
        bench.clock.pass_by(12 * 3600)
        runner = Runner(bench.parts, 2)
        done = run(bench.parts, runner)
        runner.close()
        assert len(done) == len(all_reports(bench.store)) == expected


def test_nothing_due_is_the_end() -> None:
    bench = Bench(MemoryStore())
    runner = Runner(bench.parts, 1)
    assert run_once(bench.parts, runner) == []
    install(bench.store, token_until=None)
    install(bench.store, tenant(1))
    pause(bench.store, tenant(1), "reason", at(1))
    assert run_once(bench.parts, runner) == []
    runner.close()
    assert bench.shelf.asked == []


def test_ends_are_written_without_a_token_and_end_the_pass() -> None:
    """P10: a window that nobody could use is written as missed by the worker too."""
    bench = Bench(MemoryStore())
    install(bench.store, token_until=None)
    bench.clock.pass_by(12 * 3600)
    runner = Runner(bench.parts, 1)
    assert run_once(bench.parts, runner) == []
    runner.close()
    assert milestone_of(bench.store, AUTO_12H).state is State.MISSED


def test_a_clock_behind_the_store_starts_nothing_and_ends() -> None:
    """I14: and the pass does not turn for ever."""
    bench = Bench(MemoryStore())
    install(bench.store)
    install(bench.store, tenant(1), now=at(14))
    runner = Runner(bench.parts, 1)
    assert run_once(bench.parts, runner) == []
    runner.close()
    assert milestone_of(bench.store, AUTO_12H).starts == 0


class _Gate:
    """A site whose answer waits until the gate is opened."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.opened = threading.Event()

    def collect(self, who: object, deadline: float) -> Collected:
        self.reached.release()
        assert self.opened.wait(SOON_SECONDS)
        return site_evidence()


def test_without_a_free_slot_nothing_is_claimed() -> None:
    bench = Bench(MemoryStore())
    gate = _Gate()
    bench.shelf.usual = gate.collect
    install(bench.store, tenant(1))
    install(bench.store, tenant(2))
    runner = Runner(bench.parts, 1)
    (first,) = run_pass(bench.parts, runner)
    assert gate.reached.acquire(timeout=SOON_SECONDS)
    waiting = tenant(2) if first.claim.tenant == tenant(1) else tenant(1)
    started = runner.start(lambda: begin(bench.parts, waiting, at(12)), 0.0)
    assert isinstance(started, Busy)
    assert milestone_of(bench.store, AUTO_12H, waiting).starts == 0
    gate.opened.set()
    assert len(acts([first])) == 1
    assert len(acts(run_once(bench.parts, runner))) == 1
    runner.close()


def test_a_slot_comes_back_after_a_quiet_answer_and_after_an_error() -> None:
    store = FalteringStore()
    install(store)
    bench = Bench(store)
    runner = Runner(bench.parts, 1)
    quiet = runner.start(lambda: begin(bench.parts, tenant(9), at(12)), 0.0)
    assert isinstance(quiet, Quiet)
    store.before += lost(1)
    with pytest.raises(StoreUnavailable):
        runner.start(lambda: begin(bench.parts, TENANT, at(12)), 0.0)
    started = runner.start(lambda: begin(bench.parts, TENANT, at(12)), 0.0)
    assert isinstance(started, Running)
    runner.close()
    assert started.settled.done()


class _Rounds(threading.Event):
    """A bell that nobody waits for, and that sets the stop sign after so many sleeps."""

    def __init__(self, rounds: int, stop: threading.Event) -> None:
        super().__init__()
        self.left, self.stop = rounds, stop
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        self.left -= 1
        if self.left < 0:
            self.stop.set()
        return False


def test_a_pass_that_fails_is_told_and_the_next_one_comes() -> None:
    """P25: a fault of the store is a fault, and no end of the worker."""
    store = FalteringStore()
    install(store)
    store.listing += lost(1)
    bench = Bench(store)
    runner = Runner(bench.parts, 1)
    stop = threading.Event()
    bell = _Rounds(2, stop)
    run_until(stop, bell, bench.parts, runner)
    runner.close()
    assert len(all_reports(bench.store)) == 1
    assert bench.notebook.told[0] == (
        Event.WORKER_PASS_FAILED,
        {"error_code": "STORE_UNAVAILABLE", "cloud_id": None},
    )
    assert len(bell.waits) == 3
    after_failure = bell.waits[1]
    assert after_failure is not None
    assert 2.5 <= after_failure <= 7.5


def test_the_worker_sleeps_until_something_can_be_due_and_never_long() -> None:
    bench = Bench(MemoryStore())
    bench.clock.pass_by(-3600)
    install(bench.store, installed_at=at(0), now=at(0))
    runner = Runner(bench.parts, 1)
    stop = threading.Event()
    for seconds, expected in ((30 * 60.0, POLL_SECONDS), (1798.0, 2.0), (1.9, SHORTEST_SECONDS)):
        bench.clock.pass_by(seconds)
        bell = _Rounds(1, stop := threading.Event())
        run_until(stop, bell, bench.parts, runner)
        slept = bell.waits[-1]
        assert slept is not None
        assert 0.5 * expected <= slept <= 1.5 * expected
    runner.close()
    assert bench.shelf.asked == []


def test_while_the_apps_quota_is_spent_nothing_is_claimed_in_vain() -> None:
    bench = Bench(MemoryStore())
    install(bench.store)
    runner = Runner(bench.parts, 1)
    bench.shelf.held = at(13)
    assert run_pass(bench.parts, runner) == []
    assert milestone_of(bench.store, AUTO_12H).starts == 0
    bench.shelf.held = None
    assert len(acts(run_pass(bench.parts, runner))) == 1
    runner.close()


def test_a_pass_claims_in_one_transaction_as_many_as_slots_are_free() -> None:
    store = FalteringStore()
    bench = Bench(store)
    for number in range(5):
        install(store, tenant(number))
    store.transactions = 0
    gate = _Gate()
    bench.shelf.usual = gate.collect
    runner = Runner(bench.parts, 3)
    started = run_pass(bench.parts, runner)
    assert (len(started), store.transactions) == (3, 1)
    gate.opened.set()
    assert len(acts(started)) == 3
    runner.close()
