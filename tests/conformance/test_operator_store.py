"""Tokens, switches and bulk jobs behave alike on every SQL store."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firstry.domain.access import ApiToken, Role, actor_named
from firstry.domain.claim import Claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.errors import Conflict, Defect, NotFound
from firstry.domain.flag import GENERATION, MANUAL_REPORTS, Flag, of_trigger
from firstry.domain.instant import parse_instant
from firstry.domain.job import BulkAct, Job, JobState, JobTarget, Target, TargetError
from firstry.domain.ledger import OPERATOR, Actor, Entry, Head, SealedEntry, first_break, seal
from firstry.domain.record import Decide, Order
from firstry.domain.service_ledger import service_genesis
from firstry.domain.tenant import Tenant
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import switching
from firstry.stores.sql.access import SqlTokens
from firstry.stores.sql.flag import SqlFlags
from firstry.stores.sql.job import SqlJobs
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.store import SqlStore
from support.backing import BACKINGS, SHARED
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    all_entries,
    at,
    claim_at,
    claimable_at,
    install,
    known,
    milestone_of,
    tenant,
)

WHO = actor_named("ops")
TOKEN = ApiToken("t-1", "ops", Role.OPERATOR, at(0), at(48))
ONE, TWO = tenant(1), tenant(2)


@pytest.fixture(params=SHARED)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty SQL store of every kind, with two tenants."""
    opened = BACKINGS[request.param](tmp_path).open()
    assert isinstance(opened, SqlStore)
    for who in (ONE, TWO):
        install(opened, who)
    yield opened
    opened.close()


def _turn(store: SqlStore, flag: Flag, *, to_on: bool, who: Tenant | None = None) -> None:
    flags = SqlFlags(store.database)
    flags.turn(flag, who, to_on=to_on, reason="why", actor=WHO, now=at(1))


def test_a_token_is_known_by_its_digest_alone(store: SqlStore) -> None:
    tokens = SqlTokens(store.database)
    tokens.add(TOKEN, "sha256:a", OPERATOR)
    assert tokens.by_digest("sha256:a") == TOKEN
    assert tokens.by_digest("sha256:b") is None
    with pytest.raises(Conflict, match="named 'ops' already"):
        tokens.add(replace(TOKEN, token_id="t-2"), "sha256:b", OPERATOR)
    later = replace(TOKEN, token_id="t-3", created_at=at(48))
    tokens.add(later, "sha256:c", OPERATOR)
    assert list(tokens.tokens()) == [TOKEN, later]


def test_a_use_is_noted_once_a_minute(store: SqlStore) -> None:
    tokens = SqlTokens(store.database)
    tokens.add(TOKEN, "sha256:a", OPERATOR)
    noted = []
    for seconds in (0, 59, 60, 61):
        known_now = tokens.by_digest("sha256:a")
        assert known_now is not None
        tokens.note_use(known_now, at(seconds=seconds))
        noted.append(tokens.tokens()[0].last_used_at)
    assert noted == [at(0), at(0), at(seconds=60), at(seconds=60)]


def test_a_revoked_token_stays_revoked(store: SqlStore) -> None:
    tokens = SqlTokens(store.database)
    tokens.add(TOKEN, "sha256:a", OPERATOR)
    assert tokens.revoke("t-1", at(2), WHO).revoked_at == at(2)
    assert tokens.revoke("t-1", at(3), WHO).revoked_at == at(2)
    with pytest.raises(NotFound):
        tokens.revoke("t-9", at(2), WHO)


def test_the_services_ledger_is_a_chain(store: SqlStore) -> None:
    """I15: acts that are no tenant's are chained too, each onto the one before."""
    tokens = SqlTokens(store.database)
    tokens.add(TOKEN, "sha256:a", OPERATOR)
    tokens.revoke("t-1", at(2), WHO)
    _turn(store, GENERATION, to_on=False)
    ledger = ServiceLedger(store.database)
    chain = ledger.entries(0, 100)
    assert [entry.sequence for entry in chain] == [1, 2, 3]
    assert ledger.head().sequence == 3
    assert first_break(ONE, chain, ledger.head()) == 1, "it is no tenant's chain"
    head = service_genesis()
    for entry in chain:
        head = _sealed_after(head, entry)
    assert head == ledger.head()


