"""The memory store: the model that every other store must equal.

Nothing here is durable. It is small enough to be read as the definition of what
a store does; the conformance suite and the simulator run against it.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from firstry.domain.due import DueQuery
from firstry.domain.errors import Defect
from firstry.domain.ledger import SealedEntry, erased_entry
from firstry.domain.milestone import Milestone
from firstry.domain.policy import MANUAL, DeferralKind
from firstry.domain.public_key import PublicKey, refuse_other
from firstry.domain.record import (
    Change,
    Decide,
    Erasure,
    SealedToken,
    StoredReport,
    TenantRecord,
)
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.store import PAGE_LIMIT, ReportHead, T, in_order
from firstry.stores.rule import refuse_faults


@dataclass(slots=True)
class _Kept:
    record: TenantRecord
    entries: list[SealedEntry] = field(default_factory=list)
    token: SealedToken | None = None


class MemoryStore:
    """A `Store` of dictionaries under one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tenants: dict[CloudId, _Kept] = {}
        self._reports: dict[str, StoredReport] = {}
        self._public_keys: dict[str, PublicKey] = {}
        self._clock_at: datetime | None = None

    def read(self, tenant: Tenant) -> TenantRecord | None:
        with self._lock:
            return self._record(tenant)

    def read_many(
        self, tenants: Sequence[Tenant], *, at_once: bool = False
    ) -> Mapping[Tenant, TenantRecord]:
        with self._lock:
            found = {tenant: self._record(tenant) for tenant in tenants}
        return {tenant: record for tenant, record in found.items() if record is not None}

    def transact(self, tenant: Tenant, now: datetime, decide: Decide[T]) -> T:
        return self.transact_many(now, {tenant: decide})[tenant]

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        with self._lock:
            befores = {tenant: self._record(tenant) for tenant in in_order(work)}
            changes = {tenant: work[tenant](before) for tenant, before in befores.items()}
            for tenant, change in changes.items():
                if change.after is not None:
                    self._refuse(befores[tenant], change.after, change)
            for change in changes.values():
                if change.after is not None:
                    self._write(change.after, change)
                    self._clock_at = max(now, self._clock_at or now)
        return {tenant: change.answer for tenant, change in changes.items()}

    def claimable(self, query: DueQuery, limit: int) -> Sequence[Tenant]:
        with self._lock:
            due = sorted(
                (milestone.next_due, cloud_id)
                for cloud_id, kept in self._tenants.items()
                if kept.record.paused_at is None
                for milestone in kept.record.milestones
                if milestone.is_eligible(query.now)
                and (_lives(kept.token, query.token_until) or _may_end(kept, milestone, query))
            )
        oldest = due[: min(limit, PAGE_LIMIT)]
        return list(dict.fromkeys(Tenant.from_row(cloud_id) for _, cloud_id in oldest))

    def next_due(self, now: datetime) -> datetime | None:
        with self._lock:
            ends = (
                milestone.next_due
                for kept in self._tenants.values()
                for milestone in kept.record.milestones
                if milestone.is_live() and milestone.next_due > now
            )
            return min(ends, default=None)

    def token(self, tenant: Tenant) -> SealedToken | None:
        with self._lock:
            kept = self._tenants.get(tenant.cloud_id)
            return kept.token if kept else None

    def tenants(self, after: CloudId | None, limit: int) -> Sequence[TenantRecord]:
        with self._lock:
            ids = sorted(c for c in self._tenants if after is None or c > after)
            records = [self._record(Tenant.from_row(c)) for c in ids[: min(limit, PAGE_LIMIT)]]
            return [record for record in records if record is not None]

    def report(self, report_id: str) -> StoredReport | None:
        with self._lock:
            return self._reports.get(report_id)

    def reports(self, tenant: Tenant | None, after: str | None, limit: int) -> Sequence[ReportHead]:
        with self._lock:
            ids = sorted(i for i in self._reports if after is None or i > after)
            kept = [self._reports[i] for i in ids]
        heads = [_head_of(r) for r in kept if tenant is None or r.tenant == tenant]
        return heads[: min(limit, PAGE_LIMIT)]

    def entries(self, tenant: Tenant, after: int, limit: int) -> Sequence[SealedEntry]:
        with self._lock:
            kept = self._tenants.get(tenant.cloud_id)
            return kept.entries[after : after + min(limit, PAGE_LIMIT)] if kept else []

    def remember(self, key: PublicKey) -> None:
        with self._lock:
            refuse_other(self._public_keys.setdefault(key.key_id, key), key)

    def public_keys(self) -> Sequence[PublicKey]:
        with self._lock:
            kept = self._public_keys.values()
            return sorted(kept, key=lambda key: (key.first_used_at, key.key_id))

    def check(self) -> datetime | None:
        return self._clock_at

    def close(self) -> None:
        return None

    def _record(self, tenant: Tenant) -> TenantRecord | None:
        kept = self._tenants.get(tenant.cloud_id)
        return replace(kept.record, store_clock_at=self._clock_at) if kept else None

    def _refuse(self, before: TenantRecord | None, after: TenantRecord, change: Change[T]) -> None:
        refuse_faults(before, after, change.entries, change.report)
        if change.report is not None and change.report.report_id in self._reports:
            raise Defect("the store refused a write: a report is written once")

    def _write(self, after: TenantRecord, change: Change[T]) -> None:
        kept = self._tenants.setdefault(after.tenant.cloud_id, _Kept(after))
        before, kept.record = kept.record, after
        kept.entries += change.entries
        if change.token is not None:
            kept.token = change.token
        elif after.token_expires_at is None:
            kept.token = None
        if change.report is not None:
            self._reports[change.report.report_id] = change.report
        if after.erasure is not None and after.erasure != before.erasure:
            self._erase(kept, after.erasure)

    def _erase(self, kept: _Kept, erasure: Erasure) -> None:
        """Take away what reports and earlier entries say, and keep that they were."""
        kept.entries = [
            erased_entry(each) if each.sequence < erasure.sequence else each
            for each in kept.entries
        ]
        for each in self._reports.values():
            if each.tenant == kept.record.tenant and each.erased_at is None:
                erased = replace(each, body=b"", envelope=b"", erased_at=erasure.at)
                self._reports[each.report_id] = erased


def _lives(token: SealedToken | None, until: datetime) -> bool:
    return token is not None and token.expires_at >= until


def _may_end(kept: _Kept, milestone: Milestone, query: DueQuery) -> bool:
    is_manual = milestone.trigger == MANUAL
    last_tick_at = kept.record.last_tick_at
    return (
        milestone.is_window_over(query.now)
        or milestone.attempts >= (query.manual_attempts if is_manual else query.max_attempts)
        or (
            milestone.deferral_kind is DeferralKind.TOKEN
            and milestone.deferrals >= query.refusals
            and last_tick_at is not None
            and last_tick_at <= query.silent_since
        )
    )


def _head_of(report: StoredReport) -> ReportHead:
    return ReportHead(
        report.report_id,
        report.tenant,
        report.trigger,
        report.revision,
        report.generated_at,
        report.digest,
        report.erased_at,
    )
