"""The numbers of a report: what was counted, what was not, and which zero it is."""

import json
from typing import Any

import pytest

from firstry.domain.evidence import (
    CountMethod,
    Dataset,
    NotCollected,
    NotCollectedCause,
    Reading,
)
from firstry.domain.report.generate import generate
from firstry.stores.memory import MemoryStore
from support.domain import at, install, reading, site_evidence, won

NOT_ENABLED = NotCollected(Dataset.GROUPS, NotCollectedCause.NOT_ENABLED)


def sections(*changed: Reading | NotCollected) -> Any:
    store = MemoryStore()
    install(store)
    return json.loads(generate(won(store, at(12)), site_evidence(*changed)).body)["sections"]


def coverage(*changed: Reading | NotCollected) -> Any:
    """Return the row of the first changed dataset in section B."""
    name = changed[0].dataset.value
    rows = [row for row in sections(*changed)["B"]["datasets"] if row["dataset_name"] == name]
    assert len(rows) == 1
    return rows[0]


def test_section_a_counts_projects_issues_and_custom_fields() -> None:
    shown = sections(
        reading(Dataset.PROJECTS, 3),
        reading(Dataset.ISSUES, 40),
        reading(Dataset.CUSTOM_FIELDS, 5),
        reading(Dataset.FIELDS, 99),
    )["A"]
    counts = {name: each["count"] for name, each in shown.items() if name != "heading"}
    assert counts == {"projects_scanned": 3, "issues_scanned": 40, "fields_detected": 5}
    assert shown["projects_scanned"].keys() == {"count", "disclosure"}


def test_section_b_speaks_of_every_dataset_in_order() -> None:
    names = [row["dataset_name"] for row in sections()["B"]["datasets"]]
    assert names == [
        "Projects",
        "Issues",
        "Custom Fields",
        "Fields",
        "Issue Types",
        "Statuses",
        "Permission Schemes",
        "Filters",
        "Dashboards",
        "Users",
        "Groups",
        "Workflows",
        "Automation Rules",
    ]


def test_section_c_holds_the_raw_counts_of_what_was_asked_for() -> None:
    observations = sections(reading(Dataset.GROUPS, None), reading(Dataset.FILTERS, 8))["C"][
        "observations"
    ]
    shown = {each["label"]: each["value"] for each in observations}
    assert shown["Filters visible to the app's user"] == 8
    assert shown["Groups visible to the app's user"] is None
    assert len(observations) == 7
    assert all(each.keys() == {"label", "value", "disclosure"} for each in observations)


@pytest.mark.parametrize(
    ("item", "state", "reason", "percent"),
    [
        (reading(Dataset.GROUPS, 4), "AVAILABLE", None, 100),
        (reading(Dataset.GROUPS, 0), "AVAILABLE", None, 100),
        (reading(Dataset.GROUPS, 4, covered=3, visible=4), "PARTIAL", "OUT_OF_SCOPE", 75),
        (reading(Dataset.GROUPS, 4, covered=0, visible=4), "PARTIAL", "OUT_OF_SCOPE", 0),
        (
            reading(Dataset.GROUPS, None),
            "NOT_PERMITTED_BY_SCOPE",
            "PERMISSION_NOT_GRANTED",
            0,
        ),
        (NOT_ENABLED, "MISSING", "OUT_OF_SCOPE", 0),
        (
            NotCollected(Dataset.GROUPS, NotCollectedCause.NO_SUPPORTED_SOURCE),
            "NOT_PERMITTED_BY_SCOPE",
            "OUT_OF_SCOPE",
            0,
        ),
    ],
)
def test_coverage_says_whether_a_dataset_was_there(
    item: Reading | NotCollected, state: str, reason: str | None, percent: float
) -> None:
    """P29: completeness is worked out. P31: what is available has no missing reason."""
    row = coverage(item)
    assert (row["availability_state"], row["missing_reason"]) == (state, reason)
    assert row["coverage_percent"] == percent
    assert row["coverage_disclosure"]["completeness_percent"] == percent
    assert (row["reason_detail_text"] is None) is (reason is None)
    assert ("mandatory_zero_disclosure" in row) is (percent == 0)


