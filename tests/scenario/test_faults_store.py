"""What went wrong with the store in the prototype, and cannot here (CONTRACT 6).

The faults are real ones, made beside the service: a file that is gone or no
database, a trigger in the schema that refuses one write, a commit whose answer
is lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from firstry.domain.canonical import canonical_bytes, digest_of
from firstry.domain.milestone import State
from firstry.domain.record import TenantRecord
from firstry.scheduler.attempt import Parts
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.parts import ForgetfulStore, on
from support.service import World
from support.wire import Answer


@contextmanager
def _gone(world: World) -> Iterator[None]:
    """Take the file away with all that lies beside it, as a lost mount does."""
    aside = world.folder / "aside"
    aside.mkdir()
    _move(world.path.name, world.folder, aside)
    try:
        yield
    finally:
        _move(world.path.name, world.folder, None)
        _move(world.path.name, aside, world.folder)
        aside.rmdir()


def _move(name: str, source: Path, target: Path | None) -> None:
    """Move a database with its beside files, or delete them where there is no target."""
    for file in source.glob(f"{name}*"):
        file.unlink() if target is None else file.rename(target / file.name)


@contextmanager
def _garbage(world: World) -> Iterator[None]:
    """Put something else in the file's place."""
    with _gone(world):
        world.path.write_bytes(b"this is no database\n" * 500)
        yield


@contextmanager
def _empty(world: World) -> Iterator[None]:
    """Put an empty file in its place: to SQLite that is a database without tables."""
    with _gone(world):
        world.path.touch()
        yield


@contextmanager
def _stranger(world: World) -> Iterator[None]:
    """Put the database of another service in its place: right schema, no tenants."""
    with _gone(world):
        assert world.command("db", "upgrade").code == 0
        yield


FAULTS = {"gone": _gone, "garbage": _garbage, "empty": _empty, "another": _stranger}


def _is_fault(answer: Answer) -> None:
    assert answer.status == 500, answer.body
    assert answer.json()["error_code"] == "SCHEDULER_ERROR"
    assert answer.json()["success"] is False


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_cannot_be_read_is_not_an_absent_marker(world: World, fault: str) -> None:
    """P2: a storage read error counted as "marker absent", so it regenerated."""
    site = world.installed()
    world.clock.advance(hours=12)
    report_id = world.told(site, "GENERATED")["report_id"]
    asked = len(site.requests)
    with FAULTS[fault](world):
        _is_fault(world.tick(site))
        assert len(site.requests) == asked
    assert world.told(site, "DONE_KEY_EXISTS")["report_id"] == report_id
    assert len(site.requests) == asked


@pytest.mark.parametrize("fault", FAULTS)
def test_a_state_that_cannot_be_read_drops_no_backoff(world: World, fault: str) -> None:
    """P2: an unreadable state dropped a 24 h backoff."""
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE, times=3))
    world.clock.advance(hours=24)
    until = ""
    for minutes in (30, 120, 1):
        until = world.told(site, "GENERATION_FAILED", 202)["backoff_expires_at"]
        world.clock.advance(minutes=minutes)
    with FAULTS[fault](world):
        _is_fault(world.tick(site))
    assert world.told(site, "BACKOFF_ACTIVE")["backoff_expires_at"] == until
    world.clock.advance(hours=24, minutes=-1)
    assert world.told(site, "GENERATED")["attempt_count"] == 4


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("hours", [1, 12], ids=["idle", "due"])
def test_a_storage_fault_is_not_nothing_due(world: World, fault: str, hours: int) -> None:
    """P25: a storage fault was reported as "nothing due"."""
    site = world.installed()
    world.clock.advance(hours=hours)
    with FAULTS[fault](world):
        _is_fault(world.tick(site))
        _is_fault(world.install(site))
    assert not site.requests
    world.told(site, "GENERATED" if hours == 12 else "NOT_DUE")


def test_a_report_that_is_done_can_be_read(world: World) -> None:
    """P4: the automatic report was thrown away after the marker was set."""
    site = world.installed()
    world.clock.advance(hours=12)
    report_id = world.told(site, "GENERATED")["report_id"]
    shown = world.command("reports", "show", report_id, "--json").json()
    assert shown["report_id"] == shown["report"]["report_id"] == report_id
    assert shown["digest"] == digest_of(canonical_bytes(shown["report"]))
    (listed,) = world.command("reports", "list", "--json").json()["reports"]
    assert {name: shown[name] for name in listed} == listed
    world.restart()
    assert world.command("reports", "show", report_id, "--json").json() == shown


