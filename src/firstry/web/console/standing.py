"""Where each milestone of a tenant stands, and what may be done about it now.

Whether an act fits is asked of the act itself: its decision is tried on the record that
was read, and nothing is written. So a button is there only if it would work at this
moment, and else the reason stands in its place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstry.domain.errors import FirstryError
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import Milestone
from firstry.domain.phase import Phase, Scene, current, phase_of
from firstry.domain.policy import MANUAL
from firstry.domain.record import Decide, Order, TenantRecord
from firstry.lifecycle.pause import switching
from firstry.lifecycle.reset import resetting
from firstry.lifecycle.retry import retrying

_TROUBLED = (Phase.BACKOFF, Phase.DEFERRED, Phase.DISCARDED, Phase.MISSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """One milestone at an instant. `says` and `at` tell since or until when.

    `no_retry` and `no_reset` are why the act does not fit now, None if it does.
    `next_revision` is the one that a reset makes or starts over.
    """

    milestone: Milestone
    phase: Phase
    says: str
    at: datetime | None
    no_retry: str | None
    no_reset: str | None
    next_revision: int

    @property
    def shows_error(self) -> bool:
        """Whether its last error is what somebody has to know now."""
        return self.milestone.last_error is not None and self.phase is not Phase.COMPLETED

    @property
    def is_troubled(self) -> bool:
        """Whether an operator may want to mend it."""
        return self.phase in _TROUBLED


def standings(record: TenantRecord, scene: Scene) -> Sequence[Standing]:
    """Return the current milestones of a tenant in order of their due times."""
    return [_standing(record, milestone, scene) for milestone in current(record)]


def history(record: TenantRecord) -> Sequence[Milestone]:
    """Return the earlier revisions, which stay as they are."""
    latest = {milestone.key for milestone in current(record)}
    return [each for each in record.milestones if each.key not in latest]


def no_pause(record: TenantRecord, scene: Scene) -> str | None:
    """Return why the tenant cannot be paused now, or None if it can."""
    return _obstacle(lambda order: switching(record.tenant, order, to_pause=True), record, scene)


def _standing(record: TenantRecord, milestone: Milestone, scene: Scene) -> Standing:
    phase, trigger = phase_of(record, milestone, scene), milestone.trigger
    says, at = _told(milestone, phase)
    no_reset: str | None = "reports on request are not reset: ask for another one"
    if trigger != MANUAL:
        no_reset = _obstacle(lambda order: resetting(record.tenant, trigger, order), record, scene)
    return Standing(
        milestone,
        phase,
        says,
        at,
        _obstacle(lambda order: retrying(record.tenant, trigger, order), record, scene),
        no_reset,
        milestone.revision if milestone.is_live() else milestone.revision + 1,
    )


def _obstacle(
    deciding: Callable[[Order], Decide[Any]], record: TenantRecord, scene: Scene
) -> str | None:
    """Return why a decision refuses the record, or None if it takes it; nothing is written."""
    try:
        deciding(Order("would it fit", OPERATOR, scene.now))(record)
    except FirstryError as error:
        return f"{error.message}. {error.remedy}".rstrip(". ")
    return None


def _told(milestone: Milestone, phase: Phase) -> tuple[str, datetime | None]:
    error_at = milestone.last_error.at if milestone.last_error is not None else None
    return {
        Phase.SCHEDULED: ("due", milestone.next_due),
        Phase.DUE: ("due since", milestone.next_due),
        Phase.WAITING: ("waits for a token since", milestone.next_due),
        Phase.RUNNING: ("held until", milestone.lease_until),
        Phase.BACKOFF: ("next attempt", milestone.next_due),
        Phase.DEFERRED: ("next attempt", milestone.next_due),
        Phase.COMPLETED: ("done", milestone.completed_at),
        Phase.MISSED: ("window ended", milestone.window_end_at),
        Phase.DISCARDED: ("given up", error_at),
        Phase.CANCELLED: ("was due", milestone.due_at),
    }[phase]
