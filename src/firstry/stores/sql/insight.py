"""The operators' read model over SQL; `firstry.insight.scan` defines what it says."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from firstry.domain.filter import Filter
from firstry.domain.instant import from_milliseconds, iso, parse_instant, to_milliseconds
from firstry.domain.job import Target
from firstry.domain.ledger import PLATFORM, SCHEDULER, Head
from firstry.domain.phase import Phase, Scene
from firstry.domain.policy import Trigger
from firstry.domain.record import TenantRecord
from firstry.domain.service_ledger import service_genesis
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.insight import Failures, Line, LineQuery, Place, Rate, Tally
from firstry.ports.store import PAGE_LIMIT
from firstry.stores.sql import insight_statement as statement
from firstry.stores.sql.filter_statement import (
    Selection,
    begins_at_milestones,
    scene_values,
    selection,
)
from firstry.stores.sql.row import records_from
from firstry.stores.sql.session import Database, Row, Values

MILLISECOND = timedelta(milliseconds=1)
_LAST = Place(datetime(9999, 12, 31, tzinfo=UTC), "~", 2**62)
"""A place that no entry has: all entries lie before it."""


class SqlInsight:
    """An `Insight` over the tables of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tenants(
        self, wanted: Filter, scene: Scene, after: CloudId | None, limit: int
    ) -> Sequence[TenantRecord]:
        is_by_milestone = begins_at_milestones(wanted)
        behind = statement.BEHIND_MILESTONE if is_by_milestone else statement.BEHIND_TENANT
        chosen = _selected(wanted, scene, behind, of_milestones=False)
        values = {"after": after or "", "limit": min(limit, PAGE_LIMIT)}
        sql = statement.page_of_tenants(chosen, is_by_milestone=is_by_milestone)
        found = self._rows(sql, {**chosen.values, **values})
        return records_from(found)

    def targets(
        self, wanted: Filter, scene: Scene, after: Target | None, limit: int
    ) -> Sequence[Target]:
        chosen = _selected(wanted, scene, statement.BEHIND_TARGET, of_milestones=True)
        values = {
            "after": after.tenant.cloud_id if after else "",
            "after_trigger": (after.trigger or "") if after else "",
            "limit": min(limit, PAGE_LIMIT),
        }
        found = self._rows(statement.page_of_targets(chosen), {**chosen.values, **values})
        return [
            Target(Tenant.from_row(each["cloud_id"]), Trigger(each["trigger_name"]))
            for each in found
        ]

    def count_tenants(self, wanted: Filter, scene: Scene) -> int:
        chosen = _selected(wanted, scene, statement.ALL, of_milestones=False)
        is_by_milestone = bool(wanted.of_milestones())
        sql = statement.count_of_tenants(chosen, is_by_milestone=is_by_milestone)
        return int(self._rows(sql, chosen.values)[0]["n"])

    def count_targets(self, wanted: Filter, scene: Scene) -> int:
        chosen = _selected(wanted, scene, statement.ALL, of_milestones=True)
        return int(self._rows(statement.count_of_targets(chosen), chosen.values)[0]["n"])

    def tally(self, scene: Scene, late_since: datetime) -> Sequence[Tally]:
        values = scene_values(scene) | {
            "long": scene.long_backoff // MILLISECOND,
            "late_since": to_milliseconds(late_since),
        }
        opened = [_tally_from(row) for row in self._rows(statement.TALLY_OPEN, values)]
        scheduled = Counter(self._counts(statement.TALLY_LIVE))
        for each in opened:
            scheduled[each.trigger] -= each.count
        found = [
            *opened,
            *(
                Tally(Trigger(name), Phase.SCHEDULED, False, count)
                for name, count in scheduled.items()
                if count > 0
            ),
            *self._ended(),
        ]
        return sorted(found, key=lambda each: (each.trigger, each.phase, each.is_paused))

    def failures(self, limit: int) -> Sequence[Failures]:
        found = self._rows(statement.FAILURES, {"limit": min(limit, PAGE_LIMIT)})
        return [_failures_from(row) for row in found]

    def rates(self, since: datetime) -> Sequence[Rate]:
        found = self._rows(statement.RATES, {"since": iso(since)})
        return [Rate(Trigger(r["entry_trigger"]), r["entry_kind"], r["n"]) for r in found]

    def lines(self, query: LineQuery, before: Place | None, limit: int) -> Sequence[Line]:
        place, most = before or _LAST, min(limit, PAGE_LIMIT)
        values = {
            "tenant": query.tenant.cloud_id if query.tenant else None,
            "at": iso(place.at),
            "cloud_id": place.cloud_id,
            "sequence": place.sequence,
            "kind": query.kind,
            "actor": query.actor,
            "limit": most,
        }
        if query.tenant is not None:
            found = self._database.read((query.tenant,), statement.TENANT_LINES, values)
            return [_line_from(row) for row in found]
        found = self._rows(_lines_statement(query), values)
        found += self._database.read((), statement.SERVICE_LINES, values)
        lines = [_line_from(row) for row in found]
        lines.sort(key=lambda each: (each.place.at, each.place.cloud_id, each.place.sequence))
        return lines[::-1][:most]

    def next_due_at(self, now: datetime) -> datetime | None:
        found = self._rows(statement.NEXT_DUE, {"now": to_milliseconds(now)})[0]["next_due"]
        return from_milliseconds(found) if found is not None else None

    def last_tick_at(self) -> datetime | None:
        found = self._rows(statement.LAST_TICK, {})[0]["last_tick_at"]
        return from_milliseconds(found) if found is not None else None

    def service_head(self) -> Head:
        found = self._database.read((), statement.SERVICE_HEAD, {})
        return Head(found[0]["sequence"], found[0]["hash"]) if found else service_genesis()

    def _ended(self) -> list[Tally]:
        """Count the finished milestones, without those that a later revision took over from."""
        counts: Counter[tuple[str, str]] = Counter()
        for each in self._rows(statement.TALLY_ENDED, {}):
            counts[each["trigger_name"], each["state"]] += each["n"]
        for each in self._rows(statement.TALLY_SUPERSEDED, {}):
            counts[each["trigger_name"], each["state"]] -= each["n"]
        return [
            Tally(Trigger(name), Phase(state), False, count)
            for (name, state), count in counts.items()
            if count > 0
        ]

    def _counts(self, sql: str) -> dict[str, int]:
        return {row["trigger_name"]: row["n"] for row in self._rows(sql, {})}

    def _rows(self, sql: str, values: Values) -> list[Row]:
        return self._database.read(None, sql, values, is_planned_anew=True)


