"""Record that a site installed the app: the evidence all due times come from.

The first accepted evidence wins and is never moved; whatever is said later is a
ledger entry. So a repeated delivery, a reinstall or an upgrade cannot restart
the clock or re-arm a finished trigger (contract B, P15). Only what an
uninstallation had cancelled is armed anew, as the next revision, when the site
installs again. What an earlier installation says comes late, and is a repeat: its
id is in the ledger, and neither takes the place of a later one nor revives it.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from firstry.domain.arm import armed, armed_json
from firstry.domain.canonical import Json
from firstry.domain.errors import StoreUnavailable
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR, PLATFORM, Actor, Entry, genesis
from firstry.domain.milestone import Milestone, State
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import (
    Change,
    Installation,
    InstallationSource,
    SealedToken,
    TenantRecord,
    ledgered,
)
from firstry.domain.tenant import Tenant
from firstry.domain.wake import outlives
from firstry.ports.store import PAGE_LIMIT, Store

INSTALLED = "INSTALLED"
REINSTALLED = "REINSTALLED"
UPGRADED = "UPGRADED"
EVIDENCE_REPEATED = "INSTALLATION_EVIDENCE_REPEATED"
_LOOKS = 5
"""How often the ledger is read for one event; again only if another id came in between."""


class Recorded(StrEnum):
    """What became of a piece of installation evidence."""

    INSTALLATION = "INSTALLATION_RECORDED"
    ALREADY = "ALREADY_RECORDED"
    REINSTALL = "REINSTALL_RECORDED"
    UPGRADE = "UPGRADE_RECORDED"
    IGNORED = "IGNORED"


def record_installation(
    store: Store,
    tenant: Tenant,
    evidence: Installation,
    now: datetime,
    policy: Policy,
    *,
    reason: str | None = None,
    token: SealedToken | None = None,
) -> Recorded:
    """Record `evidence` and arm every trigger, if it is the first for `tenant`.

    `reason` is an operator's; `token` came with the event and is kept if it
    lives longer than the stored one. Raises StoreUnavailable if other installations
    of the tenant are recorded again and again in between.
    """
    known: _Known | None = None

    def decide(record: TenantRecord | None) -> Change[Recorded | None]:
        if record is None or not record.is_evidenced():
            blank = record or TenantRecord(tenant, evidence, genesis(tenant))
            return _with_token(_first(blank, evidence, now, policy, reason), token)
        present = record.installation.installation_id
        if evidence.installation_id not in (None, present):
            if known is None or known.present != present:
                return Change(None)
            if evidence.installation_id in known.ids:
                return Change(Recorded.ALREADY)
        return _with_token(_later(record, evidence, now, policy), token, record)

    for _ in range(_LOOKS):
        recorded = store.transact(tenant, now, decide)
        if recorded is not None:
            return recorded
        known = _known(store, tenant)
    raise StoreUnavailable(f"tenant {tenant.cloud_id} is being installed by others at this moment")


@dataclass(frozen=True, slots=True)
class _Known:
    """Every installation id that the ledger names, at least until `present` was recorded.

    No other is added as long as `present` is the tenant's own.
    """

    present: str | None
    ids: Collection[str]


def _known(store: Store, tenant: Tenant) -> _Known:
    record = store.read(tenant)
    ids, after = set[str](), 0
    while page := store.entries(tenant, after, PAGE_LIMIT):
        for entry in page:
            said = json.loads(entry.body).get("detail", {}).get("installation_id")
            if said is not None:
                ids.add(said)
        after = page[-1].sequence
    return _Known(record.installation.installation_id if record else None, ids)


def record_upgrade(
    store: Store, tenant: Tenant, app_version: str | None, now: datetime
) -> Recorded:
    """Note a new version of the app. It is no installation evidence."""

    def decide(record: TenantRecord | None) -> Change[Recorded]:
        if record is None:
            return Change(Recorded.IGNORED)
        if record.installation.app_version == app_version:
            return Change(Recorded.UPGRADE)
        installation = replace(record.installation, app_version=app_version)
        entry = Entry(UPGRADED, now, PLATFORM, {"app_version": app_version})
        after, sealed = ledgered(replace(record, installation=installation), [entry])
        return Change(Recorded.UPGRADE, after, sealed)

    return store.transact(tenant, now, decide)


def _first(
    before: TenantRecord, evidence: Installation, now: datetime, policy: Policy, reason: str | None
) -> Change[Recorded | None]:
    """Take the evidence and arm what was never armed; what was imported as done stays done."""
    record = replace(before, installation=evidence, uninstalled_at=None)
    missing = [name for name, _ in policy.triggers if record.latest(name) is None]
    record = armed(record, missing, evidence.installed_at, policy)
    fresh = (m for m in record.milestones if m not in before.milestones)
    detail = _evidence_json(evidence) | armed_json(fresh)
    if reason is not None:
        detail["reason"] = reason
    after, sealed = ledgered(record, [Entry(INSTALLED, now, _actor_of(evidence), detail)])
    return Change(Recorded.INSTALLATION, after, sealed)


def _later(
    record: TenantRecord, evidence: Installation, now: datetime, policy: Policy
) -> Change[Recorded | None]:
    """Note evidence that is not the first: a repeat, a reinstallation, or a first id."""
    known = record.installation
    if evidence.installation_id is None or evidence.installation_id == known.installation_id:
        return Change(Recorded.ALREADY)
    is_first_id = known.installation_id is None and record.uninstalled_at is None
    installation = replace(
        known, installation_id=evidence.installation_id, app_version=evidence.app_version
    )
    after = replace(record, installation=installation)
    detail = _evidence_json(evidence)
    if record.uninstalled_at is not None or _cancelled(record, policy):
        after, revived = _revived(after, evidence.installed_at, policy)
        detail |= armed_json(revived)
    kind = EVIDENCE_REPEATED if is_first_id else REINSTALLED
    after, sealed = ledgered(after, [Entry(kind, now, _actor_of(evidence), detail)])
    return Change(Recorded.ALREADY if is_first_id else Recorded.REINSTALL, after, sealed)


def _revived(
    record: TenantRecord, installed_at: datetime, policy: Policy
) -> tuple[TenantRecord, tuple[Milestone, ...]]:
    """Arm what the uninstallation cancelled, from the new evidence; the rest stays."""
    cancelled = _cancelled(record, policy)
    installation = replace(record.installation, reinstalled_at=installed_at)
    record = replace(record, installation=installation, uninstalled_at=None)
    after = armed(record, cancelled, installed_at, policy)
    return after, tuple(m for m in after.milestones if m not in record.milestones)


def _cancelled(record: TenantRecord, policy: Policy) -> list[Trigger]:
    """Return the triggers whose latest milestone an uninstallation, told or presumed, ended."""
    return [
        trigger
        for trigger, _ in policy.triggers
        if (latest := record.latest(trigger)) is not None and latest.state is State.CANCELLED
    ]


def _with_token(
    change: Change[Recorded | None], token: SealedToken | None, record: TenantRecord | None = None
) -> Change[Recorded | None]:
    after = change.after or record
    if token is None or after is None or not outlives(token.expires_at, after):
        return change
    return replace(change, after=replace(after, token_expires_at=token.expires_at), token=token)


def _evidence_json(evidence: Installation) -> dict[str, Json]:
    named: Mapping[str, Json] = {
        "installation_id": evidence.installation_id,
        "app_version": evidence.app_version,
    }
    shown: dict[str, Json] = {
        "installed_at": iso(evidence.installed_at),
        "source": evidence.source.value,
    }
    return shown | {name: value for name, value in named.items() if value is not None}


def _actor_of(evidence: Installation) -> Actor:
    return OPERATOR if evidence.source is InstallationSource.OPERATOR else PLATFORM
