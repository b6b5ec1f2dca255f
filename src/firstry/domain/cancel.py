"""Cancel what is open for a tenant whose installation has gone.

An attempt that is running then finds its milestone no longer claimed: its
result is dropped at the settle (I5).
"""

from dataclasses import replace
from datetime import datetime

from firstry.domain.canonical import Json
from firstry.domain.instant import iso
from firstry.domain.ledger import SCHEDULER, Entry
from firstry.domain.milestone import Act, Milestone, require
from firstry.domain.policy import SILENCE, DeferralKind
from firstry.domain.record import TenantRecord

PRESUMED_UNINSTALLED = "PRESUMED_UNINSTALLED"
REFUSALS_NEEDED = 2


def cancelled(record: TenantRecord, now: datetime) -> tuple[TenantRecord, list[Entry]]:
    """Return the record with every open milestone cancelled, and an entry for each."""
    entries: list[Entry] = []
    for milestone in record.milestones:
        if not milestone.is_live():
            continue
        ended = replace(milestone, state=require(Act.CANCEL, milestone), lease_until=None)
        record = record.with_milestone(ended)
        detail: dict[str, Json] = {"trigger": ended.trigger, "revision": ended.revision}
        entries.append(Entry(Act.CANCEL.value, now, SCHEDULER, detail))
    return record, entries


def is_presumed_uninstalled(record: TenantRecord, now: datetime) -> bool:
    """Whether a long silence and a site that keeps refusing us say that the app has gone.

    The platform sends no event for an uninstallation, only a call before it that
    may be lost. One sign alone is not enough: a silent site may have a broken
    schedule, a refusing one may be new. Nothing finished is touched, a tick ends
    the silence, and an operator's reset arms what was cancelled too early.
    """
    if record.last_tick_at is None or now - record.last_tick_at < SILENCE:
        return False
    return any(_is_refused(m) for m in record.milestones if not m.is_leased(now))


def presumption_entry(record: TenantRecord, now: datetime) -> Entry:
    """Return the ledger entry that says why everything open was cancelled."""
    last_tick_at = iso(record.last_tick_at) if record.last_tick_at is not None else None
    return Entry(PRESUMED_UNINSTALLED, now, SCHEDULER, {"last_tick_at": last_tick_at})


def _is_refused(milestone: Milestone) -> bool:
    if not milestone.is_live():
        return False
    is_token = milestone.deferral_kind is DeferralKind.TOKEN
    return is_token and milestone.deferrals >= REFUSALS_NEEDED
