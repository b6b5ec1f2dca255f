"""What the values of a dump say, fact by fact, and which of two facts counts."""

import pytest

from firstry.domain.import_value import ATTEMPTS, DONE, ERROR, INSTALLED, WAIT, Fact, Told
from firstry.domain.instant import iso, to_milliseconds
from support.domain import AUTO_12H, AUTO_24H, MOMENT, at
from support.imported import DONE_12H, EVIDENCE, NOW, STATE, facts, failing

MOST = 1_000_000
ATTEMPT_12H = "phase5:scheduler:{}:AUTO_12H:ATTEMPT"
REPORT = "phase5:report:latest:{}"
NOON = to_milliseconds(at(12))


def told(*all_facts: Fact) -> Told:
    """Return what these facts say together."""
    found = Told()
    for fact in all_facts:
        found.add(fact)
    return found


@pytest.mark.parametrize("hours", [(1, 2, 3), (3, 2, 1), (2, 1, 3)])
def test_the_earliest_installation_and_the_longest_wait_count(hours: tuple[int, ...]) -> None:
    """Whatever their order: a dump says nothing of it."""
    instants = [to_milliseconds(at(hour)) for hour in hours]
    found = told(
        *((INSTALLED, None, instant) for instant in instants),
        *((WAIT, AUTO_12H, instant) for instant in instants),
        *((ATTEMPTS, AUTO_12H, hour) for hour in hours),
    )
    assert found.installed_at == at(1)
    assert found.waits == {AUTO_12H: at(3)}
    assert found.attempts == {AUTO_12H: 3}


@pytest.mark.parametrize("more", [None, NOON + 60_000])
def test_when_it_was_done_is_kept_as_it_was_told_first(more: int | None) -> None:
    found = told((DONE, AUTO_12H, NOON), (DONE, AUTO_12H, more), (DONE, AUTO_24H, None))
    assert found.done == {AUTO_12H: at(12), AUTO_24H: None}
    assert told((DONE, AUTO_12H, None), (DONE, AUTO_12H, NOON)).done == {AUTO_12H: at(12)}


@pytest.mark.parametrize("shape", [ATTEMPT_12H, REPORT])
@pytest.mark.parametrize("value", [None, 3, "x", {"completed_at": iso(at(1))}, failing(2)])
def test_an_attempt_and_the_latest_report_say_nothing(shape: str, value: object) -> None:
    assert facts(shape, value) == []


def test_evidence_and_a_completion_may_be_of_this_very_moment() -> None:
    moment = to_milliseconds(NOW)
    assert facts(EVIDENCE, {"installed_at": iso(NOW)}) == [(INSTALLED, None, moment)]
    assert facts(DONE_12H, {"completed_at": iso(NOW)}) == [(DONE, AUTO_12H, moment)]
    later = {"completed_at": iso(NOW + MOMENT)}
    assert facts(DONE_12H, later) == [(DONE, AUTO_12H, None)], "done, and nobody knows when"


def test_a_wait_that_ends_this_moment_is_over() -> None:
    assert facts(STATE, {"last_backoff_until": iso(NOW)}) == []
    later = NOW + MOMENT
    until = to_milliseconds(later)
    assert facts(STATE, {"last_backoff_until": iso(later)}) == [(WAIT, None, until)]


@pytest.mark.parametrize("value", [-1, 1, "0", [], {}])
def test_a_generation_that_is_noted_in_any_way_counts(value: object) -> None:
    """P8: rather done and not repeated."""
    assert facts(STATE, {"auto_24h_generated_at": value}) == [(DONE, AUTO_24H, None)]


@pytest.mark.parametrize(
    ("number", "kept"),
    [(1, 1), (MOST, MOST), (MOST + 1, MOST), (10**30, MOST), (1.9, 1), (0.9, None), ("2", None)],
)
def test_attempts_are_counted_up_to_a_million(number: object, kept: int | None) -> None:
    expected = [] if kept is None else [(ATTEMPTS, AUTO_12H, kept)]
    assert facts(STATE, {"auto_12h_attempt_count": number}) == expected


@pytest.mark.parametrize(
    ("number", "kept"),
    [(1, 1), (7, 7), (MOST, MOST), (MOST + 1, 1), (0, 1), (-1, 1), (2.0, 1), (None, 1)],
)
def test_an_error_without_a_usable_number_is_of_the_first_attempt(
    number: object, kept: int
) -> None:
    error = {"timestamp": iso(at(12)), "trigger": "AUTO_12H", "attempt_count": number}
    assert facts(STATE, {"last_error": error}) == [(ERROR, AUTO_12H, NOON, kept)]


def test_an_error_that_does_not_say_when_is_of_now() -> None:
    moment = to_milliseconds(NOW)
    for timestamp in (None, "soon", iso(NOW + MOMENT)):
        error = {"timestamp": timestamp, "trigger": "AUTO_12H", "attempt_count": 2}
        assert facts(STATE, {"last_error": error}) == [(ERROR, AUTO_12H, moment, 2)]


@pytest.mark.parametrize("error", [None, "AUTO_12H", {"trigger": "AUTO_48H"}, {}])
def test_an_error_of_no_trigger_of_ours_says_nothing(error: object) -> None:
    assert facts(STATE, {"last_error": error}) == []
