"""Evidence: a number is what the platform said, or there is no number."""

import json

import pytest

from firstry.domain.errors import ReportInvalid
from firstry.domain.evidence import (
    LARGEST_COUNT,
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    NotPermitted,
    Reading,
)
from support.domain import at, reading, site_evidence


@pytest.mark.parametrize(
    ("value", "covered", "visible"),
    [(0, 0, 0), (1, 1, 1), (7, 3, 7), (0, 0, 5), (LARGEST_COUNT, LARGEST_COUNT, LARGEST_COUNT)],
)
def test_a_count_within_range_is_taken(value: int, covered: int, visible: int) -> None:
    """SURFACE: below 2^53, which canonical JSON can say exactly."""
    assert LARGEST_COUNT == 9_007_199_254_740_991
    assert Count(value, covered, visible, CountMethod.READ).value == value


@pytest.mark.parametrize(
    ("value", "covered", "visible"),
    [
        (-1, 0, 0),
        (1, -1, 1),
        (1, 0, -1),
        (5, 5, 4),
        (LARGEST_COUNT + 1, 0, 0),
        (0, 0, LARGEST_COUNT + 1),
        (0, LARGEST_COUNT + 1, LARGEST_COUNT + 1),
    ],
)
def test_a_count_out_of_range_is_refused(value: int, covered: int, visible: int) -> None:
    """P33: no count can lead to a completeness outside 0 to 100."""
    with pytest.raises(ReportInvalid) as refused:
        Count(value, covered, visible, CountMethod.READ)
    assert refused.value.code == "REPORT_VALIDATION_FAILED"


def test_a_reading_is_kept_as_it_was_answered() -> None:
    """P3: what a report rests on is in the ledger, with the request it came from."""
    held = Reading(
        Dataset.ISSUES,
        "POST /rest/api/3/search/approximate-count",
        "read:jira-work",
        at(12, 0, 1),
        200,
        Count(41, 41, 41, CountMethod.APPROXIMATED_BY_PLATFORM),
    )
    assert json.loads(held.entry().canonical()) == {
        "kind": "EVIDENCE_READ",
        "at": "2026-01-01T12:00:01.000Z",
        "actor": "scheduler",
        "detail": {
            "dataset": "Issues",
            "request": "POST /rest/api/3/search/approximate-count",
            "scope": "read:jira-work",
            "status": 200,
            "count": 41,
            "covered": 41,
            "visible": 41,
            "method": "APPROXIMATED_BY_PLATFORM",
        },
    }


def test_what_may_not_be_seen_is_kept_without_a_number() -> None:
    """P47: no permission is not zero."""
    detail = json.loads(reading(Dataset.GROUPS, None).entry().canonical())["detail"]
    assert (detail["count"], detail["status"]) == (None, 403)
    assert "covered" not in detail


def test_a_zero_that_was_read_is_kept_as_zero() -> None:
    """P17, P47."""
    detail = json.loads(reading(Dataset.GROUPS, 0).entry().canonical())["detail"]
    assert (detail["count"], detail["status"]) == (0, 200)


def test_evidence_speaks_of_every_dataset() -> None:
    seen = site_evidence()
    assert [item.dataset for item in seen.items] == list(Dataset)
    for dataset in Dataset:
        assert seen.of(dataset).dataset is dataset
    assert {item.dataset for item in seen.readings()} == {
        Dataset.PROJECTS,
        Dataset.ISSUES,
        Dataset.CUSTOM_FIELDS,
        Dataset.FIELDS,
        Dataset.STATUSES,
    }


ITEMS = site_evidence().items


@pytest.mark.parametrize(
    "items",
    [(), ITEMS[1:], (*ITEMS, ITEMS[-1]), (ITEMS[1], ITEMS[0], *ITEMS[2:])],
    ids=["none", "one missing", "one twice", "another order"],
)
def test_evidence_that_leaves_something_out_is_refused(
    items: tuple[Reading | NotCollected, ...],
) -> None:
    """P46: what was not asked for says so; it is never simply absent."""
    with pytest.raises(ReportInvalid, match="every dataset once"):
        Evidence(items)


def test_a_refusal_is_a_reading_and_an_omission_is_none() -> None:
    refused = reading(Dataset.USERS, None)
    seen = site_evidence(refused)
    assert isinstance(refused.answer, NotPermitted)
    assert refused in seen.readings()
    assert isinstance(seen.of(Dataset.FILTERS), NotCollected)
    assert Dataset.FILTERS not in {item.dataset for item in seen.readings()}
