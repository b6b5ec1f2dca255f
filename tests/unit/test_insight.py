"""What needs attention, which failures are alike, what a cursor and a filter will take."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firstry.domain.filter_text import (
    RULES,
    FilterInvalid,
    parse_filter,
    parse_span,
    print_filter,
    print_span,
)
from firstry.domain.flag import GENERATION, Switch
from firstry.domain.phase import Phase
from firstry.domain.policy import Trigger
from firstry.insight.concern import Code, concerns
from firstry.insight.cursor import CursorInvalid, make_cursor, read_cursor
from firstry.insight.fingerprint import FailureGroup, fingerprint_of, grouped, normalised
from firstry.insight.overview import SPANS, Overview
from firstry.ports.insight import Failures, Rate, Tally
from support.domain import AUTO_12H, TENANT, tenant

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALM = Overview(NOW, (), (), dict.fromkeys(SPANS, ()), (), None, NOW, False)


def _codes(seen: Overview) -> list[Code]:
    return [concern.code for concern in concerns(seen)]


def _tally(phase: Phase, count: int = 1, **more: object) -> Tally:
    return replace(Tally(AUTO_12H, phase, False, count), **more)  # type: ignore[arg-type]


def test_nothing_needs_attention_where_all_is_well() -> None:
    done = _tally(Phase.COMPLETED, 9)
    short = _tally(Phase.BACKOFF, 3, longest_wait=2 * HOUR, since=NOW)
    assert concerns(CALM) == []
    assert concerns(replace(CALM, tally=(done, short, _tally(Phase.SCHEDULED, 4)))) == []


def test_a_backoff_above_two_hours_is_long() -> None:
    long = _tally(Phase.BACKOFF, 3, over=2, longest_wait=24 * HOUR, since=NOW - HOUR)
    (concern,) = concerns(replace(CALM, tally=(long,)))
    assert (concern.code, concern.count, concern.since) == (Code.BACKOFF_LONG, 2, NOW - HOUR)
    assert (concern.filter_text, concern.act) == ("backoff>2h", "retry")


@pytest.mark.parametrize(
    ("failed", "completed", "is_told"),
    [(3, 2, True), (5, 5, False), (4, 0, False), (6, 5, True), (0, 9, False)],
)
def test_more_than_half_of_at_least_five_attempts(
    failed: int, completed: int, is_told: bool
) -> None:
    """Contract 4: a failure rate above 50 %; issue 6: with at least 5 attempts."""
    rates = (Rate(AUTO_12H, "FAILED", failed), Rate(AUTO_12H, "COMPLETED", completed))
    seen = replace(CALM, rates={"1h": rates, "24h": rates})
    assert (Code.FAILURE_RATE in _codes(seen)) is is_told


def test_what_might_be_claimed_and_is_not_means_that_nobody_claims() -> None:
    due = _tally(Phase.DUE, 7, earliest_next_due=NOW - timedelta(minutes=11))
    assert _codes(replace(CALM, tally=(due,))) == [Code.SCHEDULER_STALLED]
    paused = replace(due, is_paused=True)
    assert _codes(replace(CALM, tally=(paused,))) == []
    recent = replace(due, earliest_next_due=NOW - timedelta(minutes=10))
    assert _codes(replace(CALM, tally=(recent,))) == []
    off = Switch(GENERATION, None, False, NOW, "operator:a", "incident")
    assert _codes(replace(CALM, tally=(due,), switches=(off,))) == [Code.SWITCHED_OFF]


def test_every_concern_says_what_to_do() -> None:
    group = FailureGroup("f-1", "C", "m", 5, (AUTO_12H,), NOW, NOW, TENANT)
    rates = {span: (Rate(AUTO_12H, "FAILED", 9),) for span in SPANS}
    seen = replace(
        CALM,
        tally=(
            _tally(Phase.DUE, late=1, earliest_due_at=NOW - 2 * HOUR, earliest_next_due=NOW - HOUR),
            _tally(Phase.WAITING, late=1, earliest_due_at=NOW - 2 * HOUR),
            _tally(Phase.BACKOFF, over=1, longest_wait=3 * HOUR, since=NOW),
            _tally(Phase.MISSED),
            _tally(Phase.DISCARDED),
        ),
        failures=(group,),
        rates=rates,
        switches=(
            Switch(GENERATION, None, False, NOW, "operator:a", "incident"),
            Switch(GENERATION, TENANT, False, NOW - 31 * 24 * HOUR, "operator:a", "case 17"),
        ),
        is_clock_behind=True,
        outdated_plans=2,
        overdue_erasures=1,
        last_tick_at=NOW - 4 * HOUR,
    )
    off = (seen.switches[1],)
    found = concerns(seen) + concerns(replace(seen, switches=off, is_clock_behind=False))
    assert {concern.code for concern in found} == set(Code)
    for concern in found:
        assert all([concern.what, concern.why, concern.remedy, concern.count])
        assert concern.command.startswith("firstry ")
        if concern.filter_text is not None:
            parse_filter(concern.filter_text)


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("Jira answered 503", "Jira answered 503"),
        ("read 4711 of 9000", "read # of #"),
        ("site 11111111-2222-4333-8444-555555555555 is gone", "site <id> is gone"),
        ("'Acme 12' is no name", "'...' is no name"),
    ],
)
def test_what_varies_is_taken_out(message: str, pattern: str) -> None:
    assert normalised(message) == pattern


def test_alike_failures_are_one_group() -> None:
    rows = [
        Failures("C", f"read {n} of 9", Trigger(f"T{n % 2}"), n, NOW - n * HOUR, NOW, tenant(n))
        for n in (1, 2, 3)
    ]
    (group,) = grouped(rows)
    assert (group.count, group.message, group.triggers) == (6, "read # of #", ("T0", "T1"))
    assert (group.first_at, group.last_at, group.example) == (NOW - 3 * HOUR, NOW, tenant(1))
    assert group.fingerprint == fingerprint_of("C", "read 17 of 4")
    assert fingerprint_of("D", "read 17 of 4") != group.fingerprint


def test_a_cursor_is_good_for_its_own_question() -> None:
    cursor = make_cursor("ledger", ["a", 7])
    assert read_cursor("ledger", cursor, str, int) == ["a", 7]
    for question, word, kinds in (
        ("tenants", cursor, (str, int)),
        ("ledger", cursor, (str, str)),
        ("ledger", cursor, (str,)),
        ("ledger", cursor[:-3], (str, int)),
        ("ledger", "é", (str, int)),
        ("ledger", "x" * 999, (str, int)),
        ("ledger", make_cursor("ledger", ["a\x00", 7]), (str, int)),
    ):
        with pytest.raises(CursorInvalid):
            read_cursor(question, word, *kinds)


@pytest.mark.parametrize("field", RULES)
def test_the_example_of_every_field_parses(field: str) -> None:
    example = RULES[field].example  # type: ignore[index]
    assert print_filter(parse_filter(example)) == example


@pytest.mark.parametrize(
    "text",
    ["x" * 1001, " ".join(["late>1h"] * 21), "site=" + ",".join("abcdefghij"), "attempts=-1",
     "late>1w", "late>9999999d", "state=", "state=due,,due", "paused=maybe", "site~a,b",
     "STATE=due", "state==due", "site=a\x00"],
)  # fmt: skip
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(FilterInvalid) as caught:
        parse_filter(text)
    assert caught.value.position >= 1
    parse_filter(caught.value.example)


@pytest.mark.parametrize("text", ["90s", "30m", "2h", "7d", "0d"])
def test_spans_read_as_they_are_written(text: str) -> None:
    assert print_span(parse_span(text)) == text
