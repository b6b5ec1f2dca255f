"""What went wrong with time and turns in the prototype, and cannot here (CONTRACT 6)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.domain.instant import iso, to_milliseconds
from firstry.scheduler.attempt import Parts
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.parts import Exploding, HastyClock
from support.service import StillClock, World

MINUTE = 60_000


def test_concurrent_invocations_make_one_report(world: World) -> None:
    """P1: three concurrent invocations all generated; the marker was read, then set."""
    site = world.installed()
    slow = Fault(FaultKind.SLOW, delay=timedelta(milliseconds=20))
    site.faults.append(slow)
    world.clock.advance(hours=12)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: world.tick(site), range(20)))
    reasons = [answer.json()["reason"] for answer in answers]
    assert reasons.count("GENERATED") == 1
    assert set(reasons) <= {"GENERATED", "CLAIMED_ELSEWHERE", "DONE_KEY_EXISTS"}
    assert "CLAIMED_ELSEWHERE" in reasons
    assert {answer.status for answer in answers} == {200}
    assert slow.hits == len(site.requests) == 9
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["starts"] == 1


def test_a_failing_12_hour_report_does_not_delay_the_24_hour_one(world: World) -> None:
    """P5: one backoff field per tenant; a 12 h failure delayed the 24 h report by up to a day."""
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.clock.advance(hours=12)
    world.told(site, "GENERATION_FAILED", 202)
    world.clock.advance(minutes=30)
    world.told(site, "GENERATION_FAILED", 202)
    world.clock.advance(minutes=120)
    waits_until = world.told(site, "GENERATION_FAILED", 202)["backoff_expires_at"]
    site.faults.clear()
    world.clock.advance(hours=9, minutes=30)
    assert iso(world.now()) < waits_until
    answer = world.told(site, "GENERATED")
    assert (answer["due_trigger"], answer["attempt_count"]) == ("AUTO_24H", 1)


def test_a_failing_24_hour_report_leaves_the_12_hour_one_alone(
    tmp_path: Path, keys: KeyRing
) -> None:
    """P5: and the other way round."""
    with World(tmp_path, keys, CATCH_UP="all") as world:
        site = world.installed()
        world.clock.advance(hours=24)
        site.faults.append(Fault(FaultKind.UNAVAILABLE, times=2))
        world.told(site, "GENERATION_FAILED", 202)
        world.told(site, "GENERATION_FAILED", 202)
        rows = [world.database.milestone(site.cloud_id, f"AUTO_{hours}H") for hours in (12, 24)]
        now = to_milliseconds(world.now())
        states = [(row["attempts"], row["next_due"] - now) for row in rows]
        assert states == 2 * [(1, 30 * MINUTE)]


def test_an_unexpected_exception_waits_30_minutes_first(tmp_path: Path, keys: KeyRing) -> None:
    """P6: an exception started at 120 min instead of 30. Contract E: nor is its text told."""
    source = Exploding()

    def refit(parts: Parts) -> Parts:
        return replace(parts, evidence=source)

    with World(tmp_path, keys, refit=refit) as world:
        site = world.installed()
        world.clock.advance(hours=24)
        for minutes in (30, 120, 24 * 60, 24 * 60):
            answer = world.tick(site)
            assert b"secret" not in answer.body
            assert answer.status == 202
            until = world.now() + timedelta(minutes=minutes)
            assert answer.json()["backoff_expires_at"] == iso(until)
            world.clock.advance(minutes=minutes)
        assert source.calls == 4
        assert b"secret" not in b"".join(world.database.files().values())


def test_attempt_and_backoff_are_stored_before_the_work(tmp_path: Path, keys: KeyRing) -> None:
    """P7: both were saved only at the end; a killed run retried every 5 minutes for ever."""
    with World(tmp_path, keys, ANSWER_WITHIN="0.8s") as world:
        site = world.installed()
        site.faults.append(Fault(FaultKind.HANG))
        world.clock.advance(hours=12)
        world.told(site, "GENERATION_IN_PROGRESS", 202)
        row = world.database.milestone(site.cloud_id, "AUTO_12H")
        now = to_milliseconds(world.now())
        assert (row["attempts"], row["starts"], row["state"]) == (1, 1, "claimed")
        assert row["lease_until"] == now + 5 * MINUTE
        assert row["next_due"] == now + 5 * MINUTE + 30 * MINUTE
        asked = len(site.requests)
        for _ in range(6):
            world.clock.advance(minutes=5)
            assert world.tick(site).json()["reason"] in ("CLAIMED_ELSEWHERE", "BACKOFF_ACTIVE")
        assert len(site.requests) == asked


@pytest.mark.parametrize("days", [89, 90, 91, 365, 3650])
def test_a_completion_marker_never_expires(world: World, days: int) -> None:
    """P9: markers were written with a 90-day expiry."""
    site = world.installed()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    world.clock.advance(hours=12)
    report_id = world.told(site, "GENERATED")["report_id"]
    asked = len(site.requests)
    world.clock.advance(days=days)
    assert world.told(site, "DONE_KEY_EXISTS")["report_id"] == report_id
    world.restart()
    assert world.told(site, "DONE_KEY_EXISTS")["report_id"] == report_id
    assert len(site.requests) == asked


def test_a_window_missed_by_a_late_first_tick_leaves_a_record(world: World) -> None:
    """P10: a 12 h window missed (late first tick) vanished without a record."""
    site = world.installed()
    world.clock.advance(hours=24)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
    assert world.database.milestone(site.cloud_id, "AUTO_12H")["state"] == "missed"
    kinds = world.database.kinds(site.cloud_id)
    assert kinds.index("MISSED") < kinds.index("CLAIMED")


def test_a_window_missed_in_a_long_backoff_leaves_a_record(world: World) -> None:
    """P10: the same after three failures (12:00, 12:30, 14:30): 24 h of backoff."""
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE, times=3))
    world.clock.advance(hours=12)
    for minutes in (30, 120, 9 * 60 + 30):
        world.told(site, "GENERATION_FAILED", 202)
        world.clock.advance(minutes=minutes)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
    row = world.database.milestone(site.cloud_id, "AUTO_12H")
    assert (row["state"], row["attempts"]) == ("missed", 3)
    assert world.database.kinds(site.cloud_id).count("MISSED") == 1


def test_a_last_millisecond_before_the_window_ends_is_inside(world: World) -> None:
    """P10: an attempt begun inside the window counts; at its end it is over."""
    site = world.installed()
    world.clock.advance(hours=24, milliseconds=-1)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"


BAD_INSTANTS = [
    "2025",
    "2025-06",
    "2025-06-01",
    "2025-06-01T09:00:00",
    "2025-06-01 09:00:00+00:00",
    "2025-W23",
    "1748768400",
    "yesterday",
    "",
    " ",
    "2025-13-01T00:00:00Z",
    "2025-02-30T00:00:00Z",
    "2999-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
]


@pytest.mark.parametrize("text", BAD_INSTANTS)
def test_half_an_installation_time_is_refused(world: World, text: str) -> None:
    """P14: the installation time accepted "2025" and future dates."""
    words = ("tenants", "add", "site-1", "--installed-at", text, "--reason", "support case 1")
    ended = world.command(*words, "--json")
    assert ended.code == 2, ended
    assert ended.error["code"] in ("INPUT_INVALID", "USAGE")
    assert world.database.count("tenant") == 0


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_an_installation_event_from_the_future_is_refused(world: World, claim: str) -> None:
    """P14: also where the platform's token says so; 5 s of difference are tolerated."""
    site = world.site()
    for seconds, status in ((6, 401), (5, 200)):
        later = int(world.now().timestamp()) + seconds
        answer = world.install(site, **{claim: later})
        assert answer.status == status, answer.body
        assert world.database.count("tenant") == int(status == 200)


