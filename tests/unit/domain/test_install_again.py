"""A site installs again: what the new installation brings to life, and what it leaves alone."""

import json

import pytest

from firstry.domain.milestone import State
from firstry.domain.outcome import Deferred
from firstry.domain.policy import DeferralKind
from firstry.lifecycle.install import Recorded
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    TENANT,
    all_entries,
    at,
    claim_at,
    complete,
    install,
    known,
    milestone_of,
    settle_at,
    tick_at,
    token,
    won,
)
from support.invariants import breaches_of, snapshot


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_evidence_without_an_id_repeats_whatever_is_known(store: MemoryStore) -> None:
    install(store, installation_id="first")
    before = known(store), all_entries(store)
    assert install(store, installed_at=at(5), token_until=None, now=at(5)) is Recorded.ALREADY
    assert (known(store), all_entries(store)) == before


def test_the_first_id_after_an_uninstallation_is_a_reinstallation(store: MemoryStore) -> None:
    install(store)
    record_uninstallation(store, TENANT, None, at(5))
    again = install(store, installed_at=at(6), installation_id="second", now=at(6))
    assert again is Recorded.REINSTALL
    assert json.loads(all_entries(store)[-1].body)["kind"] == "REINSTALLED"
    assert milestone_of(store, AUTO_12H, revision=2).due_at == at(18)


def test_a_site_that_had_all_its_reports_is_installed_again_all_the_same(
    store: MemoryStore,
) -> None:
    """P15: nothing is armed anew, and it is no longer uninstalled."""
    install(store, installation_id="first")
    complete(store, at(12))
    complete(store, at(24))
    record_uninstallation(store, TENANT, "first", at(30))
    install(store, installed_at=at(31), installation_id="second", now=at(31))
    record = known(store)
    assert (record.uninstalled_at, record.installation.reinstalled_at) == (None, at(31))
    assert [m.state for m in record.milestones] == [State.COMPLETED, State.COMPLETED]


def test_a_second_id_without_an_uninstallation_sets_no_other_time_in_force(
    store: MemoryStore,
) -> None:
    install(store, installation_id="first")
    install(store, installed_at=at(5), installation_id="second", now=at(5))
    assert known(store).installation.latest_at == at(0)
    assert "armed" not in json.loads(all_entries(store)[-1].body)["detail"]


def test_what_was_cancelled_by_presumption_is_armed_anew(store: MemoryStore) -> None:
    """No uninstallation was told: the site was silent and refused us."""
    install(store, installation_id="first")
    tick_at(store, at(1), token(at(4000)))
    for _ in range(2):
        now = milestone_of(store, AUTO_12H).next_due
        refused = Deferred(DeferralKind.TOKEN, "Jira refused the app's token")
        settle_at(store, won(store, now), refused, now)
    claim_at(store, at(1 + 72))
    assert milestone_of(store, AUTO_24H).state is State.CANCELLED
    assert known(store).uninstalled_at is None
    install(store, installed_at=at(80), installation_id="second", now=at(80))
    assert milestone_of(store, AUTO_24H, revision=2).due_at == at(104)
    assert breaches_of(snapshot(store, known(store)), DEFAULT) == []
