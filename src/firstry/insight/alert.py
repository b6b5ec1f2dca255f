"""Which alerts there are, which of them fire, and what is said of one.

Pure. An alert fires as long as its concern stands in the attention list, so console,
metrics and messages say the same thing at the same minute. It is told on the edge,
again after `AGAIN_AFTER`, and once more when it is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from firstry.domain.canonical import Json, canonical_bytes
from firstry.domain.display import counted
from firstry.domain.instant import iso
from firstry.insight.concern import Code, Concern, concerns
from firstry.insight.overview import Overview
from firstry.insight.patrol import LedgerPatrol
from firstry.ports.alert import AlertRecord

AGAIN_AFTER = timedelta(hours=4)
RETRY_WAITS = tuple(timedelta(seconds=s) for s in (10, 30, 60, 300, 900))
"""Waits after a message was not taken; the last one repeats."""
LONGEST_TEXT = 1000


class AlertName(StrEnum):
    """Every alert there is. docs/operations.md has a runbook entry for each."""

    CLOCK_BEHIND = "CLOCK_BEHIND"
    LEDGER_BROKEN = "LEDGER_BROKEN"
    SCHEDULER_STALLED = "SCHEDULER_STALLED"
    FAILURE_RATE = "FAILURE_RATE"
    BACKOFF_LONG = "BACKOFF_LONG"
    MILESTONES_DISCARDED = "MILESTONES_DISCARDED"
    MILESTONES_MISSED = "MILESTONES_MISSED"
    REPORTS_LATE = "REPORTS_LATE"
    VAULT_DRY = "VAULT_DRY"

    @property
    def severity(self) -> str:
        """`critical` where nothing or nothing true is made, else `warning`."""
        return "critical" if self in _CRITICAL else "warning"

    @property
    def runbook(self) -> str:
        """Where it is told what to do."""
        return f"docs/operations.md#{self.value.lower()}"


_CRITICAL = frozenset(
    {AlertName.CLOCK_BEHIND, AlertName.LEDGER_BROKEN, AlertName.SCHEDULER_STALLED}
)


@dataclass(frozen=True, slots=True)
class Firing:
    """What is wrong now: the words of the attention list."""

    what: str
    why: str
    remedy: str
    count: int
    since: datetime | None = None
    filter_text: str | None = None


def firing(seen: Overview, patrol: LedgerPatrol) -> Mapping[AlertName, Firing]:
    """Return the alerts that fire at this overview, and by what the patrol has found."""
    names = {name.value: name for name in AlertName}
    found = {
        names[each.code.value]: _firing_of(each)
        for each in concerns(seen)
        if each.code.value in names
    }
    if patrol.broken:
        found[AlertName.LEDGER_BROKEN] = _broken(patrol.broken, patrol.is_service_broken)
    return found


def is_open(before: AlertRecord | None, name: AlertName, patrol: LedgerPatrol) -> bool:
    """Whether nobody can say yet that an alert that fired is over.

    What the patrol has met is known to its process alone, until it ends.
    """
    if name is not AlertName.LEDGER_BROKEN or before is None or not before.is_firing:
        return False
    return not patrol.broken and not patrol.is_sound_since(before.since)


def _broken(count: int, is_service_among: bool) -> Firing:
    if not is_service_among:
        what, which = counted(count, "ledger of a tenant is", "ledgers of tenants are"), "ID"
    elif count == 1:
        what, which = "the service's own ledger is", "--service"
    else:
        others = counted(count - 1, "ledger of a tenant", "ledgers of tenants")
        what, which = f"the service's own ledger and {others} are", "--service, or with ID,"
    return Firing(
        f"{what} broken",
        "an entry or its hash is not what was written, or entries are missing",
        f"firstry evidence verify {which} names the entry; restore the database from a backup",
        count,
    )


def _firing_of(concern: Concern) -> Firing:
    return Firing(
        concern.what,
        concern.why,
        concern.remedy,
        concern.count,
        concern.since,
        concern.filter_text,
    )


def told(
    before: AlertRecord | None,
    name: AlertName,
    found: Firing | None,
    now: datetime,
    public_url: str | None,
) -> AlertRecord | None:
    """Return the record with a new message, or None if there is nothing to say now."""
    if before is None or not before.is_firing:
        if found is None:
            return None
        return _record(before, name, "firing", found, now, now, public_url)
    if found is None:
        return _record(before, name, "resolved", None, before.since, now, public_url)
    if not timedelta() <= now - before.told_at < AGAIN_AFTER:
        return _record(before, name, "again", found, before.since, now, public_url)
    return None


def is_waiting(record: AlertRecord, now: datetime) -> bool:
    """Whether the next try lies ahead. A clock that was set back keeps none waiting."""
    return timedelta() < record.next_try_at - now <= RETRY_WAITS[-1]


def tried(before: AlertRecord, now: datetime) -> AlertRecord:
    """Return the record of a message whose delivery begins now."""
    wait = RETRY_WAITS[min(before.tries, len(RETRY_WAITS) - 1)]
    return replace(before, tries=before.tries + 1, next_try_at=now + wait)


def delivered(before: AlertRecord, now: datetime) -> AlertRecord:
    """Return the record of a message that was taken."""
    return replace(before, body=None, delivered_at=now)


def key_of(record: AlertRecord) -> str:
    """Return what is the same for each try of one message, and for no other message."""
    return f"{record.name}-{record.sequence}-{iso(record.told_at)}"


def _record(
    before: AlertRecord | None,
    name: AlertName,
    state: str,
    found: Firing | None,
    since: datetime,
    now: datetime,
    public_url: str | None,
) -> AlertRecord:
    sequence = before.sequence + 1 if before is not None else 1
    bare = AlertRecord(name.value, sequence, found is not None, since, now, None, 0, now)
    body = _message(bare, name, state, found, public_url)
    return replace(bare, body=canonical_bytes(body).decode())


def _message(
    record: AlertRecord,
    name: AlertName,
    state: str,
    found: Firing | None,
    public_url: str | None,
) -> dict[str, Json]:
    link = _link(found, public_url)
    if found is None:
        sentence = f"{name.value} is over, since {iso(record.told_at)}"
    else:
        sentence = f"{found.what}: {found.why}. {found.remedy}"
    places = [each for each in (link, f"runbook: {name.runbook}") if each]
    return {
        "key": key_of(record),
        "alert": name.value,
        "state": state,
        "severity": name.severity,
        "at": iso(record.told_at),
        "since": iso(found.since if found is not None and found.since else record.since),
        "count": found.count if found is not None else 0,
        "text": " · ".join([f"[firstry {state}] {sentence}"[:LONGEST_TEXT], *places]),
        "remedy": found.remedy if found is not None else None,
        "filter": found.filter_text if found is not None else None,
        "link": link,
        "runbook": name.runbook,
    }


def _link(found: Firing | None, public_url: str | None) -> str | None:
    """Return where the tenants that it is about are listed."""
    if public_url is None:
        return None
    asked = found.filter_text if found is not None else None
    return f"{public_url}/console/tenants" + (f"?filter={quote(asked)}" if asked else "")


assert {code.value for code in Code} >= {n.value for n in AlertName} - {"LEDGER_BROKEN"}
