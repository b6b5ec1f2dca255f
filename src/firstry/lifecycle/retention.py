"""Erase tenants whose uninstallation lies longer ago than they are to be kept.

A thread that looks every minute and erases a few tenants at a time, by the same
decision as an operator's act. Each is looked at again inside its transaction: a site
that has installed the app again in the meantime is kept. One that cannot be read is
told and left, and keeps nobody else. Several may run.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.erasure import erase_at
from firstry.domain.errors import Defect, FirstryError
from firstry.domain.ledger import SCHEDULER
from firstry.domain.record import Change, Decide, Order, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.lifecycle.erase import OpenEraser, erasing
from firstry.ports.clock import Clock
from firstry.ports.insight import Insight
from firstry.ports.store import PAGE_LIMIT, Store
from firstry.ports.telemetry import Event, Telemetry, told_if_it_fails

TENANTS_A_PASS = 20
POLL_SECONDS = 60.0
REASON = "kept as long as it was to be after the uninstallation"


@dataclass(frozen=True, slots=True)
class RetentionParts:
    """What retention needs. `retention` None: tenants are kept for ever. Wired in `wiring`."""

    insight: Insight
    open_eraser: OpenEraser
    clock: Clock
    telemetry: Telemetry
    retention: timedelta | None


def erase_expired(parts: RetentionParts) -> list[Tenant]:
    """Erase at most `TENANTS_A_PASS` tenants that were kept long enough; return them.

    Looks at `PAGE_LIMIT` tenants at most: so many may be unreadable before they keep others.
    Raises EraseNotAllowed if there are any and the database role may not erase.
    """
    now = parts.clock.now()
    if parts.retention is None:
        return []
    found = parts.insight.to_erase(now - parts.retention, PAGE_LIMIT)
    if not found:
        return []
    done: list[Tenant] = []
    with parts.open_eraser() as store:
        for tenant in found:
            if len(done) == TENANTS_A_PASS:
                break
            if _is_erased(parts, store, tenant, now, parts.retention):
                done.append(tenant)
    return done


def _is_erased(
    parts: RetentionParts, store: Store, tenant: Tenant, now: datetime, retention: timedelta
) -> bool:
    """Erase one tenant and tell it; what is wrong with this one alone is told, too."""
    try:
        is_erased = store.transact(tenant, now, _expiring(tenant, now, retention))
    except Defect as error:
        _tell(parts.telemetry, error, tenant)
        return False
    if is_erased:
        parts.telemetry.emit(Event.TENANT_ERASED, tenant)
    return is_erased


def _tell(telemetry: Telemetry, error: FirstryError, tenant: Tenant | None = None) -> None:
    told = "; ".join(filter(None, (error.message, error.remedy)))
    telemetry.emit(Event.ERASURE_FAILED, tenant, error_code=error.code, detail=told)


def _expiring(tenant: Tenant, now: datetime, retention: timedelta) -> Decide[bool]:
    """Return the decision that erases `tenant` if it is still to be, and says whether."""
    decide_erasing = erasing(tenant, Order(REASON, SCHEDULER, now))

    def decide(record: TenantRecord | None) -> Change[bool]:
        at = erase_at(record, retention) if record is not None else None
        if at is None or at > now:
            return Change(False)
        change = decide_erasing(record)
        return Change(True, change.after, change.entries)

    return decide


class Retention:
    """Erases what was kept long enough. Start it once, close it at the end.

    What goes wrong is told and tried again at the next look.
    """

    def __init__(self, parts: RetentionParts) -> None:
        self._parts = parts
        self._told_to_stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End after the pass that is under way."""
        self._told_to_stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._told_to_stop.is_set():
            told_if_it_fails(self._parts.telemetry, Event.ERASURE_FAILED, self._look)
            self._told_to_stop.wait(POLL_SECONDS)

    def _look(self) -> None:
        erase_expired(self._parts)
