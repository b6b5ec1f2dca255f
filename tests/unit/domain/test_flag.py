"""Switches: what there is to turn, and what is off when one is."""

import pytest

from firstry.domain.errors import InputInvalid
from firstry.domain.evidence import Dataset
from firstry.domain.flag import (
    Switch,
    all_flags,
    is_trigger_off,
    of_dataset,
    of_trigger,
    parse_flag,
)
from firstry.domain.policy import MANUAL
from support.domain import AUTO_12H, AUTO_24H

TRIGGERS = (AUTO_12H, AUTO_24H)


def test_there_is_a_switch_for_everything_that_is_made() -> None:
    assert all_flags(TRIGGERS)[:4] == (
        "generation",
        "manual",
        "trigger.AUTO_12H",
        "trigger.AUTO_24H",
    )
    assert all_flags(TRIGGERS)[4:] == tuple(of_dataset(each) for each in Dataset)
    assert of_dataset(Dataset.CUSTOM_FIELDS) == "dataset.custom_fields"


def test_what_nobody_turned_is_on() -> None:
    for flag in all_flags(TRIGGERS):
        assert Switch(flag, None).is_on


def test_a_switch_is_named_as_it_is_listed() -> None:
    for flag in all_flags(TRIGGERS):
        assert parse_flag(flag, TRIGGERS) == flag
    for text in ("", "Generation", "trigger.AUTO_48H", "trigger.MANUAL"):
        with pytest.raises(InputInvalid, match="is no flag"):
            parse_flag(text, TRIGGERS)


@pytest.mark.parametrize(
    ("off", "stopped"),
    [
        (set(), set()),
        ({"generation"}, {AUTO_12H, AUTO_24H, MANUAL}),
        ({"manual"}, {MANUAL}),
        ({"trigger.AUTO_12H"}, {AUTO_12H}),
        ({"trigger.MANUAL", "dataset.issues"}, set()),
    ],
)
def test_a_trigger_is_off_by_its_own_switch_or_by_that_of_all(
    off: set[str], stopped: set[str]
) -> None:
    every = (AUTO_12H, AUTO_24H, MANUAL)
    assert {trigger for trigger in every if is_trigger_off(off, trigger)} == stopped
    assert of_trigger(MANUAL) == "manual"
