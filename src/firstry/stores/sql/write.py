"""The statements that write a change, or the changes of many tenants at once.

Report and marker stand before the milestone that needs them. Rows of one kind
go together, so a batch costs as many statements as a single change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from firstry.domain.milestone import Milestone, State
from firstry.domain.record import Change, SealedToken, StoredReport, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.stores.sql import erase_statement, job_statement, row, statement
from firstry.stores.sql.session import Step

Written = tuple[TenantRecord | None, Change[Any]]
"""A tenant as it was read, and the change that was decided on."""


def steps_of(written: Iterable[Written]) -> tuple[list[Step], list[Step]]:
    """Return what the changes write: first all facts, then the markers and milestones."""
    batch = _Batch()
    for before, change in written:
        if change.after is not None:
            batch.add(before, change.after, change)
    return batch.facts(), batch.ends()


def is_erasing(before: TenantRecord | None, after: TenantRecord | None) -> bool:
    """Whether going from `before` to `after` erases the tenant."""
    return after is not None and before is not None and after.erasure != before.erasure


@dataclass(slots=True)
class _Batch:
    new_tenants: list[row.Bound] = field(default_factory=list)
    tenants: list[row.Bound] = field(default_factory=list)
    heads: list[row.Bound] = field(default_factory=list)
    tokens: list[row.Bound] = field(default_factory=list)
    dropped_tokens: list[row.Values] = field(default_factory=list)
    entries: list[row.Bound] = field(default_factory=list)
    reports: list[row.Bound] = field(default_factory=list)
    new_milestones: list[row.Bound] = field(default_factory=list)
    markers: list[row.Bound] = field(default_factory=list)
    milestones: list[row.Bound] = field(default_factory=list)
    erasures: list[row.Values] = field(default_factory=list)
    done: list[row.Values] = field(default_factory=list)

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
            (job_statement.SETTLE, self.done, True),
        )

    def ends(self) -> list[Step]:
        """Return the steps that make the facts count."""
        return _steps(
            (erase_statement.ERASE_TENANT, self.erasures, True),
            (erase_statement.ERASE_REPORTS, self.erasures, False),
            (erase_statement.ERASE_ENTRIES, self.erasures, False),
            (erase_statement.ERASE_SWITCHES, self.erasures, False),
            (statement.INSERT_MARKER, self.markers, True),
            (statement.UPDATE_MILESTONE, self.milestones, True),
        )

    def add(self, before: TenantRecord | None, after: TenantRecord, change: Change[Any]) -> None:
        """Take the change of one tenant in."""
        self._add_tenant(before, after)
        self._add_token(before, after, change.token)
        self.entries += [row.entry_values(after.tenant, each) for each in change.entries]
        if change.done is not None:
            self.done.append(row.target_values(change.done.job_id, change.done.target))
        if change.report is not None:
            self.reports.append(row.report_values(change.report))
        if after.erasure is not None and is_erasing(before, after):
            self.erasures.append(row.erasure_values(after.tenant, after.erasure))
        for milestone in after.milestones:
            old = before.milestone(milestone.trigger, milestone.revision) if before else None
            if milestone is not old and milestone != old:
                self._add_milestone(after.tenant, old, milestone, change.report)

    def _add_tenant(self, before: TenantRecord | None, after: TenantRecord) -> None:
        if before is None:
            self.new_tenants.append(row.tenant_values(after))
        elif not row.is_same_but_head(before, after):
            self.tenants.append(row.tenant_changes(before, after))
        elif before.head != after.head:
            self.heads.append(row.head_changes(before, after))

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
        if old is None:
            self.new_milestones.append(row.milestone_values(tenant, new))
            return
        if new.state is State.COMPLETED and report is not None and new.completed_at is not None:
            self.markers.append(row.marker_values(report, new.completed_at))
        self.milestones.append(row.milestone_changes(tenant, old, new))


def _steps(*steps: tuple[str, Sequence[row.Values | row.Bound], bool]) -> list[Step]:
    return [Step(sql, rows, is_guarded) for sql, rows, is_guarded in steps if rows]
