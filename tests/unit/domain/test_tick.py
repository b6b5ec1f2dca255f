"""One tick from outside: it claims, or writes what it must, or is idle and writes nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import Tenant
from firstry.lifecycle.pause import pause, resume
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.telemetry import Event
from firstry.ports.vault import SystemToken
from firstry.scheduler.runner import Runner
from firstry.scheduler.tick import Waking, idle, look, tick
from firstry.scheduler.worker import run_once
from firstry.stores.memory import MemoryStore
from support.attempt import Bench, FalteringStore, GlassVault
from support.domain import (
    AUTO_24H,
    DEFAULT,
    INSTALLED_AT,
    TENANT,
    at,
    complete,
    install,
    known,
    milestone_of,
    tick_at,
)


def system_token(expires_at_hours: float) -> SystemToken:
    return SystemToken("bearer", "https://api.atlassian.com/ex/jira/site", at(expires_at_hours))


def test_an_idle_tick_is_one_read_and_no_write() -> None:
    """P16: nothing is opened for writing and nothing is sealed."""
    store = FalteringStore()
    install(store, token_until=at(40))
    bench, vault = Bench(store), GlassVault()
    tick(bench.parts, vault, TENANT, system_token(41), at(1))
    writes = store.transactions
    for minutes in (5, 10, 15):
        answer = tick(bench.parts, vault, TENANT, system_token(41), at(1, minutes))
        assert isinstance(answer, Quiet)
    assert (store.transactions, vault.sealed) == (writes, 1)


def test_a_tick_claims_and_is_performed_like_any_other() -> None:
    """Contract F."""
    bench, vault = Bench(MemoryStore()), GlassVault()
    install(bench.store, token_until=None)
    held = tick(bench.parts, vault, TENANT, system_token(13), at(12))
    assert isinstance(held, Claim)
    assert bench.notebook.events() == [Event.ATTEMPT_CLAIMED]
    kept = bench.store.token(TENANT)
    assert kept is not None
    assert kept.expires_at == at(13)


@pytest.mark.parametrize("hours", [11.9, 12, 12.04])
def test_a_token_that_is_about_to_end_claims_nothing(hours: float) -> None:
    bench, vault = Bench(MemoryStore()), GlassVault()
    install(bench.store, token_until=None)
    answer = tick(bench.parts, vault, TENANT, system_token(hours), at(12))
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.WAITING_FOR_TOKEN


def test_a_tick_of_an_unknown_tenant_seals_and_writes_nothing() -> None:
    store = FalteringStore()
    bench, vault = Bench(store), GlassVault()
    answer = tick(bench.parts, vault, TENANT, system_token(41), at(12))
    assert answer == Quiet(Reason.INSTALLATION_UNKNOWN)
    assert (store.transactions, vault.sealed) == (0, 0)


def test_a_tick_and_the_worker_at_one_moment_make_one_report() -> None:
    """P1, contract G."""
    bench, vault = Bench(MemoryStore()), GlassVault()
    install(bench.store, installed_at=INSTALLED_AT)
    held = tick(bench.parts, vault, TENANT, None, at(12))
    runner = Runner(bench.parts, 1)
    assert run_once(bench.parts, runner) == []
    answer = tick(bench.parts, vault, TENANT, None, at(12) + timedelta(seconds=1))
    runner.close()
    assert isinstance(held, Claim)
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.CLAIMED_ELSEWHERE
    assert milestone_of(bench.store, AUTO_24H).starts == 0


def _installed() -> FalteringStore:
    """Return a store whose one tenant has ticked at 1 h, with a token until 40 h."""
    store = FalteringStore()
    install(store, token_until=at(40))
    tick_at(store, at(1))
    return store


def _paused() -> FalteringStore:
    store = _installed()
    pause(store, TENANT, "reason", at(1))
    return store


def _uninstalled() -> FalteringStore:
    store = _installed()
    record_uninstallation(store, TENANT, None, at(1))
    return store


def _reported() -> FalteringStore:
    store = _installed()
    complete(store, at(12))
    tick_at(store, at(12, 1))
    return store


WORLDS = [FalteringStore, _installed, _paused, _uninstalled, _reported]
TOKENS = [None, *map(system_token, (39, 40, 41))]
INSTANTS = [at(1, 30), at(2), at(12), at(12, 30), at(24), at(200)]


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("world", WORLDS)
def test_a_tick_is_idle_exactly_where_it_would_write_nothing(
    world: Callable[[], FalteringStore], token: SystemToken | None, instant: datetime
) -> None:
    """P16: what the event loop concludes from one read is what the whole tick would do."""
    store, vault = world(), GlassVault()
    before, writes = store.read(TENANT), store.transactions
    concluded = idle(before, token, instant, DEFAULT)
    answer = tick(Bench(store).parts, vault, TENANT, token, instant)
    if concluded is None:
        assert (store.transactions, store.read(TENANT) == before) == (writes + 1, False)
    else:
        assert concluded == answer
        assert (store.transactions, store.read(TENANT), vault.sealed) == (writes, before, 0)


def test_a_tick_that_will_claim_writes_nothing_before_it_has_a_slot() -> None:
    store = _installed()
    before, writes = known(store), store.transactions
    looked = look(Bench(store).parts, GlassVault(), TENANT, None, at(12))
    assert isinstance(looked, Waking)
    assert (known(store), store.transactions) == (before, writes)
    assert isinstance(looked.claim(), Claim)


def test_a_tick_that_claims_nothing_keeps_its_token_without_a_slot() -> None:
    store = _installed()
    looked = look(Bench(store).parts, GlassVault(), TENANT, system_token(41), at(1, 30))
    assert looked == Quiet(Reason.NOT_DUE)
    assert (known(store).token_expires_at, known(store).last_tick_at) == (at(41), at(1, 30))


class _Resumed(FalteringStore):
    """A store whose tenant is resumed right after it was read."""

    def read(self, tenant: Tenant) -> TenantRecord | None:
        record = super().read(tenant)
        if record is not None and record.paused_at is not None:
            resume(self, tenant, "reason", at(12))
        return record


def test_a_tick_that_has_something_to_claim_by_now_takes_a_slot_after_all() -> None:
    store = _Resumed()
    install(store, token_until=at(40))
    pause(store, TENANT, "reason", at(1))
    looked = look(Bench(store).parts, GlassVault(), TENANT, system_token(41), at(12))
    assert isinstance(looked, Waking)
    assert isinstance(looked.claim(), Claim)
