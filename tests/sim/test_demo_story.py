"""The parts of the demo that need no process: who takes part, what is told, how it reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from firstry.cli.demo_line import line_of, number_text, stamp
from firstry.sim.delivery import ticks
from firstry.sim.demo_cast import ROLES, cast_of
from firstry.sim.demo_story import Answered, Grown, Now, Scene, Stretch, Teller
from firstry.sim.platform import Platform
from firstry.sim.platform_key import KeyRing

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
IDLE = Answered(START, "heron", 200, "NOT_DUE", None, None, None, 0.01)
MADE = replace(IDLE, reason="GENERATED", trigger="AUTO_24H", attempt=1)


def told(*scenes: Answered | Grown | Now) -> list[Scene]:
    """Return what a teller passes on; answers are uneventful ones."""
    heard: list[Scene] = []
    teller = Teller(heard.append)
    for scene in scenes:
        if isinstance(scene, Answered):
            teller.count(scene)
        else:
            teller.tell(scene)
    teller.tell_rest()
    return heard


def test_the_same_seed_has_the_same_cast() -> None:
    platform = Platform(Random(1), KeyRing())
    first, second = (cast_of(platform, Random(7), 20, START) for _ in range(2))
    assert [m.site.cloud_id for m in first] == [m.site.cloud_id for m in second]
    assert [m.name for m in first[: len(ROLES)]] == [role.name for role in ROLES]
    assert len({m.name for m in first}) == len({m.site.cloud_id for m in first}) == 20


def test_a_named_site_ticks_in_its_minute_just_after_its_due_time() -> None:
    cast = cast_of(Platform(Random(1), KeyRing()), Random(7), len(ROLES), START)
    for role, member in zip(ROLES, cast, strict=True):
        due = member.installs_at + timedelta(hours=12)
        tick = next(ticks(member.site.cloud_id, due, due + timedelta(hours=1)))
        assert (tick - START) // timedelta(minutes=1) == 12 * 60 + role.minute
        assert timedelta() < tick - due <= timedelta(minutes=1)
        assert member.is_first_due(tick)
        assert not member.is_first_due(tick - timedelta(hours=1))
        assert not member.is_first_due(tick + timedelta(hours=1))


def test_uneventful_answers_are_told_as_one_stretch() -> None:
    later = replace(IDLE, at=START + timedelta(hours=3))
    [stretch] = told(replace(IDLE, reason="INSTALLATION_RECORDED", is_install=True), IDLE, later)
    assert isinstance(stretch, Stretch)
    assert (stretch.installs, stretch.ticks, stretch.duplicates) == (1, 2, 0)
    assert (stretch.start, stretch.end) == (START, later.at)
    assert dict(stretch.reasons) == {"INSTALLATION_RECORDED": 1, "NOT_DUE": 2}


def test_a_single_answer_is_told_as_itself() -> None:
    assert told(IDLE) == [IDLE]


def test_reports_and_idle_ticks_are_told_apart_and_duplicates_stay_with_theirs() -> None:
    duplicate = replace(MADE, reason="DONE_KEY_EXISTS", copy=2)
    idle, made = told(IDLE, IDLE, MADE, duplicate, MADE)
    assert isinstance(idle, Stretch)
    assert isinstance(made, Stretch)
    assert (idle.ticks, made.ticks, made.duplicates) == (2, 2, 1)
    assert (idle.triggers, made.triggers) == (set(), {"AUTO_24H"})


def test_an_event_ends_a_stretch_and_a_note_does_not() -> None:
    grown = Grown(START, 5)
    assert told(IDLE, grown, IDLE) == [IDLE, grown, IDLE]
    note, stretch = told(IDLE, Now("waiting"), IDLE)
    assert (note, isinstance(stretch, Stretch)) == (Now("waiting"), True)


def test_an_answer_reads_as_one_line() -> None:
    until = START + timedelta(hours=13)
    failed = replace(IDLE, status=202, reason="GENERATION_FAILED", attempt=1, until=until)
    line = line_of(replace(failed, at=START + timedelta(hours=12, seconds=8)), START)
    assert (line.clock, line.site, line.said) == ("T+12:00:08", "heron", "202 GENERATION_FAILED")
    assert line.note == "attempt 1; waits until T+13:00:00"


def test_what_is_not_permitted_is_not_zero() -> None:
    assert (number_text(None), number_text(0), number_text(18077)) == (
        "not permitted",
        "0",
        "18,077",
    )
    assert stamp(timedelta(hours=24, minutes=3, seconds=8, milliseconds=900)) == "T+24:03:08"
    numbers = {"projects_scanned": 6, "issues_scanned": None, "fields_detected": 12}
    assert line_of(replace(MADE, numbers=numbers), START).note == "issues not permitted"