@pytest.mark.parametrize(
    ("item", "count", "zero"),
    [
        (reading(Dataset.PROJECTS, 4), 4, None),
        (reading(Dataset.PROJECTS, 0), 0, "TRUE_ZERO"),
        (reading(Dataset.PROJECTS, None), None, "OUT_OF_SCOPE"),
        (
            NotCollected(Dataset.PROJECTS, NotCollectedCause.NOT_ENABLED),
            None,
            "MEASUREMENT_NOT_YET_ENABLED",
        ),
        (
            NotCollected(Dataset.PROJECTS, NotCollectedCause.NO_SUPPORTED_SOURCE),
            None,
            "OUT_OF_SCOPE",
        ),
    ],
)
def test_a_zero_and_a_missing_number_are_told_apart(
    item: Reading | NotCollected, count: int | None, zero: str | None
) -> None:
    """P17, P32, P47: a real zero is a number; what was not measured is none."""
    shown = sections(item)["A"]["projects_scanned"]
    assert shown["count"] == count
    assert (shown["count"] is None) is (count is None)
    assert shown["disclosure"].get("zero_value_reason") == zero
    measured = shown["disclosure"]["confidence_level"] != "INSUFFICIENT_DATA"
    assert measured is (count is not None)


def test_zero_coverage_speaks_of_the_data_not_of_the_site() -> None:
    """P32."""
    shown = coverage(NOT_ENABLED)["mandatory_zero_disclosure"]
    assert "not of the quality of the site" in shown["disclosure_text"]
    assert (shown["completeness_percent"], shown["zero_value_reason"]) == (
        0,
        "MEASUREMENT_NOT_YET_ENABLED",
    )


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (CountMethod.COUNTED_BY_PLATFORM, "Counted by Jira, not read"),
        (CountMethod.APPROXIMATED_BY_PLATFORM, "Approximate, counted by Jira, not read"),
        (CountMethod.READ, "Read from Jira"),
    ],
)
def test_a_sentence_says_how_its_number_came_about(method: CountMethod, said: str) -> None:
    shown = sections(reading(Dataset.ISSUES, 40, method=method))["A"]["issues_scanned"]
    assert shown["disclosure"]["disclosure_text"].startswith(said)
    assert "issues" in shown["disclosure"]["disclosure_text"]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (reading(Dataset.ISSUES, 0), "answered zero"),
        (reading(Dataset.ISSUES, 4, covered=2, visible=4), "a part of what"),
        (reading(Dataset.ISSUES, None), "no permission to see the issues"),
        (NotCollected(Dataset.ISSUES, NotCollectedCause.NOT_ENABLED), "not enabled"),
        (
            NotCollected(Dataset.ISSUES, NotCollectedCause.NO_SUPPORTED_SOURCE),
            "no supported way",
        ),
    ],
)
def test_a_sentence_says_what_is_particular(item: Reading | NotCollected, said: str) -> None:
    """P46: a part that was read is called a part."""
    text = sections(item)["A"]["issues_scanned"]["disclosure"]["disclosure_text"]
    assert said in text
    assert coverage(item)["coverage_disclosure"]["disclosure_text"] == text


def test_a_whole_answer_is_not_called_a_part() -> None:
    text = sections()["A"]["projects_scanned"]["disclosure"]["disclosure_text"]
    assert "a part of what" not in text
    assert "answered zero" not in text


def test_the_execution_of_automation_rules_is_not_measurable() -> None:
    row = sections()["B"]["datasets"][-1]
    assert row["dataset_name"] == "Automation Rules"
    assert "NOT_YET_MEASURABLE" in row["reason_detail_text"]


def test_a_site_that_shows_nothing_still_gets_its_report() -> None:
    """SURFACE: also when all are refused, the report is made and says so."""
    refused = [reading(each, None) for each in Dataset if each is not Dataset.AUTOMATION_RULES]
    shown = sections(*refused)
    counts = [each["count"] for name, each in shown["A"].items() if name != "heading"]
    assert counts == [None, None, None]
    states = {row["availability_state"] for row in shown["B"]["datasets"]}
    assert states == {"NOT_PERMITTED_BY_SCOPE"}
