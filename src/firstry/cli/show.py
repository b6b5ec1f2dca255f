"""How tenants and reports look on the command line, as JSON and as text."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from unicodedata import east_asian_width

from firstry.domain.erasure import erase_at
from firstry.domain.instant import iso
from firstry.domain.milestone import Milestone, State
from firstry.domain.record import StoredReport, TenantRecord
from firstry.ports.store import ReportHead


def tenant_json(record: TenantRecord, retention: timedelta | None = None) -> dict[str, object]:
    """Return a tenant as `tenants show --json` prints it.

    `erased_at` is there where it was erased; `erase_at`, where it will be by itself,
    `retention` after its uninstallation.
    """
    document: dict[str, object] = {
        "cloud_id": record.tenant.cloud_id,
        "installed_at": _iso(record.installation.detected_at),
        "source": record.installation.source.value,
        "paused": record.paused_at is not None,
        "last_tick_at": _iso(record.last_tick_at),
        "milestones": [_milestone_json(m) for m in record.milestones],
    }
    return document | _erasure_json(record, retention)


def report_json(report: ReportHead | StoredReport) -> dict[str, object]:
    """Return a report's line as `reports list --json` prints it; `erased_at` if it was erased."""
    erased = {} if report.erased_at is None else {"erased_at": iso(report.erased_at)}
    return {
        "report_id": report.report_id,
        "cloud_id": report.tenant.cloud_id,
        "trigger": report.trigger,
        "revision": report.revision,
        "generated_at": iso(report.generated_at),
        "digest": report.digest,
    } | erased


def tenants_text(records: Sequence[TenantRecord]) -> str:
    """Return tenants as a table."""
    if not records:
        return "No tenant yet: one appears when a site installs the app, or by `tenants add`."
    rows = [
        (
            record.tenant.cloud_id,
            _iso(record.installation.detected_at) or "unknown",
            ", ".join(f"{m.trigger} {_state_text(m)}" for m in record.milestones),
        )
        for record in records
    ]
    return table(("tenant", "installed", "milestones"), rows)


def tenant_text(record: TenantRecord, retention: timedelta | None = None) -> str:
    """Return one tenant with its milestones."""
    head = (
        f"tenant      {record.tenant.cloud_id}\n"
        f"installed   {_iso(record.installation.detected_at) or 'unknown'} "
        f"({record.installation.source.value})\n"
        f"paused      {'yes' if record.paused_at else 'no'}\n"
        f"last tick   {_iso(record.last_tick_at) or 'none yet'}\n"
    )
    for name, instant in _erasure_json(record, retention).items():
        head += f"{name:<12}{instant}\n"
    rows = [
        (
            m.trigger,
            str(m.revision),
            _state_text(m),
            iso(m.due_at),
            str(m.attempts),
            m.report_id or "",
            f"{m.last_error.code}: {m.last_error.message}" if m.last_error else "",
        )
        for m in record.milestones
    ]
    columns = ("trigger", "rev", "state", "due", "attempts", "report", "last error")
    return head + "\n" + table(columns, rows)


def reports_text(reports: Sequence[ReportHead]) -> str:
    """Return reports as a table."""
    if not reports:
        return "No report yet."
    rows = [
        (
            r.report_id,
            r.tenant.cloud_id,
            f"{r.trigger} {r.revision}",
            iso(r.generated_at),
            r.digest,
            f"ERASED {iso(r.erased_at)}" if r.erased_at else "",
        )
        for r in reports
    ]
    return table(("report", "tenant", "trigger", "generated", "digest", ""), rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` under `columns`, aligned, as wide as they need, each on one line."""
    lines = [columns, *([_on_one_line(cell) for cell in row] for row in rows)]
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _on_one_line(cell: str) -> str:
    """Return a cell without what moves the cursor, as an error's text could."""
    return "".join(c if c.isprintable() else " " for c in cell) if not cell.isprintable() else cell


def _width(text: str) -> int:
    """Return how many columns of a terminal it takes; letters of East Asia take two."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _erasure_json(record: TenantRecord, retention: timedelta | None) -> dict[str, str]:
    erased_at = record.erasure.at if record.erasure is not None else None
    found = {"erased_at": erased_at, "erase_at": erase_at(record, retention)}
    return {name: iso(instant) for name, instant in found.items() if instant is not None}


def _milestone_json(milestone: Milestone) -> dict[str, object]:
    error = milestone.last_error
    return {
        "trigger": milestone.trigger,
        "revision": milestone.revision,
        "state": milestone.state.value,
        "due_at": iso(milestone.due_at),
        "attempts": milestone.attempts,
        "backoff_expires_at": _iso(wait_end(milestone)),
        "last_error": {
            "code": error.code,
            "message": error.message,
            "at": iso(error.at),
            "attempt": error.attempt,
        }
        if error
        else None,
        "report_id": milestone.report_id,
    }


def wait_end(milestone: Milestone) -> datetime | None:
    """Return until when a scheduled milestone waits after an attempt, else None."""
    is_waiting = milestone.state is State.SCHEDULED and milestone.next_due > milestone.due_at
    return milestone.next_due if is_waiting else None


def _state_text(milestone: Milestone) -> str:
    end = wait_end(milestone)
    return f"waits until {iso(end)}" if end else milestone.state.value


def _iso(instant: datetime | None) -> str | None:
    return iso(instant) if instant else None
