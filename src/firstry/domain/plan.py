"""Plan anew what has not begun, after the settings got other triggers or ages.

A due time never moves (I3, I8). So a milestone that is to be due at another time is
cancelled, and the next revision of its trigger is armed by the new ages, from the
same evidence. Nothing that an attempt has begun is touched, nothing that an operator
ordered again, and nothing that has ended. Afterwards all that had not begun stands as
if these settings had always been in force, with one exception: a trigger that is new
is armed only where the installation is younger than its age, so that a new setting
makes nothing due for installations of long ago (decision 0025).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from firstry.domain.arm import armed, armed_json
from firstry.domain.canonical import Json
from firstry.domain.instant import iso
from firstry.domain.ledger import Entry
from firstry.domain.milestone import Act, Milestone, State, require
from firstry.domain.phase import current
from firstry.domain.policy import MANUAL, Policy, Trigger
from firstry.domain.record import Change, Decide, Order, TenantRecord, ledgered
from firstry.domain.value import replace

REPLANNED = "REPLANNED"


class Fate(StrEnum):
    """What other settings mean for one milestone. Only `STAYS` changes nothing."""

    MOVES = "moves"
    WINDOW_MOVES = "window_moves"
    ADDED = "added"
    REMOVED = "removed"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one trigger of one tenant.

    `age` is the one that it was planned by, `new_age` the settings' own; None where
    there is none. `is_due` says that it may be claimed at once then, `is_over` that
    its window has ended by then, so that it is going to be missed.
    """

    trigger: Trigger
    fate: Fate
    age: timedelta | None
    new_age: timedelta | None
    is_due: bool = False
    is_over: bool = False


def planned(record: TenantRecord, now: datetime, policy: Policy) -> tuple[Planned, ...]:
    """Return what is planned otherwise than `policy` says, and what becomes of it at `now`."""
    if not record.is_evidenced() or record.uninstalled_at is not None:
        return ()
    return (*_known(record, now, policy), *_missing(record, now, policy))


def replanning(order: Order, policy: Policy) -> Decide[tuple[Planned, ...]]:
    """Return the decision that brings a tenant's plan to `policy`; it answers what it did.

    It looks anew at the record that it is given, so what was begun since somebody looked
    stays, and a second time changes nothing.
    """

    def decide(record: TenantRecord | None) -> Change[tuple[Planned, ...]]:
        if record is None:
            return Change(())
        found = planned(record, order.at, policy)
        after, entries = record, list[Entry]()
        for each in found:
            after = _changed(after, each, order, policy, entries)
        if not entries:
            return Change(found)
        after, sealed = ledgered(after, entries)
        return Change(found, after, sealed)

    return decide


def is_ordered_again(record: TenantRecord, milestone: Milestone) -> bool:
    """Whether an operator's reset armed it: it took over the due time of the one before."""
    before = record.milestone(milestone.trigger, milestone.revision - 1)
    if before is None:
        return False
    is_same = (before.installed_at, before.due_at) == (milestone.installed_at, milestone.due_at)
    return is_same or before.state is not State.CANCELLED


def is_planned_anew(record: TenantRecord, milestone: Milestone) -> bool:
    """Whether it was cancelled for another plan: the next revision has its evidence, another due.

    A tick does not speak of it: its successor stands in its place.
    """
    following = record.milestone(milestone.trigger, milestone.revision + 1)
    if following is None or milestone.state is not State.CANCELLED:
        return False
    is_same_site = following.installed_at == milestone.installed_at
    return is_same_site and following.due_at != milestone.due_at


def _known(record: TenantRecord, now: datetime, policy: Policy) -> Iterator[Planned]:
    ages = dict(policy.triggers)
    for milestone in current(record):
        trigger, age = milestone.trigger, milestone.due_at - milestone.installed_at
        if trigger == MANUAL or not milestone.is_live():
            continue
        new_age = ages.get(trigger)
        is_ordered = is_ordered_again(record, milestone)
        has_begun = is_ordered or milestone.fence > 0 or milestone.starts > 0
        if new_age is None:
            yield Planned(trigger, Fate.STAYS if has_begun else Fate.REMOVED, age, None)
            continue
        end = policy.window_end(trigger, milestone.installed_at)
        if age == new_age and (is_ordered or end == milestone.window_end_at):
            continue
        if has_begun:
            yield Planned(trigger, Fate.STAYS, age, new_age)
            continue
        fate = Fate.WINDOW_MOVES if age == new_age else Fate.MOVES
        is_over = end is not None and end <= now
        is_due = not is_over and milestone.installed_at + new_age <= now
        yield Planned(trigger, fate, age, new_age, is_due, is_over)


def _missing(record: TenantRecord, now: datetime, policy: Policy) -> Iterator[Planned]:
    for trigger, age in policy.triggers:
        is_young = now < record.installation.latest_at + age
        if is_young and record.latest(trigger) is None:
            yield Planned(trigger, Fate.ADDED, None, age)


def _changed(
    record: TenantRecord, each: Planned, order: Order, policy: Policy, entries: list[Entry]
) -> TenantRecord:
    """Return the record with one change, and add its entries."""
    if each.fate is Fate.STAYS:
        return record
    if each.fate is Fate.ADDED:
        return _armed(record, each.trigger, record.installation.latest_at, order, policy, entries)
    milestone = record.latest(each.trigger)
    assert milestone is not None
    named: dict[str, Json] = {"trigger": milestone.trigger, "revision": milestone.revision}
    if each.fate is Fate.WINDOW_MOVES:
        end = policy.window_end(milestone.trigger, milestone.installed_at)
        said = iso(end) if end is not None else None
        entries.append(order.entry(REPLANNED, **named, window_end_at=said))
        return record.with_milestone(replace(milestone, window_end_at=end))
    ended = replace(milestone, state=require(Act.CANCEL, milestone))
    record = record.with_milestone(ended)
    entries.append(order.entry(Act.CANCEL.value, **named))
    if each.fate is Fate.REMOVED:
        return record
    return _armed(record, each.trigger, milestone.installed_at, order, policy, entries)


def _armed(
    record: TenantRecord,
    trigger: Trigger,
    installed_at: datetime,
    order: Order,
    policy: Policy,
    entries: list[Entry],
) -> TenantRecord:
    record = armed(record, [trigger], installed_at, policy)
    fresh = record.latest(trigger)
    assert fresh is not None
    named: dict[str, Json] = {"trigger": trigger, "revision": fresh.revision}
    entries.append(order.entry(REPLANNED, **named, **armed_json([fresh])))
    return record
