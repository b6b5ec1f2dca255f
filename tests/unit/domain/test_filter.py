"""What each condition of a filter means, for one tenant at one instant."""

from dataclasses import replace
from datetime import timedelta

import pytest

from firstry.domain.filter import EVERYBODY, meant
from firstry.domain.filter_text import parse_filter
from firstry.domain.ledger import genesis
from firstry.domain.milestone import LastError, Milestone, State
from firstry.domain.phase import scene_at
from firstry.domain.policy import Trigger
from firstry.domain.record import Installation, InstallationSource, TenantRecord
from firstry.domain.tenant import Tenant
from support.domain import AUTO_12H, AUTO_24H, DEFAULT, FAR, INSTALLED_AT, MOMENT, at

ACME = Tenant.from_row("Acme-7")
NOW = at(14)
DONE = Milestone(
    AUTO_12H,
    1,
    State.COMPLETED,
    INSTALLED_AT,
    at(12),
    at(24),
    at(12),
    attempts=2,
    last_error=LastError("JIRA_UNAVAILABLE", "it was down", at(12), 1),
)
BACKOFF = replace(
    DONE,
    state=State.SCHEDULED,
    attempts=1,
    next_due=at(15),
    last_error=LastError("JIRA_UNAVAILABLE", "it was down", at(13), 1),
)
AHEAD = Milestone(AUTO_24H, 1, State.SCHEDULED, INSTALLED_AT, at(24), None, at(24))
RECORD = TenantRecord(
    ACME,
    Installation(INSTALLED_AT, InstallationSource.LIFECYCLE),
    genesis(ACME),
    (BACKOFF, AHEAD),
    last_tick_at=at(13),
    token_expires_at=INSTALLED_AT + FAR,
)
SILENT = replace(RECORD, last_tick_at=None)
PAUSED = replace(RECORD, paused_at=at(1))
GONE = replace(RECORD, uninstalled_at=at(1))
COMPLETED = replace(RECORD, milestones=(DONE, AHEAD))
EMPTY = replace(RECORD, milestones=())
SCENE = scene_at(NOW, DEFAULT)


def named(text: str, record: TenantRecord) -> list[Trigger] | None:
    """Return the triggers of the milestones that a filter means, None if it means none at all."""
    found = meant(parse_filter(text), record, SCENE)
    return None if found is None else [milestone.trigger for milestone in found]


@pytest.mark.parametrize(
    ("text", "record", "is_meant"),
    [
        ("site=Acme-7", RECORD, True),
        ("site=acme-7", RECORD, False),
        ("site=other,Acme-7", RECORD, True),
        ("site=Acme", RECORD, False),
        ("site~aCME", RECORD, True),
        ("site~beta", RECORD, False),
        ("paused=yes", PAUSED, True),
        ("paused=yes", RECORD, False),
        ("paused=no", PAUSED, False),
        ("paused=no", RECORD, True),
        ("uninstalled=yes", GONE, True),
        ("uninstalled=yes", RECORD, False),
        ("uninstalled=no", GONE, False),
        ("uninstalled=no", RECORD, True),
        ("installed>13h", RECORD, True),
        ("installed>14h", RECORD, False),
        ("installed<14h", RECORD, False),
        ("installed<15h", RECORD, True),
        ("tick>59m", RECORD, True),
        ("tick>1h", RECORD, False),
        ("tick<1h", RECORD, False),
        ("tick<61m", RECORD, True),
        ("tick>36500d", SILENT, True),
        ("tick<36500d", SILENT, False),
        ("site~acme paused=no", RECORD, True),
        ("site~acme paused=yes", RECORD, False),
        ("site~beta paused=no", RECORD, False),
    ],
)
def test_a_condition_on_the_tenant_means_all_of_it_or_nothing(
    text: str, record: TenantRecord, is_meant: bool
) -> None:
    assert named(text, record) == ([AUTO_12H, AUTO_24H] if is_meant else None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("state=backoff", [AUTO_12H]),
        ("state=scheduled,backoff", [AUTO_12H, AUTO_24H]),
        ("state!=backoff", [AUTO_24H]),
        ("state!=backoff,scheduled", None),
        ("trigger=AUTO_24H", [AUTO_24H]),
        ("trigger!=AUTO_24H", [AUTO_12H]),
        ("error=JIRA_UNAVAILABLE", [AUTO_12H]),
        ("error=OTHER", None),
        ("attempts=1", [AUTO_12H]),
        ("attempts<1", [AUTO_24H]),
        ("attempts>0", [AUTO_12H]),
        ("attempts>1", None),
        ("backoff>119m", [AUTO_12H]),
        ("backoff>2h", None),
        ("backoff<2h", None),
        ("backoff<121m", [AUTO_12H]),
        ("late>119m", [AUTO_12H]),
        ("late>2h", None),
        ("late<3h", [AUTO_12H]),
        ("due<1h", None),
        ("due<61m", [AUTO_12H]),
        ("due>1h", [AUTO_24H]),
        ("due<11h", [AUTO_12H, AUTO_24H]),
        ("state=backoff attempts<1", None),
        ("site~acme state=backoff", [AUTO_12H]),
        ("site~beta state=backoff", None),
    ],
)
def test_conditions_on_milestones_have_to_hold_for_one_and_the_same(
    text: str, found: list[Trigger] | None
) -> None:
    assert named(text, RECORD) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("error=JIRA_UNAVAILABLE", None),
        ("late>1m", None),
        ("due<400d", [AUTO_24H]),
        ("state=completed", [AUTO_12H]),
    ],
)
def test_a_milestone_that_has_ended_has_no_error_and_is_neither_late_nor_to_come(
    text: str, found: list[Trigger] | None
) -> None:
    to_come = replace(DONE, next_due=at(20))
    assert named(text, COMPLETED) == found
    assert named(text, replace(COMPLETED, milestones=(to_come, AHEAD))) == found


def test_what_is_due_this_moment_is_late_by_nothing_and_no_longer_to_come() -> None:
    now_due = replace(AHEAD, due_at=NOW, next_due=NOW)
    record = replace(RECORD, milestones=(now_due,))
    assert named("late<1s", record) == [AUTO_24H]
    assert named("due<1s", record) is None
    soon = replace(RECORD, milestones=(replace(AHEAD, due_at=NOW + MOMENT, next_due=NOW + MOMENT),))
    assert named("late<1s", soon) is None
    assert named("due<1s", soon) == [AUTO_24H]


def test_without_conditions_everybody_is_meant_with_all_that_is_current() -> None:
    assert meant(EVERYBODY, RECORD, SCENE) == (BACKOFF, AHEAD)
    assert meant(EVERYBODY, EMPTY, SCENE) == ()
    assert named("state=backoff", EMPTY) is None
    following = replace(AHEAD, trigger=AUTO_12H, revision=2)
    record = replace(RECORD, milestones=(replace(BACKOFF, state=State.CANCELLED), following))
    assert meant(EVERYBODY, record, SCENE) == (following,)


def test_a_wait_counts_as_a_whole_until_it_ends() -> None:
    """It began an hour before now and has an hour to go: two hours."""
    assert NOW - at(13) == at(15) - NOW == timedelta(hours=1)
    assert named("backoff>90m", RECORD) == [AUTO_12H]
    over = replace(BACKOFF, next_due=NOW)
    assert named("backoff>0s", replace(RECORD, milestones=(over,))) is None
