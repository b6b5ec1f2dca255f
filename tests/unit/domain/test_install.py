"""Installation evidence: the first counts, and nothing later moves a due time (contract B)."""

import json
from datetime import datetime, timedelta

import pytest

from firstry.domain.claim import Claim
from firstry.domain.milestone import State
from firstry.domain.policy import CatchUp, Policy, Trigger
from firstry.domain.record import Installation, InstallationSource
from firstry.lifecycle.install import Recorded, record_installation, record_upgrade
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
    tick_at,
    token,
    won,
)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def last_entry(store: MemoryStore) -> dict[str, object]:
    entry: dict[str, object] = json.loads(all_entries(store)[-1].body)
    return entry


def test_every_trigger_is_armed_by_its_age(store: MemoryStore) -> None:
    """I8: due times come from the evidence, whenever it arrives."""
    assert install(store, installed_at=at(0), now=at(3)) is Recorded.INSTALLATION
    armed = [(m.trigger, m.due_at, m.window_end_at) for m in known(store).milestones]
    assert armed == [(AUTO_12H, at(12), at(24)), (AUTO_24H, at(24), None)]
    for milestone in known(store).milestones:
        assert (milestone.state, milestone.next_due) == (State.SCHEDULED, milestone.due_at)
        assert (milestone.attempts, milestone.starts, milestone.fence) == (0, 0, 0)
        assert (milestone.deferral_kind, milestone.deferrals) == (None, 0)


def test_the_settings_say_what_is_armed(store: MemoryStore) -> None:
    ages = {Trigger("A"): timedelta(hours=1), Trigger("B"): timedelta(hours=2)}
    policy = Policy(triggers=tuple(ages.items()), catch_up=CatchUp.ALL)
    install(store, policy=policy)
    armed = [(m.trigger, m.due_at, m.window_end_at) for m in known(store).milestones]
    assert armed == [("A", at(1), None), ("B", at(2), None)]


def test_the_evidence_is_in_the_ledger(store: MemoryStore) -> None:
    """I15: what was armed with it too."""
    install(store, installation_id="one", now=at(1))
    assert last_entry(store) == {
        "kind": "INSTALLED",
        "at": "2026-01-01T01:00:00.000Z",
        "actor": "platform",
        "detail": {
            "installed_at": "2026-01-01T00:00:00.000Z",
            "source": "FORGE_LIFECYCLE",
            "installation_id": "one",
            "armed": [
                {"trigger": "AUTO_12H", "revision": 1, "due_at": "2026-01-01T12:00:00.000Z"},
                {"trigger": "AUTO_24H", "revision": 1, "due_at": "2026-01-02T00:00:00.000Z"},
            ],
        },
    }


def test_an_operators_evidence_carries_the_reason(store: MemoryStore) -> None:
    evidence = Installation(at(0), InstallationSource.OPERATOR)
    record_installation(store, TENANT, evidence, at(1), DEFAULT, reason="told by the customer")
    entry = last_entry(store)
    assert entry["actor"] == "operator"
    assert isinstance(entry["detail"], dict)
    assert entry["detail"]["reason"] == "told by the customer"


@pytest.mark.parametrize("again", [at(0), at(5), at(0) - timedelta(days=9)], ids=str)
def test_a_repeated_delivery_changes_nothing(store: MemoryStore, again: datetime) -> None:
    """I13, P15: whatever instant it names."""
    install(store, installation_id="one")
    before = known(store), all_entries(store)
    repeated = install(
        store, installed_at=again, installation_id="one", token_until=None, now=at(6)
    )
    assert repeated is Recorded.ALREADY
    assert (known(store), all_entries(store)) == before


def test_a_reinstallation_that_was_not_preceded_by_an_uninstallation_moves_nothing(
    store: MemoryStore,
) -> None:
    """P15: first accepted evidence wins; the later one is a ledger entry."""
    install(store, installation_id="one")
    before = known(store).milestones
    again = install(store, installed_at=at(5), installation_id="two", now=at(6))
    assert again is Recorded.REINSTALL
    assert known(store).milestones == before
    assert known(store).installation.installed_at == at(0)
    assert known(store).installation.installation_id == "two"
    assert last_entry(store)["kind"] == "REINSTALLED"


def test_what_an_earlier_installation_says_late_changes_nothing(store: MemoryStore) -> None:
    """I13: its id does not take the later one's place, whose uninstallation counts."""
    install(store, installation_id="one")
    install(store, installed_at=at(1), installation_id="two", now=at(1))
    before = known(store)
    late = install(store, installed_at=at(2), installation_id="one", now=at(2))
    assert late is Recorded.ALREADY
    assert known(store) == before
    assert record_uninstallation(store, TENANT, "two", at(3))
    assert known(store).uninstalled_at == at(3)


def test_an_installation_that_has_ended_revives_nothing(store: MemoryStore) -> None:
    for number, name in enumerate(("one", "two")):
        install(store, installed_at=at(number), installation_id=name, now=at(number))
        assert record_uninstallation(store, TENANT, name, at(number, 30))
    before = known(store)
    late = install(store, installed_at=at(4), installation_id="one", now=at(4))
    assert late is Recorded.ALREADY
    assert known(store) == before


