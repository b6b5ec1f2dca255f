"""What a record says of its erasure: the one that was, and the one that is to come."""

from datetime import datetime, timedelta

from firstry.domain.record import TenantRecord


def is_erased(record: TenantRecord) -> bool:
    """Whether nothing has been told since the latest erasure."""
    return record.erasure is not None and record.erasure.sequence == record.head.sequence


def erase_at(record: TenantRecord, retention: timedelta | None) -> datetime | None:
    """Return when the tenant is erased by itself; None if it is not, or was already.

    `retention` counts from the uninstallation; None keeps for ever.
    """
    uninstalled_at = record.uninstalled_at
    if uninstalled_at is None or retention is None:
        return None
    if record.erasure is not None and record.erasure.at >= uninstalled_at:
        return None
    return uninstalled_at + retention
