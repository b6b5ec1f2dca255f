"""Every rule of the report contract refuses, and says at which place (CONTRACT 5)."""

import copy
from typing import Any

import pytest

from firstry.domain.canonical import canonical_bytes, digest_of
from firstry.domain.errors import ReportInvalid
from firstry.domain.report.rule import judge, refuse_breaches
from support.report import document, forecast_report, signed, smallest, varied

A = "/sections/A/issues_scanned"
PROJECTS, ISSUES, GROUPS, RULES = (f"/sections/B/datasets/{n}" for n in (0, 1, 10, 12))
C = "/sections/C/observations/1"
WINDOW = "/observation_window"
ENTRY = "/evidence/entries/1"


def changed(place: str, value: Any, start: Any = None) -> Any:
    """Return a document with another value at `place`; `...` takes the key away."""
    whole = copy.deepcopy(start if start is not None else document())
    *path, last = place.strip("/").split("/")
    at = whole
    for name in path:
        at = at[int(name)] if isinstance(at, list) else at[name]
    key = int(last) if isinstance(at, list) else last
    if value is ...:
        del at[key]
    else:
        at[key] = value
    return whole


def places(whole: Any) -> set[str]:
    return {breach.place for breach in judge(whole).breaches()}


@pytest.mark.parametrize("name", varied())
def test_every_report_that_is_made_is_valid(name: str) -> None:
    assert judge(document(varied()[name])).breaches() == ()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        # disclosures: ranges, confidence, zero reasons, sentences (P30 to P33)
        (f"{A}/disclosure/completeness_percent", -900),
        (f"{A}/disclosure/completeness_percent", 100.1),
        (f"{A}/disclosure/completeness_percent", 99.9),
        (f"{A}/disclosure/completeness_percent", True),
        (f"{A}/disclosure/completeness_percent", float("nan")),
        (f"{A}/disclosure/completeness_percent", "100"),
        (f"{A}/disclosure/observation_window_days", 0),
        (f"{A}/disclosure/observation_window_days", 2),
        (f"{A}/disclosure/observation_window_days", 1.0),
        (f"{A}/disclosure/confidence_level", "MEDIUM"),
        (f"{A}/disclosure/confidence_level", "HIGH"),
        (f"{A}/disclosure/confidence_level", "INSUFFICIENT_DATA"),
        (f"{A}/disclosure/confidence_level", "SURE"),
        (f"{A}/disclosure/zero_value_reason", "TRUE_ZERO"),
        (f"{A}/disclosure/zero_value_reason", None),
        (f"{A}/disclosure/disclosure_text", ""),
        (f"{A}/disclosure/disclosure_text", "  "),
        (f"{A}/disclosure/disclosure_text", "two\nlines"),
        (f"{A}/disclosure/disclosure_text", "x" * 2001),
        (f"{A}/disclosure/disclosure_text", None),
        (f"{A}/disclosure/computed_at", "2026-01-01T12:00:00.001Z"),
        (f"{A}/disclosure/computed_at", "2026-01-01"),
        (f"{A}/disclosure/computed_at", "2026-13-01T12:00:00.000Z"),
        (f"{A}/disclosure/computed_at", ...),
        # section A: the numbers are those that were read
        (f"{A}/count", 27),
        (f"{A}/count", -1),
        (f"{A}/count", None),
        (f"{A}/count", "28"),
        (f"{A}/count", 2**53),
        (f"{A}/count", ...),
        (f"{A}/extra", 1),
        ("/sections/A/heading", "A) What we collected"),
        # section B: states, reasons and zero disclosures (P31, P32)
        (f"{PROJECTS}/dataset_name", "Issues"),
        (f"{PROJECTS}/dataset_name", "Sprints"),
        (f"{PROJECTS}/availability_state", "PARTIAL"),
        (f"{PROJECTS}/availability_state", "UNKNOWN"),
        (f"{PROJECTS}/coverage_percent", 99),
        (f"{PROJECTS}/reason_detail_text", "It is there."),
        (f"{GROUPS}/reason_detail_text", None),
        (f"{GROUPS}/mandatory_zero_disclosure", ...),
        (f"{GROUPS}/mandatory_zero_disclosure/confidence_level", "LOW"),
        (f"{GROUPS}/mandatory_zero_disclosure/zero_value_reason", ...),
        (f"{GROUPS}/mandatory_zero_disclosure/completeness_percent", 1),
        (f"{GROUPS}/mandatory_zero_disclosure/observation_window_days", 9),
        (f"{RULES}/availability_state", "AVAILABLE"),
        ("/sections/B/datasets", []),
        ("/sections/B/heading", None),
        # section C: one observation for each entry, in its order
        (f"{C}/value", 29),
        (f"{C}/label", "Projects visible to the app's user"),
        (f"{C}/label", "28 issues"),
        (f"{C}/disclosure/confidence_level", "MEDIUM"),
        # section D: no forecast without readings
        ("/sections/D/reason", "NOT_NOW"),
        ("/sections/D/disclosure_text", " "),
        ("/sections/D/heading", "undefined"),
        # the window and the instant
        (f"{WINDOW}/from", "2026-01-01T00:00:00.001Z"),
        (f"{WINDOW}/duration_hours", 12.1),
        (f"{WINDOW}/duration_hours", "12"),
        (f"{WINDOW}/duration_hours", -1),
        # the evidence
        (f"{ENTRY}/entry_hash", "sha256:" + "0" * 64),
        (f"{ENTRY}/entry_hash", "0" * 64),
        (f"{ENTRY}/entry/kind", "CLAIMED"),
        (f"{ENTRY}/entry/actor", "operator"),
        (f"{ENTRY}/entry/detail/note", "x"),
        (f"{ENTRY}/entry/detail/status", 99),
        ("/evidence/ledger_head/sequence", -1),
        ("/evidence/ledger_head/hash", "none"),
        # what the report is
        ("/schema_version", "1.1"),
        ("/schema_version", 1.0),
        ("/report_id", "r-1"),
        ("/cloud_id", "a b"),
        ("/cloud_id", ""),
        ("/trigger", "auto"),
        ("/generated_at", "2026-01-01T12:00:00Z"),
        ("/extra", None),
    ],
)
def test_a_change_is_refused_at_its_place(place: str, value: Any) -> None:
    assert place in places(changed(place, value))


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [
        (f"{PROJECTS}/missing_reason", "FEATURE_UNUSED", f"{PROJECTS}/availability_state"),
        (f"{GROUPS}/missing_reason", None, f"{GROUPS}/availability_state"),
        (f"{GROUPS}/missing_reason", "DATASET_EMPTY", f"{GROUPS}/availability_state"),
        (f"{PROJECTS}/coverage_percent", 0, f"{PROJECTS}/mandatory_zero_disclosure"),
        ("/generated_at", "2026-01-01T12:00:00.001Z", f"{WINDOW}/to"),
        (f"{WINDOW}/to", "2025-01-01T12:00:00.000Z", WINDOW),
        ("/sections/C/observations/1", ..., "/sections/C/observations"),
        ("/sections/D/forecast_available", True, "/sections/D/forecast"),
        (f"{ENTRY}/entry/detail/count", 27, f"{ENTRY}/entry_hash"),
        (f"{ENTRY}/entry/at", "2026-01-01T00:00:00.001Z", f"{ENTRY}/entry_hash"),
    ],
)
def test_what_contradicts_is_refused_where_it_shows(place: str, value: Any, found: str) -> None:
    assert found in places(changed(place, value))


