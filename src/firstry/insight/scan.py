"""The read model by looking at every tenant: the definition, and small stores' way.

It asks a store for nothing but its lists, so it serves every store. What it says is
what the SQL read model has to say too; a test holds the two together.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstry.domain.evidence import EVIDENCE_READ
from firstry.domain.filter import Filter, meant
from firstry.domain.instant import parse_instant
from firstry.domain.job import Target
from firstry.domain.milestone import LastError, Milestone, State
from firstry.domain.phase import Phase, Scene, current, phase_of, wait_began_at, wait_of
from firstry.domain.plan import Fate, planned
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.insight import (
    Count,
    Failures,
    Line,
    LineQuery,
    Place,
    Rate,
    Tally,
)
from firstry.ports.store import PAGE_LIMIT, Store

RATED = ("COMPLETED", "FAILED", "DEFERRED", "MISSED", "DISCARDED")
"""The kinds of entries that rates are made of."""


_LOOKED_AT = frozenset({Phase.DUE, Phase.WAITING, Phase.RUNNING, Phase.BACKOFF, Phase.DEFERRED})


@dataclass(frozen=True, slots=True)
class ScanInsight:
    """An `Insight` over any store, in time that grows with the number of tenants."""

    store: Store

    def tenants(
        self, wanted: Filter, scene: Scene, after: CloudId | None, limit: int
    ) -> Sequence[TenantRecord]:
        found = []
        for record in self._records(after):
            if meant(wanted, record, scene) is not None:
                found.append(record)
            if len(found) == min(limit, PAGE_LIMIT):
                break
        return found

    def targets(
        self, wanted: Filter, scene: Scene, after: Target | None, limit: int
    ) -> Sequence[Target]:
        behind = _key(after) if after is not None else ("", "")
        keys = sorted(
            _key(target)
            for record in self._records(None)
            for milestone in meant(wanted, record, scene) or ()
            if _key(target := Target(record.tenant, milestone.trigger)) > behind
        )
        return [
            Target(Tenant.from_row(cloud_id), Trigger(trigger))
            for cloud_id, trigger in keys[: min(limit, PAGE_LIMIT)]
        ]

    def count(self, wanted: Filter, scene: Scene) -> Count:
        return Count(self.count_tenants(wanted, scene), self.count_targets(wanted, scene))

    def count_tenants(self, wanted: Filter, scene: Scene) -> int:
        found = (meant(wanted, record, scene) for record in self._records(None))
        return sum(milestones is not None for milestones in found)

    def count_targets(self, wanted: Filter, scene: Scene) -> int:
        return sum(len(meant(wanted, record, scene) or ()) for record in self._records(None))

    def tally(self, scene: Scene, late_since: datetime) -> Sequence[Tally]:
        groups: dict[tuple[Trigger, Phase, bool], list[Milestone]] = {}
        for record in self._records(None):
            for milestone in current(record):
                phase = phase_of(record, milestone, scene)
                is_apart = record.paused_at is not None and phase in _LOOKED_AT
                key = (milestone.trigger, phase, is_apart)
                groups.setdefault(key, []).append(milestone)
        return [_tally(*key, members, scene, late_since) for key, members in sorted(groups.items())]

    def count_outdated(self, now: datetime, policy: Policy) -> int:
        plans = (each for record in self._records(None) for each in planned(record, now, policy))
        return sum(each.fate is not Fate.STAYS for each in plans)

    def failures(self, limit: int) -> Sequence[Failures]:
        groups: dict[tuple[str, str, Trigger], list[tuple[LastError, Tenant]]] = {}
        for record in self._records(None):
            for milestone in current(record):
                error = milestone.last_error
                if error is not None and milestone.state is not State.COMPLETED:
                    key = (error.code, error.message, milestone.trigger)
                    groups.setdefault(key, []).append((error, record.tenant))
        found = [_failures(*key, members) for key, members in groups.items()]
        found.sort(key=lambda each: (-each.count, each.code, each.message, each.trigger))
        return found[: min(limit, PAGE_LIMIT)]

    def rates(self, since: datetime) -> Sequence[Rate]:
        counts = Counter(
            (Trigger(entry["detail"].get("trigger", "")), str(entry["kind"]))
            for _, entry in self._entries(None)
            if entry["kind"] in RATED and parse_instant(entry["at"]) >= since
        )
        return [Rate(*key, count) for key, count in sorted(counts.items())]

    def lines(self, query: LineQuery, before: Place | None, limit: int) -> Sequence[Line]:
        found = [line for line, entry in self._entries(query.tenant) if _is_wanted(query, entry)]
        order: Callable[[Place], Any] = _order if query.tenant is None else _sequence
        found.sort(key=lambda line: order(line.place), reverse=True)
        behind = [x for x in found if before is None or order(x.place) < order(before)]
        return behind[: min(limit, PAGE_LIMIT)]

    def to_erase(self, until: datetime, limit: int) -> Sequence[Tenant]:
        found = sorted(
            (record.uninstalled_at, record.tenant.cloud_id)
            for record in self._records(None)
            if record.uninstalled_at is not None
            and record.uninstalled_at <= until
            and (record.erasure is None or record.erasure.at < record.uninstalled_at)
        )
        return [Tenant.from_row(cloud_id) for _, cloud_id in found[: min(limit, PAGE_LIMIT)]]

    def next_due_at(self, now: datetime) -> datetime | None:
        return min(
            (
                milestone.next_due
                for record in self._records(None)
                for milestone in record.milestones
                if milestone.is_live() and milestone.next_due > now
            ),
            default=None,
        )

    def last_tick_at(self) -> datetime | None:
        ticks = (record.last_tick_at for record in self._records(None))
        return max((tick for tick in ticks if tick is not None), default=None)

    def _records(self, after: CloudId | None) -> Iterator[TenantRecord]:
        while page := self.store.tenants(after, PAGE_LIMIT):
            yield from page
            after = page[-1].tenant.cloud_id

    def _entries(self, tenant: Tenant | None) -> Iterator[tuple[Line, Mapping[str, Any]]]:
        for record in self._records(None):
            if tenant is not None and record.tenant != tenant:
                continue
            sequence = 0
            while page := self.store.entries(record.tenant, sequence, PAGE_LIMIT):
                sequence = page[-1].sequence
                for sealed in page:
                    entry = json.loads(sealed.body)
                    at = parse_instant(entry["at"])
                    place = Place(at, record.tenant.cloud_id, sealed.sequence)
                    yield Line(place, sealed.body, sealed.hash, sealed.erased_hash), entry


def _key(target: Target) -> tuple[str, str]:
    return (target.tenant.cloud_id, target.trigger or "")


def _sequence(place: Place) -> int:
    return place.sequence


def _order(place: Place) -> tuple[datetime, str, int]:
    return (place.at, place.cloud_id, place.sequence)


def _is_wanted(query: LineQuery, entry: Mapping[str, Any]) -> bool:
    if query.tenant is None and entry["kind"] == EVIDENCE_READ:
        return False
    is_kind = query.kind is None or entry["kind"] == query.kind
    return is_kind and (query.actor is None or entry["actor"] == query.actor)


def _tally(
    trigger: Trigger,
    phase: Phase,
    is_paused: bool,
    members: Sequence[Milestone],
    scene: Scene,
    late_since: datetime,
) -> Tally:
    live = members if phase in _LOOKED_AT else []
    waits = [wait_of(m) for m in live] if phase is Phase.BACKOFF else []
    return Tally(
        trigger,
        phase,
        is_paused,
        len(members),
        longest_wait=max(waits, default=None),
        over=sum(wait > scene.long_backoff for wait in waits),
        late=sum(m.due_at < late_since for m in live),
        since=min(map(wait_began_at, live)) if waits else None,
        earliest_due_at=min((m.due_at for m in live), default=None),
        earliest_next_due=min((m.next_due for m in live), default=None),
    )


def _failures(
    code: str, message: str, trigger: Trigger, members: Sequence[tuple[LastError, Tenant]]
) -> Failures:
    instants = [error.at for error, _ in members]
    example = min((tenant for _, tenant in members), key=lambda tenant: tenant.cloud_id)
    return Failures(code, message, trigger, len(members), min(instants), max(instants), example)
