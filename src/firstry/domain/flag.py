"""Switches that operators turn: what firstry makes, for everybody or for one tenant.

A small list and nothing more. Everything is on until somebody turns it off. What
is off for everybody is off for each tenant, whatever the tenant's own switch says.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from firstry.domain.errors import InputInvalid
from firstry.domain.evidence import Dataset
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.tenant import Tenant

Flag = NewType("Flag", str)
"""The name of a switch, for example `generation` or `trigger.AUTO_12H`."""

GENERATION = Flag("generation")
MANUAL_REPORTS = Flag("manual")
FLAG_SWITCHED = "FLAG_SWITCHED"
"""The kind of the ledger entry that each change leaves."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as it stands, and who turned it last. `tenant` None is everybody's.

    A switch that was never turned is on and has no instant, actor or reason.
    """

    flag: Flag
    tenant: Tenant | None
    is_on: bool = True
    changed_at: datetime | None = None
    actor: str | None = None
    reason: str | None = None


def of_trigger(trigger: Trigger) -> Flag:
    """Return the switch of a trigger; MANUAL has a name of its own."""
    return MANUAL_REPORTS if trigger == MANUAL else Flag(f"trigger.{trigger}")


def of_dataset(dataset: Dataset) -> Flag:
    """Return the switch of a dataset, `dataset.custom_fields` for Custom Fields."""
    return Flag(f"dataset.{dataset.name.lower()}")


def all_flags(triggers: Iterable[Trigger]) -> tuple[Flag, ...]:
    """Return every switch there is, under settings with these triggers."""
    return (
        GENERATION,
        MANUAL_REPORTS,
        *(of_trigger(trigger) for trigger in triggers),
        *(of_dataset(dataset) for dataset in Dataset),
    )


def parse_flag(text: str, triggers: Iterable[Trigger]) -> Flag:
    """Return the switch that `text` names, or raise InputInvalid."""
    known = all_flags(triggers)
    if text not in known:
        raise InputInvalid(f"{text[:80]!r} is no flag", f"one of {', '.join(known)}")
    return Flag(text)


def is_trigger_off(off: Collection[str], trigger: Trigger) -> bool:
    """Whether nothing of `trigger` may be attempted, given the switches that are off."""
    return GENERATION in off or of_trigger(trigger) in off
