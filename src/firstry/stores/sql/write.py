"""The statements that write a change, or the changes of many tenants at once.

Report and marker stand before the milestone that needs them. Rows of one kind
go together, so a batch costs as many statements as a single change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firstry.domain.instant import to_milliseconds
from firstry.domain.milestone import Milestone, State
from firstry.domain.record import Change, SealedToken, StoredReport, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.stores.sql import row, statement
from firstry.stores.sql.session import Step

_Rows = list[row.Values]


def steps_of(
    before: Mapping[Tenant, TenantRecord], changes: Mapping[Tenant, Change[Any]]
) -> tuple[list[Step], list[Step]]:
    """Return what the changes write: first all facts, then the markers and milestones."""
    batch = _Batch()
    for tenant, change in changes.items():
        if change.after is not None:
            batch.add(before.get(tenant), change.after, change)
    return batch.facts(), batch.ends()


@dataclass(slots=True)
class _Batch:
    new_tenants: _Rows = field(default_factory=list)
    tenants: _Rows = field(default_factory=list)
    heads: _Rows = field(default_factory=list)
    tokens: _Rows = field(default_factory=list)
    dropped_tokens: _Rows = field(default_factory=list)
    entries: _Rows = field(default_factory=list)
    reports: _Rows = field(default_factory=list)
    new_milestones: _Rows = field(default_factory=list)
    markers: _Rows = field(default_factory=list)
    milestones: _Rows = field(default_factory=list)

    def facts(self) -> list[Step]:
        """Return the steps that no other row depends on being there first."""
        return _steps(
            (statement.INSERT_TENANT, self.new_tenants, True),
            (statement.UPDATE_TENANT, self.tenants, True),
            (statement.MOVE_HEAD, self.heads, True),
            (statement.PUT_TOKEN, self.tokens, True),
            (statement.DELETE_TOKEN, self.dropped_tokens, False),
            (statement.INSERT_ENTRY, self.entries, True),
            (statement.INSERT_MILESTONE, self.new_milestones, True),
            (statement.INSERT_REPORT, self.reports, True),
        )

    def ends(self) -> list[Step]:
        """Return the steps that make the facts count."""
        return _steps(
            (statement.INSERT_MARKER, self.markers, True),
            (statement.UPDATE_MILESTONE, self.milestones, True),
        )

    def add(self, before: TenantRecord | None, after: TenantRecord, change: Change[Any]) -> None:
        """Take the change of one tenant in."""
        self._add_tenant(before, after)
        self._add_token(before, after, change.token)
        self.entries += [row.entry_values(after.tenant, each) for each in change.entries]
        if change.report is not None:
            self.reports.append(row.report_values(change.report))
        for milestone in after.milestones:
            old = before.milestone(*milestone.key) if before else None
            if milestone != old:
                self._add_milestone(after.tenant, old, milestone, change.report)

    def _add_tenant(self, before: TenantRecord | None, after: TenantRecord) -> None:
        if before is None:
            self.new_tenants.append(row.tenant_values(after))
            return
        expected = {"expected_sequence": before.head.sequence}
        if not row.is_same_but_head(before, after):
            self.tenants.append(row.tenant_values(after) | expected)
        elif before.head != after.head:
            self.heads.append(row.head_values(after) | expected)

    def _add_token(
        self, before: TenantRecord | None, after: TenantRecord, token: SealedToken | None
    ) -> None:
        if token is not None:
            self.tokens.append(row.token_values(after.tenant, token))
        elif before is not None and before.token_expires_at and after.token_expires_at is None:
            self.dropped_tokens.append({"cloud_id": after.tenant.cloud_id})

    def _add_milestone(
        self, tenant: Tenant, old: Milestone | None, new: Milestone, report: StoredReport | None
    ) -> None:
        values = row.milestone_values(tenant, new)
        if old is None:
            self.new_milestones.append(values)
            return
        if new.state is State.COMPLETED and report is not None and new.completed_at is not None:
            completed_at = to_milliseconds(new.completed_at)
            self.markers.append(row.report_values(report) | {"completed_at": completed_at})
        expected = {"expected_state": old.state.value, "expected_fence": old.fence}
        self.milestones.append(values | expected)


def _steps(*steps: tuple[str, _Rows, bool]) -> list[Step]:
    return [Step(sql, rows, is_guarded) for sql, rows, is_guarded in steps if rows]