def _lines_statement(query: LineQuery) -> str:
    """Return the statement whose index begins at the rarest of what is asked for."""
    if query.actor is not None and query.actor not in (SCHEDULER, PLATFORM):
        return statement.LINES_OF_PERSON
    return statement.LINES_OF_KIND if query.kind is not None else statement.RECENT_LINES


def _selected(wanted: Filter, scene: Scene, behind: str, *, of_milestones: bool) -> Selection:
    return selection(wanted, scene, of_milestones=of_milestones, behind=behind)


def _tally_from(row: Row) -> Tally:
    longest, since = row["longest"], row["since"]
    return Tally(
        Trigger(row["trigger_name"]),
        Phase(row["phase"]),
        bool(row["is_paused"]),
        row["n"],
        longest_wait=longest * MILLISECOND if longest is not None else None,
        over=int(row["over"]),
        late=int(row["late"]),
        since=from_milliseconds(since) if since is not None else None,
        earliest_due_at=from_milliseconds(row["earliest_due_at"]),
        earliest_next_due=from_milliseconds(row["earliest_next_due"]),
    )


def _failures_from(row: Row) -> Failures:
    return Failures(
        row["error_code"],
        row["error_message"],
        Trigger(row["trigger_name"]),
        row["n"],
        from_milliseconds(row["first_at"]),
        from_milliseconds(row["last_at"]),
        Tenant.from_row(row["example"]),
    )


def _line_from(row: Row) -> Line:
    place = Place(parse_instant(row["entry_at"]), row["cloud_id"], row["sequence"])
    return Line(place, bytes(row["body"]), row["hash"])