def test_ticks_before_the_evidence_do_not_become_it(world: World) -> None:
    """P15: the installation time was the first scheduler run, unmarked."""
    site = world.site()
    before = world.database.everything()
    for _ in range(30):
        world.told(site, "INSTALLATION_UNKNOWN")
        world.clock.advance(hours=1)
    assert world.database.everything() == before
    world.install(site)
    world.told(site, "NOT_DUE")
    (tenant,) = world.database.rows("SELECT installed_at, source FROM tenant")
    assert tenant["installed_at"] == to_milliseconds(world.now())
    assert tenant["source"] == "FORGE_LIFECYCLE"
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")


def test_attested_evidence_is_marked_as_attested(world: World) -> None:
    """P15: who said when it was installed shows; the due times follow from that instant."""
    words = ("tenants", "add", "site-1", "--reason", "support case 1", "--json")
    added = world.command(*words, "--installed-at", "2026-01-01T06:00:00+02:00")
    tenant = added.json()["tenant"]
    assert tenant["source"] == "OPERATOR"
    assert tenant["installed_at"] == "2026-01-01T04:00:00.000Z"
    due = {each["trigger"]: each["due_at"] for each in tenant["milestones"]}
    assert due == {"AUTO_12H": "2026-01-01T16:00:00.000Z", "AUTO_24H": "2026-01-02T04:00:00.000Z"}


def test_a_reason_names_the_trigger_that_it_speaks_of(world: World) -> None:
    """P19: the reason always named AUTO_12H."""
    site = world.installed()
    site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
    world.clock.advance(hours=24)
    assert world.told(site, "GENERATION_FAILED", 202)["due_trigger"] == "AUTO_24H"
    assert world.told(site, "BACKOFF_ACTIVE")["due_trigger"] == "AUTO_24H"
    world.clock.advance(minutes=30)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
    assert world.told(site, "DONE_KEY_EXISTS")["due_trigger"] == "AUTO_24H"


def test_a_run_speaks_of_one_instant(tmp_path: Path, keys: KeyRing) -> None:
    """P27: time was read many times in one run; here the clock moves with every reading."""
    steady = StillClock()
    hasty = HastyClock(steady, timedelta(seconds=1))
    with World(tmp_path, keys, clock=steady, real_clock=hasty) as world:
        site = world.installed()
        steady.advance(hours=12)
        world.told(site, "GENERATED")
        (report,) = world.database.reports(site.cloud_id)
        instants = {report["generated_at"], report["observation_window"]["to"]}
        instants |= set(_all_of(report["sections"], "computed_at"))
        assert instants == {report["generated_at"]}
        assert iso(world.now()) > report["generated_at"]


def _all_of(content: object, name: str) -> list[str]:
    """Return every value under `name`, at any depth."""
    if isinstance(content, list):
        return [found for item in content for found in _all_of(item, name)]
    if not isinstance(content, dict):
        return []
    own = [content[name]] if name in content else []
    return own + [found for value in content.values() for found in _all_of(value, name)]