def _sealed_after(head: Head, entry: SealedEntry) -> Head:
    """Seal what an entry says onto `head` once more; it must come out the same."""
    told = json.loads(entry.body)
    again = Entry(told["kind"], parse_instant(told["at"]), Actor(told["actor"]), told["detail"])
    (sealed,), moved = seal(head, [again])
    assert sealed == entry
    return moved


def test_what_is_off_is_neither_claimed_nor_shown_to_the_worker(store: SqlStore) -> None:
    _turn(store, of_trigger(AUTO_12H), to_on=False, who=ONE)
    assert known(store, ONE).switched_off == {"trigger.AUTO_12H"}
    assert known(store, TWO).switched_off == frozenset()
    assert claimable_at(store, at(12)) == [TWO]
    assert claim_at(store, at(12), ONE) == Quiet(Reason.PAUSED)
    assert isinstance(claim_at(store, at(12), TWO), Claim)
    held = claim_at(store, at(24), ONE)
    assert isinstance(held, Claim)
    assert held.trigger == AUTO_24H
    assert milestone_of(store, AUTO_12H, ONE).is_live(), "it has not ended either"


def test_generation_off_is_off_for_everybody(store: SqlStore) -> None:
    _turn(store, GENERATION, to_on=False)
    for who in (ONE, TWO):
        assert claim_at(store, at(24), who) == Quiet(Reason.PAUSED)
    assert claimable_at(store, at(24)) == []
    _turn(store, GENERATION, to_on=True)
    assert claimable_at(store, at(24)) == [ONE, TWO]


def test_manual_off_refuses_and_holds_what_waits(store: SqlStore) -> None:
    request_report(store, ONE, "why", WHO, at(1), DEFAULT)
    _turn(store, MANUAL_REPORTS, to_on=False)
    assert claim_at(store, at(1), ONE) == Quiet(Reason.PAUSED)
    with pytest.raises(Conflict, match="switched off"):
        request_report(store, ONE, "why", WHO, at(1), DEFAULT)


def test_a_turn_and_its_entry_are_one(store: SqlStore) -> None:
    _turn(store, GENERATION, to_on=False, who=ONE)
    (*_, last) = all_entries(store, ONE)
    assert b'"kind":"FLAG_SWITCHED"' in last.body
    assert first_break(ONE, all_entries(store, ONE), known(store, ONE).head) is None
    before = all_entries(store, ONE)
    with pytest.raises(Conflict):
        _turn(store, GENERATION, to_on=False, who=ONE)
    with pytest.raises(NotFound):
        SqlFlags(store.database).turn(
            GENERATION, tenant(9), to_on=False, reason="why", actor=WHO, now=at(1)
        )
    assert all_entries(store, ONE) == before
    assert SqlFlags(store.database).off_for(tenant(9)) == frozenset()


def _job(job_id: str = "j-1", key: str | None = None, minutes: int = 0) -> Job:
    return Job(job_id, BulkAct.RETRY, "", "why", WHO, 3, at(minutes=minutes), key=key)


TARGETS = [Target(ONE, AUTO_12H), Target(ONE, AUTO_24H), Target(TWO, AUTO_12H)]


