"""The policy: which window a trigger has, and how long a failure waits."""

from datetime import timedelta

import pytest

from firstry.domain.policy import (
    CLOCK_TOLERANCE,
    DEFERRALS_IN_A_ROW,
    MANUAL,
    MANUAL_RATE_PERIOD,
    SILENCE,
    WAITS,
    CatchUp,
    DeferralKind,
    Policy,
    Trigger,
    wait_after,
)
from support.domain import AUTO_12H, AUTO_24H, DEFAULT, INSTALLED_AT, at

HOURS = {name: timedelta(hours=hours) for name, hours in {"A": 1, "B": 5, "C": 9}.items()}
THREE = tuple((Trigger(name), age) for name, age in HOURS.items())


@pytest.mark.parametrize(
    ("attempt", "minutes"),
    [(1, 30), (2, 120), (3, 1440), (4, 1440), (10, 1440), (1000, 1440)],
)
def test_the_wait_grows_to_a_day_and_never_further(attempt: int, minutes: int) -> None:
    """P6: the first failure waits 30 minutes. I7."""
    assert wait_after(attempt) == timedelta(minutes=minutes)


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        wait_after(attempt)


def test_the_table_of_waits_is_a_setting() -> None:
    waits = (timedelta(seconds=1), timedelta(seconds=5))
    assert [wait_after(attempt, waits).seconds for attempt in (1, 2, 3)] == [1, 5, 5]
    assert wait_after(7, waits[:1]) == waits[0]


@pytest.mark.parametrize(
    ("catch_up", "trigger", "hours"),
    [
        (CatchUp.LATEST, "A", 5),
        (CatchUp.LATEST, "B", 9),
        (CatchUp.LATEST, "C", None),
        (CatchUp.ALL, "A", None),
        (CatchUp.ALL, "B", None),
        (CatchUp.ALL, "C", None),
    ],
)
def test_a_window_ends_when_the_next_trigger_is_due(
    catch_up: CatchUp, trigger: str, hours: float | None
) -> None:
    policy = Policy(triggers=THREE, catch_up=catch_up)
    expected = None if hours is None else at(hours)
    assert policy.window_end(Trigger(trigger), INSTALLED_AT) == expected


@pytest.mark.parametrize("trigger", ["D", "MANUAL"])
def test_only_a_trigger_of_the_policy_has_a_window(trigger: str) -> None:
    with pytest.raises(ValueError, match=f"{trigger} is no trigger of this policy"):
        Policy(triggers=THREE).window_end(Trigger(trigger), INSTALLED_AT)


def test_the_defaults_are_those_of_the_contract() -> None:
    assert DEFAULT.triggers == ((AUTO_12H, timedelta(hours=12)), (AUTO_24H, timedelta(hours=24)))
    assert DEFAULT.waits == WAITS
    assert (DEFAULT.max_attempts, DEFAULT.catch_up) == (10, CatchUp.LATEST)
    assert (DEFAULT.manual_rate, MANUAL_RATE_PERIOD) == (6, timedelta(hours=1))
    assert (timedelta(seconds=5), timedelta(hours=72)) == (CLOCK_TOLERANCE, SILENCE)
    assert DEFAULT.generation_timeout < DEFAULT.lease == timedelta(seconds=300)
    assert DEFAULT.retention == timedelta(days=90)
    assert DEFERRALS_IN_A_ROW == {DeferralKind.TOKEN: 5, DeferralKind.QUOTA: 48}
    assert DEFAULT.window_end(AUTO_12H, INSTALLED_AT) == at(24)
    assert DEFAULT.window_end(AUTO_24H, INSTALLED_AT) is None


@pytest.mark.parametrize(
    ("trigger", "limit", "allowed"),
    [(AUTO_12H, 10, 10), (AUTO_12H, 1, 1), (MANUAL, 10, 3), (MANUAL, 3, 3), (MANUAL, 2, 2)],
)
def test_manual_gets_three_attempts_at_most(trigger: Trigger, limit: int, allowed: int) -> None:
    assert Policy(max_attempts=limit).attempts_allowed(trigger) == allowed
