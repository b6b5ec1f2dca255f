"""How everything that operators see looks as JSON: the same for API, console and CLI."""

from collections.abc import Sequence
from datetime import datetime

from firstry.domain.access import ApiToken
from firstry.domain.canonical import Json, digest_of
from firstry.domain.erasure import erase_at
from firstry.domain.flag import Switch
from firstry.domain.instant import iso
from firstry.domain.job import Job, TargetError
from firstry.domain.milestone import Milestone
from firstry.domain.phase import Phase, Scene, phase_of
from firstry.domain.record import TenantRecord
from firstry.insight.concern import Concern
from firstry.insight.fingerprint import FailureGroup
from firstry.insight.overview import Overview
from firstry.insight.timeline import Moment
from firstry.ports.insight import Line, Tally
from firstry.ports.store import ReportHead

Object = dict[str, Json]


def tenant_json(record: TenantRecord, scene: Scene) -> Object:
    """Return a tenant with all its milestones, and where each stands now."""
    return {
        "cloud_id": record.tenant.cloud_id,
        "installed_at": _iso(record.installation.detected_at),
        "source": record.installation.source.value,
        "paused": record.paused_at is not None,
        "paused_at": _iso(record.paused_at),
        "uninstalled_at": _iso(record.uninstalled_at),
        "last_tick_at": _iso(record.last_tick_at),
        "has_token": (record.token_expires_at or scene.now) > scene.now,
        "erased_at": _iso(record.erasure.at) if record.erasure is not None else None,
        "erase_at": _iso(erase_at(record, scene.retention)),
        "switched_off": sorted(record.switched_off),
        "milestones": [milestone_json(record, m, scene) for m in record.milestones],
    }


def milestone_json(record: TenantRecord, milestone: Milestone, scene: Scene) -> Object:
    """Return one milestone. `backoff_expires_at` is given while it waits after an attempt."""
    error = milestone.last_error
    phase = phase_of(record, milestone, scene)
    is_waiting = phase in (Phase.BACKOFF, Phase.DEFERRED)
    return {
        "trigger": milestone.trigger,
        "revision": milestone.revision,
        "state": phase.value,
        "due_at": iso(milestone.due_at),
        "window_end_at": _iso(milestone.window_end_at),
        "next_due": iso(milestone.next_due) if milestone.is_live() else None,
        "attempts": milestone.attempts,
        "backoff_expires_at": iso(milestone.next_due) if is_waiting else None,
        "lease_until": _iso(milestone.lease_until),
        "last_error": None
        if error is None
        else {
            "code": error.code,
            "message": error.message,
            "at": iso(error.at),
            "attempt": error.attempt,
        },
        "completed_at": _iso(milestone.completed_at),
        "report_id": milestone.report_id,
    }


def report_json(report: ReportHead) -> Object:
    """Return a report without its body."""
    return {
        "report_id": report.report_id,
        "cloud_id": report.tenant.cloud_id,
        "trigger": report.trigger,
        "revision": report.revision,
        "generated_at": iso(report.generated_at),
        "digest": report.digest,
        "erased_at": _iso(report.erased_at),
    }


def failure_json(group: FailureGroup) -> Object:
    """Return a group of alike failures."""
    return {
        "fingerprint": group.fingerprint,
        "code": group.code,
        "message": group.message,
        "count": group.count,
        "triggers": list(group.triggers),
        "first_at": iso(group.first_at),
        "last_at": iso(group.last_at),
        "example": group.example.cloud_id,
        "filter": group.filter_text,
    }


def concern_json(concern: Concern) -> Object:
    """Return one thing that needs attention."""
    return {
        "code": concern.code.value,
        "what": concern.what,
        "why": concern.why,
        "remedy": concern.remedy,
        "count": concern.count,
        "since": _iso(concern.since),
        "filter": concern.filter_text,
        "act": concern.act,
    }


def tally_json(tally: Tally) -> Object:
    """Return how many milestones of a trigger are in one phase."""
    return {
        "trigger": tally.trigger,
        "state": tally.phase.value,
        "paused": tally.is_paused,
        "count": tally.count,
        "late": tally.late,
    }


def overview_json(seen: Overview, attention: Sequence[Concern]) -> Object:
    """Return what stands over all tenants."""
    return {
        "at": iso(seen.at),
        "attention": [concern_json(each) for each in attention],
        "tally": [tally_json(each) for each in seen.tally],
        "attempts": {span: dict(seen.attempts(span)) for span in seen.rates},
        "lag_seconds": int(seen.lag().total_seconds()),
        "next_due": _iso(seen.next_due_at),
        "last_tick_at": _iso(seen.last_tick_at),
    }


def line_json(line: Line, entry: Object) -> Object:
    """Return one ledger entry; `cloud_id` is null for an entry of the service's own ledger."""
    return {
        "cloud_id": line.place.cloud_id or None,
        "sequence": line.place.sequence,
        "kind": entry["kind"],
        "at": entry["at"],
        "actor": entry["actor"],
        "detail": entry["detail"],
        "entry_hash": line.erased_hash or digest_of(line.body),
        "hash": line.hash,
    }


def moment_json(moment: Moment) -> Object:
    """Return one moment of a tenant's timeline."""
    return {
        "at": iso(moment.at),
        "sequence": moment.sequence,
        "kind": moment.kind,
        "actor": moment.actor,
        "trigger": moment.trigger or None,
        "sentence": moment.sentence,
    }


def switch_json(switch: Switch) -> Object:
    """Return how a switch stands; `cloud_id` is null for everybody's."""
    return {
        "name": switch.flag,
        "cloud_id": switch.tenant.cloud_id if switch.tenant else None,
        "state": "on" if switch.is_on else "off",
        "changed_at": _iso(switch.changed_at),
        "actor": switch.actor,
        "reason": switch.reason,
    }


def job_json(job: Job, errors: Sequence[TargetError] = ()) -> Object:
    """Return a bulk job and the first of its errors."""
    return {
        "job_id": job.job_id,
        "act": job.act.value,
        "filter": job.filter_text,
        "reason": job.reason,
        "actor": job.actor,
        "state": job.state.value,
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "created_at": iso(job.created_at),
        "ended_at": _iso(job.ended_at),
        "errors": [
            {
                "cloud_id": each.target.tenant.cloud_id,
                "trigger": each.target.trigger,
                "code": each.code,
                "message": each.message,
            }
            for each in errors
        ],
    }


def token_json(token: ApiToken) -> Object:
    """Return a token without its secret, which nobody has but its owner."""
    return {
        "token_id": token.token_id,
        "name": token.name,
        "role": token.role.value,
        "created_at": iso(token.created_at),
        "expires_at": _iso(token.expires_at),
        "revoked_at": _iso(token.revoked_at),
        "last_used_at": _iso(token.last_used_at),
    }


def _iso(instant: datetime | None) -> str | None:
    return iso(instant) if instant is not None else None
