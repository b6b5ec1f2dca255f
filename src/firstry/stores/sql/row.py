"""Rows to values and back. The only place that knows the columns' types."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from firstry.domain.due import DueQuery
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.domain.job import Target, TargetError
from firstry.domain.ledger import SealedEntry
from firstry.domain.milestone import Milestone
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.public_key import PublicKey
from firstry.domain.record import (
    Erasure,
    SealedToken,
    StoredReport,
    TenantRecord,
)
from firstry.domain.tenant import Tenant
from firstry.ports.store import ReportHead

Row = Mapping[str, Any]
Values = dict[str, Any]
Bound = tuple[Any, ...]
"""The values of a statement in the order in which it names them first. What is written by
the thousand is bound so: it is quicker than by name."""


def tenant_values(record: TenantRecord) -> Bound:
    """Return what INSERT_TENANT takes."""
    installation, head = record.installation, record.head
    return (
        record.tenant.cloud_id,
        to_milliseconds(installation.installed_at),
        installation.source.value,
        installation.installation_id,
        installation.app_version,
        _milliseconds(installation.reinstalled_at),
        _milliseconds(record.paused_at),
        _milliseconds(record.uninstalled_at),
        _milliseconds(record.last_tick_at),
        head.sequence,
        head.hash,
    )


def tenant_changes(before: TenantRecord, after: TenantRecord) -> Bound:
    """Return what UPDATE_TENANT takes."""
    cloud_id, *columns = tenant_values(after)
    return (*columns, cloud_id, before.head.sequence)


def head_changes(before: TenantRecord, after: TenantRecord) -> Bound:
    """Return what MOVE_HEAD takes."""
    head = after.head
    return (head.sequence, head.hash, after.tenant.cloud_id, before.head.sequence)


def is_same_but_head(before: TenantRecord, after: TenantRecord) -> bool:
    """Whether the columns of `tenant` are the same, those that move with its ledger aside."""
    return (
        before.installation,
        before.last_tick_at,
        before.paused_at,
        before.uninstalled_at,
    ) == (after.installation, after.last_tick_at, after.paused_at, after.uninstalled_at)


def milestone_values(tenant: Tenant, milestone: Milestone) -> Bound:
    """Return what INSERT_MILESTONE takes."""
    return (
        tenant.cloud_id,
        milestone.trigger,
        milestone.revision,
        to_milliseconds(milestone.installed_at),
        to_milliseconds(milestone.due_at),
        _milliseconds(milestone.completed_at) if milestone.is_imported() else None,
        *_progress(milestone),
    )


def milestone_changes(tenant: Tenant, old: Milestone, new: Milestone) -> Bound:
    """Return what UPDATE_MILESTONE takes."""
    return (
        *_progress(new),
        tenant.cloud_id,
        new.trigger,
        new.revision,
        old.state.value,
        old.fence,
    )


def _progress(milestone: Milestone) -> Bound:
    """Return the columns of `milestone` that change."""
    error, kind, act = milestone.last_error, milestone.deferral_kind, milestone.settled_as
    return (
        milestone.state.value,
        _milliseconds(milestone.window_end_at),
        to_milliseconds(milestone.next_due),
        milestone.attempts,
        milestone.starts,
        milestone.fence,
        _milliseconds(milestone.lease_until),
        None if kind is None else kind.value,
        milestone.deferrals,
        milestone.settled_fence,
        None if act is None else act.value,
        *(
            (None, None, None, None)
            if error is None
            else (error.code, error.message, to_milliseconds(error.at), error.attempt)
        ),
    )


def due_query_values(query: DueQuery) -> Values:
    """Return the bindings of a search for what is due."""
    return {
        "now": to_milliseconds(query.now),
        "token_until": to_milliseconds(query.token_until),
        "max_attempts": query.max_attempts,
        "manual_attempts": query.manual_attempts,
        "manual": MANUAL,
        "refusals": query.refusals,
        "silent_since": to_milliseconds(query.silent_since),
    }


def erasure_values(tenant: Tenant, erasure: Erasure) -> Values:
    """Return the bindings of the statements that erase a tenant."""
    return {
        "cloud_id": tenant.cloud_id,
        "erased_at": to_milliseconds(erasure.at),
        "erased_sequence": erasure.sequence,
        "nothing": b"",
        "erased": b"erased",
    }


def report_values(report: StoredReport) -> Bound:
    """Return what INSERT_REPORT takes."""
    return (
        report.report_id,
        report.tenant.cloud_id,
        report.trigger,
        report.revision,
        to_milliseconds(report.generated_at),
        report.digest,
        report.body,
        report.envelope,
    )


def marker_values(report: StoredReport, completed_at: datetime) -> Bound:
    """Return what INSERT_MARKER takes."""
    return (
        report.tenant.cloud_id,
        report.trigger,
        report.revision,
        to_milliseconds(completed_at),
        report.report_id,
        report.digest,
    )


def entry_values(tenant: Tenant, sealed: SealedEntry) -> Bound:
    """Return what INSERT_ENTRY takes.

    What an entry says of itself is what its own bytes say, so no column can say
    anything that is not under its hash.
    """
    said: Any = sealed.said or json.loads(sealed.body)
    return (
        tenant.cloud_id,
        sealed.sequence,
        sealed.body,
        sealed.hash,
        said.get("at"),
        said.get("kind"),
        said.get("actor"),
        said.get("detail", {}).get("trigger"),
    )


def target_values(job_id: str, target: Target, error: TargetError | None = None) -> Values:
    """Return the bindings that settle a job's target: as failed by `error`, else as done."""
    return {
        "job_id": job_id,
        "tenant_id": target.tenant.cloud_id,
        "trigger_name": target.trigger or "",
        "outcome": "done" if error is None else "failed",
        "code": None if error is None else error.code,
        "message": None if error is None else error.message,
    }


