"""One scene of the demo as one line of text: when, where, what was said, and what it means."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from firstry.domain.milestone import Act
from firstry.sim.demo_story import (
    Answered,
    Ended,
    Grown,
    Killed,
    NoAnswer,
    Now,
    Numbers,
    Restarted,
    Scene,
    Stretch,
)

GOOD, WAITING, BAD, QUIET = "green", "yellow", "red", "dim"
_STYLES = {
    "GENERATED": GOOD,
    "GENERATION_IN_PROGRESS": "cyan",
    "CLAIMED_ELSEWHERE": "cyan",
    "GENERATION_FAILED": BAD,
    "BACKOFF_ACTIVE": WAITING,
    "DEFERRED": WAITING,
    "DONE_KEY_EXISTS": "cyan",
    Act.COMPLETE: GOOD,
    Act.FAIL: BAD,
    Act.DEFER: WAITING,
    Act.MISS: BAD,
    Act.DISCARD: BAD,
}


@dataclass(frozen=True, slots=True)
class Line:
    """The parts of a line. What is no event stands back."""

    mark: str
    clock: str
    site: str
    said: str
    note: str
    style: str
    is_event: bool = True


def line_of(scene: Scene, start: datetime) -> Line:
    """Return how a scene reads, with instants counted from `start`."""
    match scene:
        case Answered():
            said = f"{scene.status} {scene.reason}"
            style = _STYLES.get(scene.reason, "default")
            mark = "·" if scene.copy > 1 else "●"
            clock = stamp(scene.at - start)
            return Line(mark, clock, scene.site, said, _answer_note(scene, start), style)
        case Ended():
            return _ended(scene, start)
        case NoAnswer():
            return _no_answer(scene, start)
        case Killed():
            until = stamp(scene.next_due - start)
            note = f"attempt {scene.attempt} dies; no other before {until}"
            clock = stamp(scene.at - start)
            return Line("✗", clock, scene.site, f"kill -9 {scene.pid}", note, "bold red")
        case Restarted():
            note = f"pid {scene.pid}, answers in {scene.seconds:.1f} s"
            return Line("●", stamp(scene.at - start), "", "started again", note, "bold green")
        case Grown():
            said = f"{scene.issues:,} new issues"
            clock = stamp(scene.at - start)
            return Line("·", clock, "", said, "the next reports count them", QUIET, False)
        case Stretch():
            return _stretch(scene, start)
        case Now():
            return Line("·", "", "", scene.text, "", QUIET, False)
        case _:
            assert_never(scene)


def stamp(passed: timedelta) -> str:
    """Return time since the start of the day, for example `T+12:03:08`."""
    seconds = int(passed.total_seconds())
    return f"T+{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def number_text(number: int | None) -> str:
    """Return a count as a reader takes it in; None is not zero."""
    return "not permitted" if number is None else f"{number:,}"


def plural(number: int, word: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "tick"), plural(2, "retry")
    ('1 tick', '2 retries')
    """
    if number == 1:
        return f"1 {word}"
    return f"{number:,} {word[:-1]}ies" if word.endswith("y") else f"{number:,} {word}s"


def _answer_note(scene: Answered, start: datetime) -> str:
    until = f"waits until {stamp(scene.until - start)}" if scene.until else ""
    detail = scene.fact.detail if scene.fact is not None else {}
    attempt = f"attempt {scene.attempt}"
    match scene.reason:
        case "GENERATED":
            note = _report_note(scene.attempt, scene.numbers)
        case "GENERATION_IN_PROGRESS":
            note = f"after {scene.seconds:.1f} s; {attempt} goes on"
        case "CLAIMED_ELSEWHERE":
            note = f"{attempt} goes on"
        case "GENERATION_FAILED":
            note = f"{detail.get('message', attempt)}; {until}"
        case "DEFERRED":
            kind = f"{detail['kind']}; " if "kind" in detail else ""
            note = f"{kind}{plural(scene.attempt or 0, 'attempt')} charged; {until}"
        case "BACKOFF_ACTIVE":
            note = until.removeprefix("waits ")
        case "DONE_KEY_EXISTS":
            note = "no second report"
        case _:
            note = ""
    return _prefix(scene) + note


def _prefix(scene: Answered) -> str:
    if scene.copy > 1:
        return "duplicate: "
    return f"retry {scene.delivery - 1}: " if scene.delivery > 1 else ""


def _report_note(attempt: int | None, numbers: Numbers | None) -> str:
    """Say one number of the report; the table at the end has all of them."""
    issues = (numbers or {}).get("issues_scanned")
    counted = "issues not permitted" if issues is None else plural(issues, "issue")
    return counted if attempt == 1 else f"attempt {attempt}: {counted}"


def _ended(scene: Ended, start: datetime) -> Line:
    fact = scene.fact
    by = "" if scene.is_after_its_answer else "by the worker; "
    note = str(fact.detail.get("message", ""))
    if scene.numbers is not None:
        note = _report_note(fact.detail.get("attempt"), scene.numbers)
    style = _STYLES.get(fact.act, "default")
    said = f"  ↳ {fact.act.value}"
    return Line("●", stamp(fact.at - start), scene.site, said, by + note, style)


def _no_answer(scene: NoAnswer, start: datetime) -> Line:
    said = "no answer" if scene.status is None else f"{scene.status}"
    note = "Forge gives up"
    if scene.retry_at is not None:
        note = f"Forge retries at {stamp(scene.retry_at - start)}"
    return Line("✗", stamp(scene.at - start), scene.site, said, note, BAD)


def _stretch(scene: Stretch, start: datetime) -> Line:
    counted = (
        (scene.installs, "install"),
        (scene.ticks, "tick"),
        (scene.duplicates, "duplicate"),
    )
    told = [*sorted(scene.triggers), *(plural(n, word) for n, word in counted if n)]
    said = "\n".join(f"{n:,} {reason}" for reason, n in scene.reasons.items())
    until = f"to {stamp(scene.end - start)[2:7]}"
    mark, style = ("●", GOOD) if scene.triggers else ("·", QUIET)
    return Line(mark, stamp(scene.start - start), until, said, ", ".join(told), style, False)
