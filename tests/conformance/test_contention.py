"""Many at once: one wins, the others are told, and no count is lost (contract G)."""

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import TypeVar

import pytest

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.milestone import State
from firstry.domain.outcome import Failed
from firstry.domain.policy import Policy
from firstry.domain.settle import Fenced, Settled
from firstry.ports.store import Store
from support.backing import Backing, start_module
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    TENANT,
    all_reports,
    at,
    claim_at,
    complete,
    completed,
    install,
    known,
    milestone_of,
    settle_at,
    tenant,
    tick_at,
    token,
    won,
)
from support.invariants import breaches_of, snapshot

THREADS = 16
READERS = 8
"""As many as a SQLite file has connections: nobody has to wait for one."""
READS = 50


T = TypeVar("T")


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Return what `work` answers to each of many threads that begin at one moment."""
    gate = threading.Barrier(threads)

    def begin(number: int) -> T:
        gate.wait(10)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


def give_way(frame: FrameType, event: str, argument: object) -> None:
    """Let another thread run at each call of a Python function, where one may lose its turn."""
    time.sleep(0)


def test_many_that_read_and_write_at_once_are_all_answered(store: Store) -> None:
    """I12: who gives a connection back stands in nobody's way, before a commit or after it."""
    install(store)
    before = known(store)

    def visit(number: int) -> None:
        sys.settrace(give_way)
        if number % 2:
            install(store, tenant(number))
        for _ in range(READS):
            assert store.read(TENANT) == before
            store.read_many((TENANT,))

    at_once(visit, READERS)
    found = [each.tenant for each in store.tenants(None, READERS)]
    assert found == [TENANT, *(tenant(number) for number in range(1, READERS, 2))]


def test_of_many_that_claim_one_tenant_one_wins(store: Store) -> None:
    """P1, I4."""
    install(store)
    answers = at_once(lambda number: claim_at(store, at(12)))
    claims = [answer for answer in answers if isinstance(answer, Claim)]
    others = {answer.reason for answer in answers if isinstance(answer, Quiet)}
    assert len(claims) == 1
    assert others == {Reason.CLAIMED_ELSEWHERE}
    held = milestone_of(store, AUTO_12H)
    assert (held.attempts, held.starts, held.fence) == (1, 1, 1)
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []


def test_of_many_ticks_for_one_tenant_one_wins(store: Store) -> None:
    """P1, P18: also where each brings a token of its own."""
    install(store, token_until=None)
    answers = at_once(lambda number: tick_at(store, at(12), token(at(20 + number))))
    assert len([answer for answer in answers if isinstance(answer, Claim)]) == 1
    assert known(store).token_expires_at == at(20 + THREADS - 1)
    assert milestone_of(store, AUTO_12H).starts == 1


def test_many_tenants_are_claimed_side_by_side(store: Store) -> None:
    """P18: nobody's counters are lost among the others."""
    for number in range(THREADS):
        install(store, tenant(number))
    answers = at_once(lambda number: claim_at(store, at(12), tenant(number)))
    assert all(isinstance(answer, Claim) for answer in answers)
    for number in range(THREADS):
        assert breaches_of(snapshot(store, known(store, tenant(number))), DEFAULT) == []


def test_many_that_settle_one_claim_store_one_report(store: Store) -> None:
    """I1, I5: one settles, the others find it settled."""
    install(store)
    held = won(store, at(12))
    outcome = completed(held)
    answers = at_once(lambda number: settle_at(store, held, outcome, at(12, 1)))
    settled = [answer for answer in answers if isinstance(answer, Settled)]
    assert len(settled) == THREADS
    assert [answer.is_repeat for answer in settled].count(False) == 1
    assert len(all_reports(store)) == 1


def test_an_old_and_a_new_worker_store_one_report(store: Store) -> None:
    """I1, I5."""
    install(store)
    held = [won(store, at(12)), won(store, at(12, 35))]
    answers = at_once(
        lambda number: settle_at(store, held[number % 2], completed(held[number % 2]), at(12, 36))
    )
    fenced = [number for number, answer in enumerate(answers) if isinstance(answer, Fenced)]
    assert fenced == list(range(0, THREADS, 2))
    assert len(all_reports(store)) == 1


def test_many_installations_of_one_site_are_one(store: Store) -> None:
    """I13."""
    answers = at_once(lambda number: install(store, installed_at=at(number), now=at(0)))
    assert len([answer for answer in answers if answer == "INSTALLATION_RECORDED"]) == 1
    assert known(store).head.sequence == 1


def test_two_workers_that_race_to_the_end_charge_every_attempt_once(store: Store) -> None:
    """P18, I6: whoever wins each round, the counts are those of one worker."""
    policy = Policy(max_attempts=3)
    install(store, policy=policy)

    def race() -> list[Claim]:
        now = milestone_of(store, AUTO_24H).next_due
        answers = at_once(lambda number: claim_at(store, now, policy=policy))
        return [answer for answer in answers if isinstance(answer, Claim)]

    for attempt in (1, 2, 3):
        (held,) = race()
        assert (held.attempt, held.fence) == (attempt, attempt)
        settle_at(store, held, Failed("CODE", "words"), held.decided_at, policy)
    assert race() == []
    assert milestone_of(store, AUTO_24H).state is State.DISCARDED
    assert breaches_of(snapshot(store, known(store)), policy) == []


def test_a_second_store_sees_what_the_first_wrote(shared: Backing) -> None:
    one, other = shared.open(), shared.open()
    install(one)
    report = complete(one, at(12))
    assert other.read(TENANT) == one.read(TENANT)
    assert other.report(report.report_id) == report
    complete(other, at(24))
    assert one.read(TENANT) == other.read(TENANT)
    assert all_reports(one) == all_reports(other)
    one.close()
    assert len(all_reports(other)) == 2
    other.close()


def test_what_was_written_is_there_after_all_are_closed(shared: Backing) -> None:
    """P4: the report is kept, not held."""
    first = shared.open()
    install(first)
    report = complete(first, at(12))
    first.close()
    again = shared.open()
    assert again.report(report.report_id) == report
    assert isinstance(claim_at(again, at(13)), Quiet)
    again.close()


def test_of_two_stores_one_wins(shared: Backing) -> None:
    """P1."""
    stores = [shared.open(), shared.open()]
    install(stores[0])
    answers = at_once(lambda number: claim_at(stores[number % 2], at(12)))
    assert len([answer for answer in answers if isinstance(answer, Claim)]) == 1
    for store in stores:
        store.close()


@pytest.mark.parametrize("processes", [2, 4])
def test_of_several_processes_one_wins_each_tenant(shared: Backing, processes: int) -> None:
    """P1, I4, contract G."""
    store = shared.open()
    everybody = [tenant(number) for number in range(40)]
    for who in everybody:
        install(store, who)
    ids = [who.cloud_id for who in everybody]
    started = [
        start_module("claimant", shared.kind, shared.place, "12", *ids) for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=30) for process in started]
    assert [process.returncode for process in started] == [0] * processes, told
    claims = sorted(line for output, _ in told for line in output.splitlines())
    assert claims == [f"{cloud_id} 1" for cloud_id in ids]
    for who in everybody:
        assert breaches_of(snapshot(store, known(store, who)), DEFAULT) == []
    store.close()