def report_head_from(row: Row) -> ReportHead:
    """Return a report without its body."""
    return ReportHead(
        report_id=row["report_id"],
        tenant=Tenant.from_row(row["cloud_id"]),
        trigger=Trigger(row["trigger_name"]),
        revision=row["revision"],
        generated_at=from_milliseconds(row["generated_at"]),
        digest=row["digest"],
        erased_at=_instant(row["erased_at"]),
    )


def report_from(row: Row) -> StoredReport:
    """Return a report with its body, or with nothing if that was erased."""
    head = report_head_from(row)
    return StoredReport(
        report_id=head.report_id,
        tenant=head.tenant,
        trigger=head.trigger,
        revision=head.revision,
        generated_at=head.generated_at,
        digest=head.digest,
        body=row["body"],
        envelope=row["envelope"] if head.erased_at is None else b"",
        erased_at=head.erased_at,
    )


def entry_from(row: Row) -> SealedEntry:
    """Return a ledger entry in its place."""
    return SealedEntry(row["sequence"], row["body"], row["hash"], row["erased_hash"])


def public_key_from(row: Row) -> PublicKey:
    """Return the public half of a signing key."""
    return PublicKey(row["key_id"], row["point"], from_milliseconds(row["first_used_at"]))


def public_key_values(key: PublicKey) -> Values:
    """Return the columns of `signing_key`."""
    return {
        "key_id": key.key_id,
        "point": key.point,
        "first_used_at": to_milliseconds(key.first_used_at),
    }


def token_from(row: Row) -> SealedToken:
    """Return a token, still encrypted."""
    return SealedToken(row["ciphertext"], row["key_id"], from_milliseconds(row["expires_at"]))


def token_values(tenant: Tenant, token: SealedToken) -> Bound:
    """Return what PUT_TOKEN takes."""
    return (
        tenant.cloud_id,
        token.ciphertext,
        token.key_id,
        to_milliseconds(token.expires_at),
    )


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_milliseconds(milliseconds)


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else to_milliseconds(instant)
