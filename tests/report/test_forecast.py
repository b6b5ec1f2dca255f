"""A forecast is one estimate from two cited readings, or there is none (CONTRACT 7)."""

from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstry.domain.errors import ReportInvalid
from firstry.domain.evidence import CountMethod, Dataset, Reading
from firstry.domain.report.forecast import SPAN, Forecast, earlier_readings, estimate, forecast_of
from firstry.domain.report.sentence import FORECAST_DISCLAIMER
from firstry.sim.platform_key import KeyRing
from support.domain import at, reading, site_evidence
from support.report import claim_of, document, forecast_report, signed
from support.service import World

DAY = timedelta(days=1)
APPROXIMATE = CountMethod.APPROXIMATED_BY_PLATFORM
LATER = at(24 * 30)


def issues(value: int | None, asked_at: datetime, method: CountMethod = APPROXIMATE) -> Reading:
    return reading(Dataset.ISSUES, value, method=method, asked_at=asked_at)


def section_d(now: datetime, later: Reading, *earlier: Reading) -> Any:
    return document(signed(claim_of(now), site_evidence(later), *earlier))["sections"]["D"]


def test_a_forecast_that_is_available_has_its_disclaimer() -> None:
    shown = document(forecast_report())["sections"]["D"]
    assert shown["forecast_available"] is True
    assert "estimate" in shown["forecast"]["disclaimer"]
    assert shown["forecast"]["disclaimer"] == FORECAST_DISCLAIMER
    assert {"reason", "disclosure_text"}.isdisjoint(shown)


def test_a_forecast_names_its_quantity_and_takes_its_days_from_the_readings() -> None:
    report = document(forecast_report())
    shown = report["sections"]["D"]["forecast"]
    assert shown == {
        "forecast_type": "ESTIMATED",
        "quantity": "Issues visible to the app's user 7 days after the later of two readings",
        "value": 250,
        "observation_window_days": 8,
        "confidence_level": "MEDIUM",
        "disclaimer": FORECAST_DISCLAIMER,
        "generated_at": report["generated_at"],
        "immutable": True,
        "rests_on": [
            report["evidence"]["earlier"]["entry_hash"],
            report["evidence"]["entries"][1]["entry_hash"],
        ],
    }


def test_without_a_forecast_there_is_no_forecast_note() -> None:
    shown = document()["sections"]["D"]
    assert shown["forecast_available"] is False
    assert "forecast" not in shown
    assert shown["reason"] == "INSUFFICIENT_OBSERVATION_WINDOW"
    assert "No forecast" in shown["disclosure_text"]


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (issues(9, LATER), []),
        (issues(9, LATER), [issues(5, LATER - SPAN + timedelta(milliseconds=1))]),
        (issues(9, LATER), [issues(5, LATER - SPAN, CountMethod.READ)]),
        (issues(9, LATER), [issues(None, LATER - SPAN)]),
        (issues(9, LATER), [reading(Dataset.PROJECTS, 5, method=APPROXIMATE)]),
        (issues(None, LATER), [issues(5, LATER - SPAN)]),
    ],
    ids=["none", "too near", "other method", "not permitted then", "other dataset", "not now"],
)
def test_a_forecast_is_unavailable_unless_its_readings_are_there(
    later: Reading, earlier: list[Reading]
) -> None:
    assert section_d(LATER, later, *earlier)["forecast_available"] is False


def test_exactly_seven_days_are_enough() -> None:
    shown = section_d(LATER, issues(9, LATER), issues(9, LATER - SPAN))
    assert shown["forecast"]["observation_window_days"] == 7
    assert shown["forecast"]["value"] == 9


def test_the_oldest_fitting_reading_counts() -> None:
    nearer, older = issues(1, LATER - 8 * DAY), issues(2, LATER - 20 * DAY)
    found = forecast_of(site_evidence(issues(9, LATER)), [nearer, older], LATER)
    assert found is not None
    assert found.earlier == older


@pytest.mark.parametrize(
    ("first", "second", "days", "expected"),
    [
        (0, 0, 7, 0),
        (100, 110, 7, 120),
        (110, 100, 7, 90),
        (100, 101, 14, 102),
        (100, 10, 7, 0),
        (0, 2**53 - 1, 7, 2**53 - 1),
        (3, 4, 21, 4),
    ],
)
def test_the_estimate(first: int, second: int, days: int, expected: int) -> None:
    assert estimate(first, second, days * DAY) == expected


@given(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.integers(7, 4000))
def test_an_estimate_is_a_count(first: int, second: int, days: int) -> None:
    assert 0 <= estimate(first, second, days * DAY) <= 2**53 - 1


def test_a_forecast_that_breaks_its_rules_cannot_be_made() -> None:
    fine = Forecast(issues(5, LATER - SPAN), issues(9, LATER), LATER)
    for wrong in (issues(5, LATER), issues(None, LATER - SPAN), reading(Dataset.FIELDS, 5)):
        with pytest.raises(ReportInvalid):
            replace(fine, earlier=wrong)


def test_a_forecast_never_changes() -> None:
    """P34: "immutable" is a property of the type, not a word in it."""
    fine = Forecast(issues(5, LATER - SPAN), issues(9, LATER), LATER)
    with pytest.raises(FrozenInstanceError):
        fine.generated_at = LATER  # type: ignore[misc]


def test_a_late_report_takes_its_forecast_from_the_ledger(tmp_path: Path, ring: KeyRing) -> None:
    """Through the whole service: both readings are entries of the site's ledger."""
    with World(tmp_path, ring) as world:
        site = world.installed()
        world.clock.advance(hours=12)
        first = world.told(site, "GENERATED")["report_id"]
        world.clock.advance(days=6)
        assert _report(world, first)["sections"]["D"]["forecast_available"] is False
        world.clock.advance(days=2)
        report = _report(world, world.told(site, "GENERATED")["report_id"])
        forecast = report["sections"]["D"]["forecast"]
        assert (forecast["observation_window_days"], forecast["value"]) == (8, 40)
        [earlier] = [
            each
            for each in _report(world, first)["evidence"]["entries"]
            if each["entry"]["detail"]["dataset"] == "Issues"
        ]
        assert report["evidence"]["earlier"] == earlier
        assert world.breaches() == []


def _report(world: World, report_id: str) -> Any:
    shown = world.command("reports", "show", report_id, "--json")
    assert shown.code == 0, shown.err
    return shown.json()["report"]


def test_a_reading_comes_back_from_its_ledger_entry() -> None:
    kept = [issues(5, LATER), issues(None, LATER), reading(Dataset.PROJECTS, 5)]
    entries = [each.entry().canonical() for each in kept]
    claimed = b'{"actor":"scheduler","at":"2026-01-01T00:00:00.000Z","detail":{},"kind":"CLAIMED"}'
    assert earlier_readings([claimed, *entries]) == (kept[0],)
