"""The lists that operators may take along as a table: tenants, reports, failures, entries.

A list is read in pages behind a key, each a short read of its own, so a long list
holds nothing open. Rows are judged at one instant, the scene's.
"""

import json
from collections.abc import Iterator, Sequence

from firstry.domain.canonical import Json
from firstry.domain.filter import Filter
from firstry.domain.phase import Scene
from firstry.domain.tenant import CloudId, Tenant
from firstry.insight.fingerprint import FailureGroup
from firstry.insight.shape import failure_json, line_json, report_json, tenant_json
from firstry.insight.table import Row, Table
from firstry.ports.insight import Insight, LineQuery, Place
from firstry.ports.store import Store

PAGE = 500
_OF_TENANT = ("cloud_id", "installed_at", "source", "paused", "paused_at", "uninstalled_at",
    "last_tick_at", "has_token", "erased_at", "erase_at", "switched_off")  # fmt: skip
_OF_MILESTONE = ("trigger", "revision", "state", "due_at", "window_end_at", "next_due", "attempts",
    "backoff_expires_at", "lease_until", "completed_at", "report_id")  # fmt: skip
_OF_ERROR = ("code", "message", "at", "attempt")
_OF_REPORT = ("report_id", "cloud_id", "trigger", "revision", "generated_at", "digest",
    "erased_at")  # fmt: skip
_OF_FAILURE = ("fingerprint", "code", "message", "count", "triggers", "first_at", "last_at",
    "example", "filter")  # fmt: skip
_OF_ENTRY = ("at", "cloud_id", "sequence", "kind", "actor", "detail", "entry_hash", "hash")


def tenant_table(insight: Insight, wanted: Filter, scene: Scene) -> Table:
    """Return the tenants that `wanted` means; in CSV a line for each of their milestones."""

    def pages() -> Iterator[Sequence[Row]]:
        after: CloudId | None = None
        while found := insight.tenants(wanted, scene, after, PAGE):
            yield [tenant_json(record, scene) for record in found]
            after = found[-1].tenant.cloud_id

    columns = (*_OF_TENANT, *_OF_MILESTONE, *(f"error_{name}" for name in _OF_ERROR))
    return Table("tenants", columns, _tenant_lines, pages())


def report_table(store: Store, who: Tenant | None) -> Table:
    """Return the reports of one tenant, or of all."""

    def pages() -> Iterator[Sequence[Row]]:
        after: str | None = None
        while found := store.reports(who, after, PAGE):
            yield [report_json(report) for report in found]
            after = found[-1].report_id

    return Table("reports", _OF_REPORT, lambda row: [_picked(row, _OF_REPORT)], pages())


def failure_table(groups: Sequence[FailureGroup]) -> Table:
    """Return the groups of alike failures."""
    pages = iter([[failure_json(group) for group in groups]])
    return Table("failures", _OF_FAILURE, lambda row: [_picked(row, _OF_FAILURE)], pages)


def entry_table(insight: Insight, query: LineQuery) -> Table:
    """Return ledger entries, the newest first."""

    def pages() -> Iterator[Sequence[Row]]:
        before: Place | None = None
        while found := insight.lines(query, before, PAGE):
            yield [line_json(line, json.loads(line.body)) for line in found]
            before = found[-1].place

    return Table("ledger", _OF_ENTRY, lambda row: [_picked(row, _OF_ENTRY)], pages())


def _tenant_lines(row: Row) -> Iterator[Sequence[Json]]:
    general = _picked(row, _OF_TENANT)
    milestones = row["milestones"]
    assert isinstance(milestones, list)
    for milestone in milestones or [{}]:
        error = milestone.get("last_error") or {}
        yield (*general, *_picked(milestone, _OF_MILESTONE), *_picked(error, _OF_ERROR))


def _picked(row: Row, names: Sequence[str]) -> Sequence[Json]:
    return [_plain(row.get(name)) for name in names]


def _plain(value: Json) -> Json:
    """Return a list of words as one text."""
    return " ".join(value) if isinstance(value, list) else value
