"""A bulk job acts on what was looked at, and on no more than its limit."""

import pytest

from firstry.domain.errors import InputInvalid
from firstry.domain.job import (
    SHOWN_ERRORS,
    BulkAct,
    CountChanged,
    Job,
    JobPlace,
    JobState,
    parse_act,
    refuse_changed_count,
)
from firstry.domain.ledger import Actor
from support.domain import INSTALLED_AT, at


@pytest.mark.parametrize("count", [0, 1, 200_000])
def test_a_count_that_is_still_the_same_is_taken(count: int) -> None:
    refuse_changed_count(count, count)


@pytest.mark.parametrize(("expected", "found"), [(3, 4), (4, 3), (0, 200_001)])
def test_a_filter_that_means_another_number_now_is_refused(expected: int, found: int) -> None:
    with pytest.raises(CountChanged, match=f"means {found} now, not {expected}"):
        refuse_changed_count(expected, found)


def test_a_job_has_a_most_of_targets() -> None:
    with pytest.raises(InputInvalid, match="at most 200000 targets"):
        refuse_changed_count(200_001, 200_001)


def test_retry_and_reset_are_of_milestones_and_the_others_of_tenants() -> None:
    of_milestones = {act for act in BulkAct if act.is_of_milestones()}
    assert of_milestones == {BulkAct.RETRY, BulkAct.RESET}


def test_an_act_is_named_by_its_word() -> None:
    for act in BulkAct:
        assert parse_act(act.value) is act
    with pytest.raises(InputInvalid, match="'erase' is no bulk act"):
        parse_act("erase")


def test_a_new_job_waits_and_has_done_nothing() -> None:
    job = Job(
        "j-1", BulkAct.RETRY, "state=backoff", "case 17", Actor("operator:a"), 3, INSTALLED_AT
    )
    assert (job.state, job.done, job.failed, job.ended_at) == (JobState.QUEUED, 0, 0, None)


def test_a_job_shows_its_first_hundred_errors() -> None:
    assert SHOWN_ERRORS == 100


def test_the_newest_job_has_the_greatest_place() -> None:
    places = [JobPlace(at(1), "b"), JobPlace(at(2), "a"), JobPlace(at(1), "c")]
    assert sorted(places) == [places[0], places[2], places[1]]
