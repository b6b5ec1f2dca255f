"""Rows to values and back. The only place that knows the columns' types."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from firstry.domain.due import DueQuery
from firstry.domain.errors import Defect
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.domain.ledger import Head, SealedEntry
from firstry.domain.milestone import Act, LastError, Milestone, State
from firstry.domain.policy import MANUAL, DeferralKind, Trigger
from firstry.domain.public_key import PublicKey
from firstry.domain.record import (
    Installation,
    InstallationSource,
    SealedToken,
    StoredReport,
    TenantRecord,
)
from firstry.domain.tenant import Tenant
from firstry.ports.store import ReportHead

Row = Mapping[str, Any]
Values = dict[str, Any]


def records_from(rows: Iterable[Row]) -> list[TenantRecord]:
    """Return one record for each run of rows with the same cloud_id.

    A row that does not read as what it was written from raises Defect: it is
    never taken for "nothing there" (P2).
    """
    try:
        return [_record(list(run)) for _, run in groupby(rows, key=lambda row: row["cloud_id"])]
    except (ValueError, TypeError, OverflowError) as error:
        raise Defect(f"a stored row cannot be read ({type(error).__name__})") from error


def tenant_values(record: TenantRecord) -> Values:
    """Return the columns of `tenant`."""
    installation = record.installation
    return {
        "cloud_id": record.tenant.cloud_id,
        "installed_at": to_milliseconds(installation.installed_at),
        "source": installation.source.value,
        "installation_id": installation.installation_id,
        "app_version": installation.app_version,
        "reinstalled_at": _milliseconds(installation.reinstalled_at),
        "paused_at": _milliseconds(record.paused_at),
        "uninstalled_at": _milliseconds(record.uninstalled_at),
        "last_tick_at": _milliseconds(record.last_tick_at),
        "head_sequence": record.head.sequence,
        "head_hash": record.head.hash,
    }


def head_values(record: TenantRecord) -> Values:
    """Return the columns of `tenant` that move with its ledger."""
    return {
        "cloud_id": record.tenant.cloud_id,
        "head_sequence": record.head.sequence,
        "head_hash": record.head.hash,
    }


def is_same_but_head(before: TenantRecord, after: TenantRecord) -> bool:
    """Whether the columns of `tenant` are the same, those of `head_values` left aside."""
    return (
        before.installation == after.installation
        and before.last_tick_at == after.last_tick_at
        and before.paused_at == after.paused_at
        and before.uninstalled_at == after.uninstalled_at
    )


def milestone_values(tenant: Tenant, milestone: Milestone) -> Values:
    """Return the columns of `milestone`."""
    error = milestone.last_error
    return {
        "cloud_id": tenant.cloud_id,
        "trigger_name": milestone.trigger,
        "revision": milestone.revision,
        "state": milestone.state.value,
        "installed_at": to_milliseconds(milestone.installed_at),
        "due_at": to_milliseconds(milestone.due_at),
        "window_end_at": _milliseconds(milestone.window_end_at),
        "next_due": to_milliseconds(milestone.next_due),
        "attempts": milestone.attempts,
        "starts": milestone.starts,
        "fence": milestone.fence,
        "lease_until": _milliseconds(milestone.lease_until),
        "deferral_kind": milestone.deferral_kind.value if milestone.deferral_kind else None,
        "deferrals": milestone.deferrals,
        "settled_fence": milestone.settled_fence,
        "settled_as": milestone.settled_as.value if milestone.settled_as else None,
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
        "error_at": to_milliseconds(error.at) if error else None,
        "error_attempt": error.attempt if error else None,
        "imported_at": _milliseconds(milestone.completed_at) if milestone.is_imported() else None,
    }


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


def report_values(report: StoredReport) -> Values:
    """Return the columns of `report`."""
    return {
        "report_id": report.report_id,
        "cloud_id": report.tenant.cloud_id,
        "trigger_name": report.trigger,
        "revision": report.revision,
        "generated_at": to_milliseconds(report.generated_at),
        "digest": report.digest,
        "body": report.body,
        "envelope": report.envelope,
    }


def entry_values(tenant: Tenant, sealed: SealedEntry) -> Values:
    """Return the columns of `ledger`.

    What an entry says of itself is read from its own bytes, so no column can say
    anything that is not under its hash.
    """
    said = json.loads(sealed.body)
    return {
        "cloud_id": tenant.cloud_id,
        "sequence": sealed.sequence,
        "body": sealed.body,
        "hash": sealed.hash,
        "entry_at": said.get("at"),
        "entry_kind": said.get("kind"),
        "entry_actor": said.get("actor"),
        "entry_trigger": said.get("detail", {}).get("trigger"),
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
    )


def report_from(row: Row) -> StoredReport:
    """Return a report with its body."""
    head = report_head_from(row)
    return StoredReport(
        report_id=head.report_id,
        tenant=head.tenant,
        trigger=head.trigger,
        revision=head.revision,
        generated_at=head.generated_at,
        digest=head.digest,
        body=row["body"],
        envelope=row["envelope"],
    )


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


def token_values(tenant: Tenant, token: SealedToken) -> Values:
    """Return the columns of `token`."""
    return {
        "cloud_id": tenant.cloud_id,
        "ciphertext": token.ciphertext,
        "key_id": token.key_id,
        "expires_at": to_milliseconds(token.expires_at),
    }


def _record(rows: list[Row]) -> TenantRecord:
    first = rows[0]
    return TenantRecord(
        tenant=Tenant.from_row(first["cloud_id"]),
        installation=Installation(
            installed_at=from_milliseconds(first["installed_at"]),
            source=InstallationSource(first["source"]),
            installation_id=first["installation_id"],
            app_version=first["app_version"],
            reinstalled_at=_instant(first["reinstalled_at"]),
        ),
        head=Head(first["head_sequence"], first["head_hash"]),
        milestones=tuple(_milestone(row) for row in rows if row["trigger_name"] is not None),
        paused_at=_instant(first["paused_at"]),
        uninstalled_at=_instant(first["uninstalled_at"]),
        last_tick_at=_instant(first["last_tick_at"]),
        token_expires_at=_instant(first["token_expires_at"]),
        store_clock_at=_instant(first["store_clock_at"] or None),
        switched_off=frozenset((first["switched_off"] or "").split()),
    )


def _milestone(row: Row) -> Milestone:
    return Milestone(
        trigger=Trigger(row["trigger_name"]),
        revision=row["revision"],
        state=State(row["state"]),
        installed_at=from_milliseconds(row["evidence_at"]),
        due_at=from_milliseconds(row["due_at"]),
        window_end_at=_instant(row["window_end_at"]),
        next_due=from_milliseconds(row["next_due"]),
        attempts=row["attempts"],
        starts=row["starts"],
        fence=row["fence"],
        lease_until=_instant(row["lease_until"]),
        deferral_kind=DeferralKind(row["deferral_kind"]) if row["deferral_kind"] else None,
        deferrals=row["deferrals"],
        settled_fence=row["settled_fence"],
        settled_as=Act(row["settled_as"]) if row["settled_as"] else None,
        last_error=_error(row),
        completed_at=_instant(row["completed_at"]),
        report_id=row["report_id"],
    )


def _error(row: Row) -> LastError | None:
    if row["error_code"] is None:
        return None
    return LastError(
        row["error_code"],
        row["error_message"],
        from_milliseconds(row["error_at"]),
        row["error_attempt"],
    )


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_milliseconds(milliseconds)


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else to_milliseconds(instant)
