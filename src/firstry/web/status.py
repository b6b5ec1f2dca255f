"""Which HTTP status an error of ours has, at whatever door people and programs ask."""

from firstry.domain.access import RoleInsufficient
from firstry.domain.errors import (
    Conflict,
    FirstryError,
    InputInvalid,
    NotFound,
    RateExceeded,
    ReportErased,
    ReportInvalid,
    StoreUnavailable,
    StoreUnfit,
)

Statuses = tuple[tuple[type[FirstryError], int], ...]
"""The first kind that an error is of decides."""

_EVERYWHERE: Statuses = (
    (RoleInsufficient, 403),
    (ReportErased, 410),
    (NotFound, 404),
    (RateExceeded, 429),
    (Conflict, 409),
    (InputInvalid, 400),
    (ReportInvalid, 400),
    (StoreUnavailable, 503),
    (StoreUnfit, 503),
)


def status_of(error: FirstryError, own: Statuses) -> int:
    """Return an error's status; `own` is what a door says otherwise than the others, or alone."""
    return next((status for kind, status in (*own, *_EVERYWHERE) if isinstance(error, kind)), 500)
