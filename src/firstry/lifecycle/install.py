"""Record that a site installed the app: the evidence all due times come from.

The first accepted evidence wins and is never moved; whatever is said later is a
ledger entry. So a repeated delivery, a reinstall or an upgrade cannot restart
the clock or re-arm a trigger (contract B, P15).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from firstry.domain.canonical import Json
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR, PLATFORM, Actor, Entry, genesis
from firstry.domain.milestone import Milestone, State
from firstry.domain.policy import Policy
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
from firstry.ports.store import Store

INSTALLED = "INSTALLED"
REINSTALLED = "REINSTALLED"
UPGRADED = "UPGRADED"
EVIDENCE_REPEATED = "INSTALLATION_EVIDENCE_REPEATED"


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
    lives longer than the stored one.
    """

    def decide(record: TenantRecord | None) -> Change[Recorded]:
        if record is None:
            return _with_token(_armed(tenant, evidence, now, policy, reason), token)
        return _with_token(_repeated(record, evidence, now), token, record)

    return store.transact(tenant, now, decide)


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


def _armed(
    tenant: Tenant, evidence: Installation, now: datetime, policy: Policy, reason: str | None
) -> Change[Recorded]:
    record = TenantRecord(tenant, evidence, genesis(tenant))
    for trigger, age in policy.triggers:
        due_at = evidence.installed_at + age
        record = record.with_milestone(
            Milestone(
                trigger=trigger,
                revision=1,
                state=State.SCHEDULED,
                due_at=due_at,
                window_end_at=policy.window_end(trigger, evidence.installed_at),
                next_due=due_at,
            )
        )
    detail = _evidence_json(evidence) | {
        "armed": [
            {"trigger": m.trigger, "revision": m.revision, "due_at": iso(m.due_at)}
            for m in record.milestones
        ]
    }
    if reason is not None:
        detail["reason"] = reason
    after, sealed = ledgered(record, [Entry(INSTALLED, now, _actor_of(evidence), detail)])
    return Change(Recorded.INSTALLATION, after, sealed)


def _repeated(record: TenantRecord, evidence: Installation, now: datetime) -> Change[Recorded]:
    known = record.installation
    if evidence.installation_id is None or evidence.installation_id == known.installation_id:
        return Change(Recorded.ALREADY)
    is_first_id = known.installation_id is None
    kind = EVIDENCE_REPEATED if is_first_id else REINSTALLED
    installation = replace(
        known, installation_id=evidence.installation_id, app_version=evidence.app_version
    )
    entry = Entry(kind, now, _actor_of(evidence), _evidence_json(evidence))
    after, sealed = ledgered(replace(record, installation=installation), [entry])
    return Change(Recorded.ALREADY if is_first_id else Recorded.REINSTALL, after, sealed)


def _with_token(
    change: Change[Recorded], token: SealedToken | None, record: TenantRecord | None = None
) -> Change[Recorded]:
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