def test_a_later_event_tells_the_version_of_the_app(store: MemoryStore) -> None:
    install(store, installation_id="one")
    later = Installation(at(5), InstallationSource.LIFECYCLE, "two", "2.0")
    record_installation(store, TENANT, later, at(6), DEFAULT)
    assert known(store).installation.app_version == "2.0"


def test_the_platforms_word_after_an_operators_names_the_installation(store: MemoryStore) -> None:
    install(store, installation_id=None)
    first = install(store, installed_at=at(1), installation_id="one", now=at(2))
    assert first is Recorded.ALREADY
    assert known(store).installation.installation_id == "one"
    assert known(store).installation.installed_at == at(0)
    assert last_entry(store)["kind"] == "INSTALLATION_EVIDENCE_REPEATED"


def test_a_token_that_came_with_the_event_is_kept(store: MemoryStore) -> None:
    install(store, token_until=at(4))
    assert store.token(TENANT) == token(at(4))
    install(store, token_until=at(3), now=at(1))
    assert store.token(TENANT) == token(at(4))
    install(store, token_until=at(40), now=at(1))
    assert store.token(TENANT) == token(at(40))
    assert len(all_entries(store)) == 1


def test_an_upgrade_is_noted_and_arms_nothing(store: MemoryStore) -> None:
    install(store)
    before = known(store).milestones
    assert record_upgrade(store, TENANT, "2.0", at(30)) is Recorded.UPGRADE
    assert known(store).milestones == before
    assert known(store).installation.app_version == "2.0"
    assert last_entry(store)["detail"] == {"app_version": "2.0"}
    count = len(all_entries(store))
    assert record_upgrade(store, TENANT, "2.0", at(31)) is Recorded.UPGRADE
    assert len(all_entries(store)) == count


def test_an_upgrade_of_an_unknown_tenant_is_no_evidence(store: MemoryStore) -> None:
    """P15."""
    assert record_upgrade(store, TENANT, "2.0", at(30)) is Recorded.IGNORED
    assert store.read(TENANT) is None


def test_a_reinstallation_arms_what_the_uninstallation_cancelled(store: MemoryStore) -> None:
    """SURFACE: revision n+1 of what was cancelled, from the new evidence; the rest stays."""
    install(store, installation_id="one")
    done = complete(store, at(12))
    assert record_uninstallation(store, TENANT, "one", at(13))
    again = install(store, installed_at=at(100), installation_id="two", now=at(101))
    assert again is Recorded.REINSTALL
    detail = last_entry(store)["detail"]
    assert isinstance(detail, dict)
    assert detail["armed"] == [
        {"trigger": "AUTO_24H", "revision": 2, "due_at": "2026-01-06T04:00:00.000Z"}
    ]
    by_key = {m.key: m for m in known(store).milestones}
    assert by_key.keys() == {(AUTO_12H, 1), (AUTO_24H, 1), (AUTO_24H, 2)}
    assert by_key[AUTO_12H, 1].report_id == done.report_id
    assert by_key[AUTO_24H, 1].state is State.CANCELLED
    fresh = by_key[AUTO_24H, 2]
    assert (fresh.state, fresh.installed_at, fresh.due_at) == (State.SCHEDULED, at(100), at(124))
    assert known(store).installation.installed_at == at(0)
    assert known(store).installation.latest_at == at(100)
    assert won(store, at(124)).installed_at == at(100)


def test_missed_and_discarded_stay_so_after_a_reinstallation(store: MemoryStore) -> None:
    install(store, installation_id="one")
    tick_at(store, at(24))
    assert milestone_of(store, AUTO_12H).state is State.MISSED
    record_uninstallation(store, TENANT, "one", at(25))
    install(store, installed_at=at(100), installation_id="two", now=at(100))
    assert [m.key for m in known(store).milestones] == [(AUTO_12H, 1), (AUTO_24H, 1), (AUTO_24H, 2)]


def test_an_uninstallation_cancels_what_is_open_and_drops_the_token(store: MemoryStore) -> None:
    install(store, installation_id="one")
    held = won(store, at(12))
    assert record_uninstallation(store, TENANT, "one", at(12, 1))
    assert {m.state for m in known(store).milestones} == {State.CANCELLED}
    assert known(store).milestones[0].fence == held.fence
    assert store.token(TENANT) is None
    tick_at(store, at(13), token(at(60)))
    assert store.token(TENANT) is None
    assert not isinstance(claim_at(store, at(24)), Claim)


@pytest.mark.parametrize(
    ("named", "is_taken"), [("one", True), (None, True), ("an earlier one", False)]
)
def test_an_uninstallation_of_another_installation_does_nothing(
    store: MemoryStore, named: str | None, is_taken: bool
) -> None:
    """I13: a late call of an earlier installation."""
    install(store, installation_id="one")
    assert record_uninstallation(store, TENANT, named, at(1)) is is_taken
    assert (known(store).uninstalled_at is not None) is is_taken
    assert (store.token(TENANT) is None) is is_taken


def test_an_uninstallation_is_recorded_once(store: MemoryStore) -> None:
    assert not record_uninstallation(store, TENANT, None, at(1))
    install(store)
    assert record_uninstallation(store, TENANT, None, at(1))
    before = known(store), all_entries(store)
    assert record_uninstallation(store, TENANT, None, at(2))
    assert (known(store), all_entries(store)) == before
