"""Disclosures: a number that breaks a rule of the report contract cannot be written down."""

from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest

from firstry.domain.errors import ReportInvalid
from firstry.domain.report.disclosure import (
    Confidence,
    Disclosure,
    ZeroReason,
    confidence_of,
    days_begun,
    percent_of,
)
from support.domain import at

HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


@pytest.mark.parametrize(
    ("percent", "days", "has_gap", "expected"),
    [
        (100, 30, False, HIGH),
        (95, 30, False, HIGH),
        (95, 3000, False, HIGH),
        (94.9, 30, False, MEDIUM),
        (95, 29, False, MEDIUM),
        (100, 30, True, MEDIUM),
        (95, 7, True, MEDIUM),
        (50, 7, False, MEDIUM),
        (49.9, 7, False, LOW),
        (49.9, 3000, False, LOW),
        (100, 6, False, LOW),
        (0, 30, False, LOW),
        (100, 1, False, LOW),
        (100, 1, True, LOW),
    ],
)
def test_confidence_follows_the_table(
    percent: float, days: int, has_gap: bool, expected: Confidence
) -> None:
    assert confidence_of(percent, days, is_measured=True, has_gap=has_gap) is expected


@pytest.mark.parametrize("percent", [0, 50, 95, 100])
@pytest.mark.parametrize("days", [1, 7, 30])
def test_what_was_not_measured_has_no_confidence(percent: float, days: int) -> None:
    given = confidence_of(percent, days, is_measured=False, has_gap=False)
    assert given is Confidence.INSUFFICIENT_DATA


@pytest.mark.parametrize("hours", [0, 12, 24])
@pytest.mark.parametrize("percent", range(0, 101, 5))
def test_the_first_day_is_never_more_than_low(hours: int, percent: int) -> None:
    """P30."""
    days = days_begun(timedelta(hours=hours))
    assert confidence_of(percent, days, is_measured=True, has_gap=False) is LOW


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (timedelta(), 1),
        (timedelta(milliseconds=1), 1),
        (timedelta(hours=12), 1),
        (timedelta(hours=24), 1),
        (timedelta(hours=24, milliseconds=1), 2),
        (timedelta(hours=25), 2),
        (timedelta(days=7), 7),
        (timedelta(days=3000), 3000),
        (timedelta(days=3000, milliseconds=1), 3001),
        (timedelta(seconds=-5), 1),
    ],
)
def test_a_day_begun_counts_whole(window: timedelta, days: int) -> None:
    assert days_begun(window) == days


@pytest.mark.parametrize(
    ("covered", "visible", "percent"),
    [
        (0, 0, 100),
        (0, 5, 0),
        (5, 5, 100),
        (1, 2, 50),
        (1, 3, 33.3),
        (2, 3, 66.6),
        (999, 1000, 99.9),
        (9999, 10_000, 99.9),
        (2**53 - 1, 2**53, 99.9),
        (1, 10_000, 0),
        (1, 1000, 0.1),
        (121, 1000, 12.1),
    ],
)
def test_a_share_is_rounded_down(covered: int, visible: int, percent: float) -> None:
    """P29, P46: completeness is worked out, and only a whole answer reads 100."""
    assert percent_of(covered, visible) == percent


GOOD: dict[str, Any] = {
    "completeness_percent": 100,
    "observation_window_days": 1,
    "text": "Read from Jira.",
    "computed_at": at(12),
}
UNMEASURED = GOOD | {
    "completeness_percent": 0,
    "is_measured": False,
    "zero_value_reason": ZeroReason.OUT_OF_SCOPE,
}


@pytest.mark.parametrize("percent", [0, 0.1, 50, 100, 100.0])
def test_a_completeness_within_range_is_taken(percent: float) -> None:
    assert Disclosure(**GOOD | {"completeness_percent": percent}).completeness_percent == percent


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (GOOD | {"completeness_percent": -0.1}, "0 to 100"),
        (GOOD | {"completeness_percent": -900}, "0 to 100"),
        (GOOD | {"completeness_percent": 100.1}, "0 to 100"),
        (GOOD | {"completeness_percent": float("nan")}, "0 to 100"),
        (GOOD | {"completeness_percent": float("inf")}, "0 to 100"),
        (GOOD | {"completeness_percent": True}, "0 to 100"),
        (GOOD | {"observation_window_days": 0}, "at least 1 day"),
        (GOOD | {"observation_window_days": -1}, "at least 1 day"),
        (GOOD | {"text": ""}, "needs its sentence"),
        (GOOD | {"text": " \n"}, "needs its sentence"),
        (UNMEASURED | {"completeness_percent": 1}, "not measured"),
        (UNMEASURED | {"zero_value_reason": None}, "not measured"),
    ],
)
def test_a_disclosure_that_breaks_a_rule_cannot_be_built(fields: dict[str, Any], said: str) -> None:
    """P32, P33."""
    with pytest.raises(ReportInvalid, match=said):
        Disclosure(**fields)


def test_a_disclosure_shows_all_its_fields() -> None:
    assert Disclosure(**GOOD).as_json() == {
        "completeness_percent": 100,
        "observation_window_days": 1,
        "confidence_level": "LOW",
        "disclosure_text": "Read from Jira.",
        "computed_at": "2026-01-01T12:00:00.000Z",
    }


def test_a_disclosure_says_which_zero_it_is() -> None:
    """P17, P47."""
    shown = Disclosure(**UNMEASURED).as_json()
    assert shown["zero_value_reason"] == "OUT_OF_SCOPE"
    assert shown["confidence_level"] == "INSUFFICIENT_DATA"


def test_a_disclosure_cannot_be_changed() -> None:
    """P34."""
    held = Disclosure(**GOOD)
    with pytest.raises(FrozenInstanceError):
        held.completeness_percent = 50  # type: ignore[misc]