REFUSED = "SELECT RAISE(ABORT, 'refused by a test')"
WRITES = {
    "marker": f"BEFORE INSERT ON marker BEGIN {REFUSED}; END",
    "report": f"BEFORE INSERT ON report BEGIN {REFUSED}; END",
    "state": (
        "BEFORE UPDATE ON milestone WHEN NEW.state = 'completed' AND OLD.state = 'claimed' "
        f"BEGIN {REFUSED}; END"
    ),
    "ledger": (
        "BEFORE INSERT ON ledger WHEN CAST(NEW.body AS TEXT) LIKE '%\"COMPLETED\"%' "
        f"BEGIN {REFUSED}; END"
    ),
    "head": (
        "BEFORE UPDATE ON tenant WHEN NEW.head_sequence > OLD.head_sequence + 1 "
        f"BEGIN {REFUSED}; END"
    ),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_fails_in_the_end_answers_no_success(world: World, write: str) -> None:
    """P11: a failed marker write answered success, then regenerated.

    P12: a state write failing after the marker left the two apart. Here every
    single write of the settling transaction is refused in turn.
    """
    site = world.installed()
    world.clock.advance(hours=12)
    world.database.write(f"CREATE TRIGGER refused {WRITES[write]}")
    answer = world.tick(site)
    _is_fault(answer)
    assert not answer.json()["report_generated"]
    assert world.database.markers(site.cloud_id) == []
    assert world.database.reports(site.cloud_id) == []
    assert "COMPLETED" not in world.database.kinds(site.cloud_id)
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["state"] == "claimed"
    world.told(site, "CLAIMED_ELSEWHERE")
    world.database.write("DROP TRIGGER refused")
    world.clock.advance(minutes=35)
    assert world.told(site, "GENERATED")["attempt_count"] == 2
    assert world.told(site, "DONE_KEY_EXISTS")["due_trigger"] == "AUTO_12H"
    assert len(world.database.reports(site.cloud_id)) == 1


def test_a_claim_that_cannot_be_stored_starts_no_work(world: World) -> None:
    """I6: the attempt is counted before it begins, or it does not begin."""
    site = world.installed()
    world.clock.advance(hours=12)
    world.database.write(
        "CREATE TRIGGER refused BEFORE UPDATE ON milestone WHEN NEW.state = 'claimed' "
        f"BEGIN {REFUSED}; END"
    )
    _is_fault(world.tick(site))
    assert not site.requests
    world.database.write("DROP TRIGGER refused")
    assert world.told(site, "GENERATED")["attempt_count"] == 1


def _is_completed(record: TenantRecord) -> bool:
    return any(milestone.state is State.COMPLETED for milestone in record.milestones)


def _is_waiting(record: TenantRecord) -> bool:
    return any(milestone.last_error is not None for milestone in record.milestones)


def test_a_lost_answer_to_the_settling_commit_is_resolved_by_reading(
    tmp_path: Path, keys: KeyRing
) -> None:
    """P12: a state write failing after the marker answered 500 although the work was done."""
    stores: list[ForgetfulStore] = []

    def refit(parts: Parts) -> Parts:
        stores.append(ForgetfulStore(parts.store, _is_completed))
        return replace(on(parts, stores[-1].as_store()), sleep=lambda _: None)

    with World(tmp_path, keys, refit=refit) as world:
        site = world.installed()
        world.clock.advance(hours=12)
        answer = world.told(site, "GENERATED")
        assert stores[0].lost == 1
        assert (answer["attempt_count"], answer["report_generated"]) == (1, True)
        assert len(site.requests) == 9
        assert world.database.kinds(site.cloud_id).count("COMPLETED") == 1
        assert world.breaches() == []


def test_a_lost_answer_to_a_failed_attempt_charges_it_once(tmp_path: Path, keys: KeyRing) -> None:
    """P12: the same for the other end of an attempt."""
    stores: list[ForgetfulStore] = []

    def refit(parts: Parts) -> Parts:
        stores.append(ForgetfulStore(parts.store, _is_waiting))
        return replace(on(parts, stores[-1].as_store()), sleep=lambda _: None)

    with World(tmp_path, keys, refit=refit) as world:
        site = world.installed()
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.clock.advance(hours=12)
        assert world.told(site, "GENERATION_FAILED", 202)["attempt_count"] == 1
        assert stores[0].lost == 1
        assert world.database.kinds(site.cloud_id).count("FAILED") == 1
        assert world.breaches() == []


def test_an_unknown_claim_commit_counts_as_a_crash(tmp_path: Path, keys: KeyRing) -> None:
    """SURFACE "Settle": nobody works under a claim that may not be there; its wait holds."""
    stores: list[ForgetfulStore] = []

    def refit(parts: Parts) -> Parts:
        stores.append(ForgetfulStore(parts.store, _is_claimed))
        return replace(on(parts, stores[-1].as_store()), sleep=lambda _: None)

    def _is_claimed(record: TenantRecord) -> bool:
        held = [m for m in record.milestones if m.state is State.CLAIMED]
        return bool(held) and not stores[0].lost

    with World(tmp_path, keys, refit=refit) as world:
        site = world.installed()
        world.clock.advance(hours=12)
        _is_fault(world.tick(site))
        assert not site.requests
        world.told(site, "CLAIMED_ELSEWHERE")
        world.clock.advance(minutes=5)
        world.told(site, "BACKOFF_ACTIVE")
        world.clock.advance(minutes=30)
        assert world.told(site, "GENERATED")["attempt_count"] == 2
        assert world.breaches() == []