def test_a_job_goes_from_queued_to_done(store: SqlStore) -> None:
    jobs = SqlJobs(store.database)
    jobs.add(_job(), TARGETS)
    assert jobs.job("j-1") == _job()
    held = jobs.take("a", at(1), at(2))
    assert held is not None
    assert (held.job_id, held.state) == ("j-1", JobState.RUNNING)
    assert list(jobs.left("j-1", 2)) == TARGETS[:2]
    error = TargetError(TARGETS[1], "CONFLICT", "no")
    jobs.settle("j-1", TARGETS[:1], [error])
    assert list(jobs.left("j-1", 9)) == TARGETS[2:]
    assert list(jobs.errors("j-1", 9)) == [error]
    jobs.settle("j-1", TARGETS[2:], [])
    ended = jobs.finish("j-1", at(3))
    assert (ended.state, ended.done, ended.failed) == (JobState.DONE, 2, 1)
    assert ended.ended_at == at(3)
    assert jobs.take("a", at(4), at(5)) is None


def test_an_act_and_its_note_in_the_job_are_one(store: SqlStore) -> None:
    """A target that was settled before refuses the act, and all that goes along with it."""
    jobs = SqlJobs(store.database)
    jobs.add(_job(), TARGETS)

    def acting(target: Target, minutes: int) -> Decide[Any]:
        pause = Order("why", WHO, at(minutes=minutes), "j-1")
        decide = switching(target.tenant, pause, to_pause=minutes == 1)
        return lambda record: replace(decide(record), done=JobTarget("j-1", target))

    store.transact(ONE, at(minutes=1), acting(TARGETS[0], 1))
    assert list(jobs.left("j-1", 9)) == TARGETS[1:]
    assert known(store, ONE).paused_at == at(minutes=1)
    before = all_entries(store, ONE)
    again = {ONE: acting(TARGETS[0], 2), TWO: acting(TARGETS[2], 1)}
    with pytest.raises(Defect):
        store.transact_many(at(minutes=2), again)
    assert list(jobs.left("j-1", 9)) == TARGETS[1:]
    assert all_entries(store, ONE) == before
    assert known(store, ONE).paused_at == at(minutes=1)
    assert known(store, TWO).paused_at is None


def test_jobs_are_listed_the_newest_first(store: SqlStore) -> None:
    """Page by page; of two that were ordered at one instant, too, none is left out."""
    jobs = SqlJobs(store.database)
    assert jobs.jobs(None, 9) == []
    for name, minutes in (("j-2", 0), ("j-1", 0), ("j-3", 5), ("j-0", 9)):
        jobs.add(_job(name, minutes=minutes), TARGETS)
    jobs.settle("j-3", TARGETS[:1], [TargetError(TARGETS[1], "CONFLICT", "no")])
    first = jobs.jobs(None, 3)
    assert [job.job_id for job in first] == ["j-0", "j-3", "j-2"]
    assert (first[1].done, first[1].failed, first[1].total) == (1, 1, 3)
    assert [job.job_id for job in jobs.jobs(first[-1].place, 3)] == ["j-1"]


def test_one_runner_at_a_time_holds_a_job(store: SqlStore) -> None:
    jobs = SqlJobs(store.database)
    jobs.add(_job("j-1"), TARGETS)
    jobs.add(_job("j-2", minutes=1), TARGETS)
    minute = timedelta(minutes=1)
    taken = [jobs.take(runner, at(1), at(1) + minute) for runner in ("a", "b", "c")]
    assert [job.job_id if job else None for job in taken] == ["j-1", "j-2", None]
    assert jobs.keep("j-1", "a", at(1), at(3))
    again = jobs.take("c", at(2), at(4))
    assert again is not None
    assert again.job_id == "j-2", "whose hold has run out"
    assert not jobs.keep("j-2", "b", at(2), at(5))


def test_a_key_names_one_job(store: SqlStore) -> None:
    jobs = SqlJobs(store.database)
    first = jobs.add(_job("j-1", "t-1 press"), TARGETS)
    assert jobs.add(_job("j-2", "t-1 press"), TARGETS) == first
    assert jobs.by_key("t-1 press") == first
    assert jobs.by_key("t-2 press") is None
    assert jobs.job("j-2") is None