def with_entry(number: int, **detail: Any) -> Any:
    """Return a document whose entry has another detail, and the hash that goes with it."""
    whole = document()
    cited = whole["evidence"]["entries"][number]
    cited["entry"]["detail"] = {
        key: value for key, value in (cited["entry"]["detail"] | detail).items() if value is not ...
    }
    cited["entry_hash"] = digest_of(canonical_bytes(cited["entry"]))
    return whole


@pytest.mark.parametrize(
    ("detail", "place"),
    [
        ({"count": 27}, f"{A}/count"),
        ({"count": 0}, f"{A}/disclosure/zero_value_reason"),
        ({"covered": 1}, f"{A}/disclosure/completeness_percent"),
        ({"covered": 1}, f"{ISSUES}/availability_state"),
        ({"count": None}, f"{ENTRY}/entry/detail"),
        ({"covered": ...}, f"{ENTRY}/entry/detail"),
        ({"covered": 99}, f"{ENTRY}/entry/detail/covered"),
        ({"dataset": "Projects"}, "/evidence/entries"),
        ({"count": None, "covered": ..., "visible": ..., "method": ...}, f"{A}/count"),
    ],
)
def test_the_numbers_are_those_of_the_entries(detail: dict[str, Any], place: str) -> None:
    """P3: evidence that says something else is not the evidence of this report."""
    assert place in places(with_entry(1, **detail))


