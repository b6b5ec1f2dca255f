"""Which tenants are meant: conditions that all have to hold, and what each one means.

A tenant is meant if every condition on it holds and, where there are conditions on
milestones, one of its current milestones fulfils all of those. The functions here
define the meaning; the SQL stores say the same with bound values, and a test holds
the two against each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from firstry.domain.milestone import Milestone, State
from firstry.domain.phase import Phase, Scene, current, phase_of, wait_of
from firstry.domain.record import TenantRecord


class Field(StrEnum):
    """What a condition can speak of. docs/api.md tells each with an example."""

    SITE = "site"
    PAUSED = "paused"
    UNINSTALLED = "uninstalled"
    INSTALLED = "installed"
    TICK = "tick"
    STATE = "state"
    TRIGGER = "trigger"
    ERROR = "error"
    ATTEMPTS = "attempts"
    BACKOFF = "backoff"
    LATE = "late"
    DUE = "due"


class Operator(StrEnum):
    """How a field is held against a value."""

    IS = "="
    NOT = "!="
    HAS = "~"
    BELOW = "<"
    ABOVE = ">"


Value = tuple[str, ...] | timedelta | int | bool
OF_TENANT = frozenset({Field.SITE, Field.PAUSED, Field.UNINSTALLED, Field.INSTALLED, Field.TICK})
"""The fields of the tenant itself; the others are of its milestones."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One field, held against one value.

    Words are a tuple of alternatives, spans are `timedelta`, counts whole
    numbers, and yes or no is a bool; `domain.filter_text` allows nothing else.
    """

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all have to hold. Without any it means everybody."""

    conditions: tuple[Condition, ...] = ()

    def of_milestones(self) -> tuple[Condition, ...]:
        """Return the conditions that one and the same milestone has to fulfil."""
        return tuple(c for c in self.conditions if c.field not in OF_TENANT)

    def of_tenant(self) -> tuple[Condition, ...]:
        """Return the conditions on the tenant itself."""
        return tuple(c for c in self.conditions if c.field in OF_TENANT)


EVERYBODY = Filter()


def meant(wanted: Filter, record: TenantRecord, scene: Scene) -> tuple[Milestone, ...] | None:
    """Return the current milestones that `wanted` means, or None if not even the tenant is.

    Without conditions on milestones these are all current ones, perhaps none.
    """
    if not all(_TENANT[c.field](c, record, scene) for c in wanted.of_tenant()):
        return None
    asked = wanted.of_milestones()
    found = tuple(
        milestone
        for milestone in current(record)
        if all(_MILESTONE[c.field](c, record, milestone, scene) for c in asked)
    )
    return None if asked and not found else found


def _is_site(condition: Condition, record: TenantRecord, _: Scene) -> bool:
    words, cloud_id = _words(condition), record.tenant.cloud_id
    if condition.operator is Operator.HAS:
        return any(word.lower() in cloud_id.lower() for word in words)
    return cloud_id in words


def _is_paused(condition: Condition, record: TenantRecord, _: Scene) -> bool:
    return (record.paused_at is not None) is condition.value


def _is_uninstalled(condition: Condition, record: TenantRecord, _: Scene) -> bool:
    return (record.uninstalled_at is not None) is condition.value


def _installed_for(condition: Condition, record: TenantRecord, scene: Scene) -> bool:
    return _compared(condition, scene.now - record.installation.installed_at)


def _silent_for(condition: Condition, record: TenantRecord, scene: Scene) -> bool:
    """A tenant that never ticked is silent for longer than any span."""
    if record.last_tick_at is None:
        return condition.operator is Operator.ABOVE
    return _compared(condition, scene.now - record.last_tick_at)


def _is_in_phase(
    condition: Condition, record: TenantRecord, milestone: Milestone, scene: Scene
) -> bool:
    return _is_named(condition, phase_of(record, milestone, scene).value)


def _has_trigger(condition: Condition, _: TenantRecord, milestone: Milestone, __: Scene) -> bool:
    return _is_named(condition, milestone.trigger)


def _has_error(condition: Condition, _: TenantRecord, milestone: Milestone, __: Scene) -> bool:
    """The last error counts until a report is made."""
    if milestone.last_error is None or milestone.state is State.COMPLETED:
        return False
    return milestone.last_error.code in _words(condition)


def _was_attempted(condition: Condition, _: TenantRecord, milestone: Milestone, __: Scene) -> bool:
    assert isinstance(condition.value, int)
    if condition.operator is Operator.IS:
        return milestone.attempts == condition.value
    if condition.operator is Operator.BELOW:
        return milestone.attempts < condition.value
    return milestone.attempts > condition.value


def _backs_off_for(
    condition: Condition, record: TenantRecord, milestone: Milestone, scene: Scene
) -> bool:
    """The whole wait counts, so that one that is too long stays so until it ends."""
    is_waiting = phase_of(record, milestone, scene) is Phase.BACKOFF
    return is_waiting and _compared(condition, wait_of(milestone))


def _is_late_by(condition: Condition, _: TenantRecord, milestone: Milestone, scene: Scene) -> bool:
    is_late = milestone.is_live() and milestone.due_at <= scene.now
    return is_late and _compared(condition, scene.now - milestone.due_at)


def _is_due_in(condition: Condition, _: TenantRecord, milestone: Milestone, scene: Scene) -> bool:
    is_to_come = milestone.is_live() and milestone.next_due > scene.now
    return is_to_come and _compared(condition, milestone.next_due - scene.now)


_OfTenant = Callable[[Condition, TenantRecord, Scene], bool]
_OfMilestone = Callable[[Condition, TenantRecord, Milestone, Scene], bool]
_TENANT: Mapping[Field, _OfTenant] = {
    Field.SITE: _is_site,
    Field.PAUSED: _is_paused,
    Field.UNINSTALLED: _is_uninstalled,
    Field.INSTALLED: _installed_for,
    Field.TICK: _silent_for,
}
_MILESTONE: Mapping[Field, _OfMilestone] = {
    Field.STATE: _is_in_phase,
    Field.TRIGGER: _has_trigger,
    Field.ERROR: _has_error,
    Field.ATTEMPTS: _was_attempted,
    Field.BACKOFF: _backs_off_for,
    Field.LATE: _is_late_by,
    Field.DUE: _is_due_in,
}


def _is_named(condition: Condition, name: str) -> bool:
    return (name in _words(condition)) is (condition.operator is Operator.IS)


def _words(condition: Condition) -> tuple[str, ...]:
    assert isinstance(condition.value, tuple)
    return condition.value


def _compared(condition: Condition, span: timedelta) -> bool:
    assert isinstance(condition.value, timedelta)
    if condition.operator is Operator.BELOW:
        return span < condition.value
    return span > condition.value
