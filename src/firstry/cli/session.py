"""What commands share: settings, store and service, opened late and closed surely."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from firstry.config import Settings, load, require_keys
from firstry.domain.errors import InputInvalid, NotFound
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store

if TYPE_CHECKING:
    from firstry.stores.sql.store import SqlStore
    from firstry.wiring.operators import Operators
    from firstry.wiring.service import Service


@contextmanager
def opened_store() -> Iterator[tuple[Settings, "SqlStore"]]:
    """Open the store that the settings name, migrated; close it at the end."""
    from firstry.stores.place import open_store

    settings = load()
    store = open_store(settings.database_url)
    try:
        yield settings, store
    finally:
        store.close()


@contextmanager
def opened_operators() -> Iterator["Operators"]:
    """Open what operators see and turn, by the clock of the store and the limits of alerts."""
    from firstry.stores.place import clock_for
    from firstry.wiring.operators import operators_of
    from firstry.wiring.policy import policy_of

    with opened_store() as (settings, store):
        clock = clock_for(settings.database_url, store)
        limits = (settings.alert_backoff, settings.alert_failure_rate)
        yield operators_of(store, clock, policy_of(settings), *limits)


def decided_at(settings: Settings, store: "SqlStore") -> datetime:
    """Return the one instant at which a command decides, by the clock of its store."""
    from firstry.stores.place import clock_for

    return clock_for(settings.database_url, store).now()


@contextmanager
def opened_service() -> Iterator["Service"]:
    """Open a whole service for a command that attempts; close it at the end.

    Needs the keys of the service that it stands in for: without them tokens do
    not open and reports are not signed.
    """
    from firstry.wiring.service import build_service

    settings = load()
    require_keys(settings)
    service = build_service(settings)
    try:
        yield service
    finally:
        service.close()


def known_tenant(store: Store, text: str) -> TenantRecord:
    """Return the tenant that `text` names; InputInvalid or NotFound otherwise."""
    tenant = Tenant.from_operator(text)
    record = store.read(tenant)
    if record is None:
        raise NotFound(f"there is no tenant {tenant.cloud_id}", "see `firstry tenants list`")
    return record


def known_trigger(settings: Settings, text: str) -> Trigger:
    """Return the trigger that `text` names, or raise InputInvalid."""
    names = [*(name for name, _ in settings.triggers), MANUAL]
    if text not in names:
        raise InputInvalid(f"{text!r} is no trigger", f"one of {', '.join(names)}")
    return Trigger(text)


def required_reason(text: str) -> str:
    """Return a reason that says something, or raise InputInvalid."""
    reason = text.strip()
    if not 0 < len(reason) <= 500 or not reason.isprintable():
        raise InputInvalid(
            "a reason is one line of 1 to 500 characters", 'for example --reason "support case 17"'
        )
    return reason