def test_the_entries_stand_in_the_order_of_section_b() -> None:
    whole = document()
    whole["evidence"]["entries"].reverse()
    assert places(whole) == {"/evidence/entries"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("/sections/D/forecast/value", 101),
        ("/sections/D/forecast/observation_window_days", 9),
        ("/sections/D/forecast/observation_window_days", 6),
        ("/sections/D/forecast/confidence_level", "HIGH"),
        ("/sections/D/forecast/immutable", False),
        ("/sections/D/forecast/immutable", 1),
        ("/sections/D/forecast/forecast_type", "MEASURED"),
        ("/sections/D/forecast/disclaimer", "This number is certain."),
        ("/sections/D/forecast/disclaimer", ...),
        ("/sections/D/forecast/quantity", ""),
        ("/sections/D/forecast/generated_at", "2026-01-09T12:00:00.001Z"),
        ("/sections/D/forecast/rests_on", ["sha256:" + "0" * 64] * 2),
        ("/sections/D/forecast/rests_on", []),
        ("/sections/D/forecast/range", 1),
        ("/evidence/earlier", ...),
        ("/evidence/earlier/entry_hash", "sha256:" + "0" * 64),
    ],
)
def test_a_forecast_is_frozen(place: str, value: Any) -> None:
    """P34: nothing of it can be changed without being noticed."""
    assert place in places(changed(place, value, document(forecast_report())))


def test_a_reading_is_cited_only_for_a_forecast() -> None:
    whole = document()
    whole["evidence"]["earlier"] = whole["evidence"]["entries"][1]
    assert places(whole) == {"/evidence/earlier"}


@pytest.mark.parametrize("name", ["A", "B", "C", "D"])
def test_a_missing_section_is_refused(name: str) -> None:
    """CONTRACT 7, errors: missing section."""
    assert f"/sections/{name}" in places(changed(f"/sections/{name}", ...))


@pytest.mark.parametrize(
    "whole",
    [None, True, 1, "report", [], [document()], {}, {"sections": []}, {"report": document()}],
    ids=repr,
)
def test_a_wrong_structure_is_refused(whole: Any) -> None:
    """CONTRACT 7, errors: wrong structure."""
    with pytest.raises(ReportInvalid):
        refuse_breaches(whole)


def test_errors_are_collected() -> None:
    """CONTRACT 7, helpers: not the first error alone."""
    whole = changed(f"{A}/count", 27)
    whole["trigger"], whole["observation_window"]["duration_hours"] = "MANUAL", 13
    whole["sections"]["C"]["observations"][0]["value"] = 1
    assert places(whole) == {
        f"{A}/count",
        f"{WINDOW}/duration_hours",
        "/sections/C/observations/0/value",
    }
    with pytest.raises(ReportInvalid) as refused:
        refuse_breaches(whole)
    assert all(place in refused.value.message for place in places(whole))


def test_a_valid_report_is_accepted() -> None:
    """CONTRACT 7, helpers."""
    for report in (signed(), smallest(), forecast_report()):
        refuse_breaches(document(report))
