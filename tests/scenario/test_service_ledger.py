"""The service's own ledger, changed behind its back: who finds it, and in which words."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstry.insight.patrol import LedgerPatrol
from firstry.sim.platform_key import KeyRing
from firstry.stores.clock import HostClock
from firstry.stores.sql.service_ledger import ServiceLedger
from support.console import signed_in
from support.exposition import fresh
from support.operator_call import operator
from support.postgres_rows import database_in
from support.receiver import Receiver
from support.service import StillClock, World

ENTRIES = 4
RULES = ("service_ledger_is_written_once", "service_ledger_stays")
CHANGES = {
    "a changed entry": ("UPDATE service_ledger SET body = {body} WHERE sequence = 2", 2),
    "a changed hash": ("UPDATE service_ledger SET hash = 'sha256:0' WHERE sequence = 3", 3),
    "a removed entry": ("DELETE FROM service_ledger WHERE sequence = 2", 2),
    "a cut tail": (f"DELETE FROM service_ledger WHERE sequence = {ENTRIES}", ENTRIES),
    "an emptied ledger": ("DELETE FROM service_ledger", 1),
}
"""Each with the entry at which the chain breaks."""
VERIFY = "firstry evidence verify --service"


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A service at the present, with a tenant, and with four entries in its own ledger."""
    now = datetime.now(UTC).replace(microsecond=0)
    database = database_in(tmp_path, request.param)
    with World(tmp_path, keys, clock=StillClock(now), database=database) as world:
        _filled(world)
        yield world


def _filled(world: World) -> None:
    world.installed()
    for number in range(ENTRIES):
        operator(world, name=f"ops-{number}")
    assert world.database.count("service_ledger") == ENTRIES


def _change(world: World, sql: str) -> None:
    """Change the service's ledger as somebody does who can switch its rules off."""
    is_sqlite = "sqlite" in world.database.url
    for rule in RULES:
        world.database.write(f"DROP TRIGGER {rule}{'' if is_sqlite else ' ON service_ledger'}")
    body = "CAST(body || ' ' AS BLOB)" if is_sqlite else r"body || '\x20'::bytea"
    world.database.write(sql.format(body=body))


def _patrol(world: World) -> LedgerPatrol:
    """Return a patrol that has gone round once."""
    store = world.database.store()
    try:
        patrol = LedgerPatrol(store, ServiceLedger(store.database), HostClock())
        patrol.step()
    finally:
        store.close()
    return patrol


def test_a_sound_one_is_said_to_be_sound(world: World) -> None:
    ran = world.command("evidence", "verify", "--service", "--json")
    head = ran.json()["head"]
    assert ran.json() == {
        "cloud_id": None,
        "entries": ENTRIES,
        "head": {"sequence": ENTRIES, "hash": head["hash"]},
        "is_intact": True,
        "broken_at": None,
    }
    assert ran.code == 0
    said = world.command("evidence", "verify", "--service").out
    assert said == f"{ENTRIES} entries, the chain holds up to {head['hash']}\n"
    assert (_patrol(world).broken, _patrol(world).is_service_broken) == (0, False)


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_found(world: World, change: str) -> None:
    """Where it was changed, by everybody who looks, and told apart from a tenant's."""
    sql, breaks_at = CHANGES[change]
    _change(world, sql)
    ran = world.command("evidence", "verify", "--service", "--json")
    assert (ran.code, ran.json()["is_intact"], ran.json()["broken_at"]) == (1, False, breaks_at)
    patrol = _patrol(world)
    assert (patrol.broken, patrol.broken_tenants, patrol.is_service_broken) == (1, [], True)
    (found,) = world.command("doctor", "--json").json()["findings"]
    assert (found["code"], found["remedy"]) == ("LEDGER_BROKEN", VERIFY)
    assert found["message"] == "the service's own ledger is not what was written"


def test_a_ledger_that_lost_its_end_takes_entries_and_stays_broken(world: World) -> None:
    """Nobody is locked out of mending it, and what comes later does not cover the gap."""
    _change(world, CHANGES["a cut tail"][0])
    made = world.command("tokens", "create", "--name", "later", "--role", "viewer")
    assert made.code == 0, made
    ran = world.command("evidence", "verify", "--service")
    assert ran.code == 1
    assert ran.out == f"the chain is broken at entry {ENTRIES} of {ENTRIES + 1}\n"


def test_a_ledger_that_is_whole_again_is_found_whole(world: World) -> None:
    store = world.database.store()
    patrol = LedgerPatrol(store, ServiceLedger(store.database), HostClock())
    _change(world, "UPDATE service_ledger SET hash = 'x' || hash")
    patrol.step()
    assert (patrol.broken, patrol.is_service_broken) == (1, True)
    world.database.write("UPDATE service_ledger SET hash = substr(hash, 2)")
    patrol.step()
    assert (patrol.broken, patrol.is_service_broken) == (0, False)
    store.close()


def test_alert_metric_and_console_tell_which_one(tmp_path: Path, keys: KeyRing) -> None:
    """First the service's own alone, then a tenant's with it."""
    with Receiver() as receiver, World(tmp_path, keys, ALERT_WEBHOOK_URL=receiver.url) as world:
        _filled(world)
        ada = signed_in(world)
        _change(world, "UPDATE service_ledger SET body = {body}")
        world.alert_once()
        (message,) = receiver.got
        told = message.json()
        assert (told["alert"], told["count"]) == ("LEDGER_BROKEN", 1)
        assert "the service's own ledger is broken" in told["text"]
        assert VERIFY in told["text"]
        fresh(world, lambda samples: samples.get(("firstry_ledgers_broken", ())) == 1)
        page = ada.page("/console/health")
        assert "1 broken" in page
        assert "the service&#39;s own ledger is broken" in page
        world.database.write("DROP TRIGGER ledger_is_written_once")
        world.database.write("UPDATE ledger SET body = CAST(body || ' ' AS BLOB)")
        page = ada.page("/console/health")
        assert "2 broken" in page
        assert "the service&#39;s own ledger and 1 ledger of a tenant are broken" in page


@pytest.mark.parametrize("words", [[], ["--service", "site-00001"]])
def test_one_ledger_is_to_be_named(tmp_path: Path, keys: KeyRing, words: list[str]) -> None:
    with World(tmp_path, keys) as world:
        ran = world.command("evidence", "verify", *words, "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    assert "--service" in ran.error["message"]
