"""The operators' read model over SQL; `firstry.insight.scan` defines what it says."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from firstry.domain.filter import Filter
from firstry.domain.instant import from_milliseconds, iso, parse_instant, to_milliseconds
from firstry.domain.job import Target
from firstry.domain.ledger import IMPORT, PLATFORM, SCHEDULER
from firstry.domain.phase import Phase, Scene
from firstry.domain.policy import MANUAL, Policy, Trigger
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.insight import Count, Failures, Line, LineQuery, Place, Rate, Tally
from firstry.ports.store import PAGE_LIMIT
from firstry.stores.sql import erase_statement
from firstry.stores.sql import insight_statement as statement
from firstry.stores.sql.filter_statement import scene_values, selection
from firstry.stores.sql.record_row import records_from
from firstry.stores.sql.session import Database, Row, Values

MILLISECOND = timedelta(milliseconds=1)
_FEW = "abc"
"""What few triggers are bound as."""
_LAST = Place(datetime(9999, 12, 31, tzinfo=UTC), "~", 2**62)
"""A place that no entry has: all entries lie before it."""


class SqlInsight:
    """An `Insight` over the tables of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tenants(
        self, wanted: Filter, scene: Scene, after: CloudId | None, limit: int
    ) -> Sequence[TenantRecord]:
        chosen = selection(wanted, scene, of_milestones=False)
        values = {"after": after or "", "limit": min(limit, PAGE_LIMIT)}
        found = self._rows(statement.page_of_tenants(chosen), {**chosen.values, **values})
        return records_from(found)

    def targets(
        self, wanted: Filter, scene: Scene, after: Target | None, limit: int
    ) -> Sequence[Target]:
        chosen = selection(wanted, scene, of_milestones=True)
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

    def count(self, wanted: Filter, scene: Scene) -> Count:
        if not wanted.of_milestones():  # then tenants count that have none
            return Count(self.count_tenants(wanted, scene), self.count_targets(wanted, scene))
        chosen = selection(wanted, scene, of_milestones=True)
        found = self._rows(statement.count_of_both(chosen), chosen.values)[0]
        return Count(found["tenants"], int(found["milestones"]))

    def count_tenants(self, wanted: Filter, scene: Scene) -> int:
        chosen = selection(wanted, scene, of_milestones=False)
        is_by_milestone = bool(wanted.of_milestones())
        sql = statement.count_of_tenants(chosen, is_by_milestone=is_by_milestone)
        return int(self._rows(sql, chosen.values)[0]["n"])

    def count_targets(self, wanted: Filter, scene: Scene) -> int:
        chosen = selection(wanted, scene, of_milestones=True)
        return int(self._rows(statement.count_of_targets(chosen), chosen.values)[0]["n"])

    def tally(self, scene: Scene, late_since: datetime) -> Sequence[Tally]:
        values = scene_values(scene) | {
            "long": scene.long_backoff // MILLISECOND,
            "late_since": to_milliseconds(late_since),
        }
        # By its indexes: what is due is far less than what was once, of which statistics know.
        rows = self._database.read(None, statement.TALLY_OPEN, values)
        opened = [_tally_from(row) for row in rows]
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
            *self._ended(list(scheduled)),
        ]
        return sorted(found, key=lambda each: (each.trigger, each.phase, each.is_paused))

    def count_outdated(self, now: datetime, policy: Policy) -> int:
        right = {name: _plan_of(name, policy) for name, _ in policy.triggers}
        plans = self._rows(statement.PLANS, {"manual": MANUAL})
        count = sum(
            each["n"]
            for each in plans
            if right.get(each["trigger_name"]) != (each["age"], each["window_age"])
        )
        for name, age in policy.triggers:
            values = {"trigger": name, "since": to_milliseconds(now - age)}
            count += self._rows(statement.PLAN_MISSING, values)[0]["n"]
        return int(count)

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

    def to_erase(self, until: datetime, limit: int) -> Sequence[Tenant]:
        values = {"until": to_milliseconds(until), "limit": min(limit, PAGE_LIMIT)}
        return [
            Tenant.from_row(each["cloud_id"])
            for each in self._rows(erase_statement.TO_ERASE, values)
        ]

    def next_due_at(self, now: datetime) -> datetime | None:
        found = self._rows(statement.NEXT_DUE, {"now": to_milliseconds(now)})[0]["next_due"]
        return from_milliseconds(found) if found is not None else None

    def last_tick_at(self) -> datetime | None:
        found = self._rows(statement.LAST_TICK, {})[0]["last_tick_at"]
        return from_milliseconds(found) if found is not None else None

    def _ended(self, triggers: Sequence[str]) -> list[Tally]:
        """Count the finished milestones, without those that a later revision took over from.

        `triggers` are those that there probably are, and no others.
        """
        counts = self._ended_of(triggers[: len(_FEW)])
        if counts is None:
            rows = self._rows(statement.TALLY_ENDED, {})
            counts = Counter({(row["trigger_name"], row["state"]): row["n"] for row in rows})
        for each in self._rows(statement.TALLY_SUPERSEDED, {}):
            counts[each["trigger_name"], each["state"]] -= each["n"]
        return [
            Tally(Trigger(name), Phase(state), False, count)
            for (name, state), count in counts.items()
            if count > 0
        ]

    def _ended_of(self, triggers: Sequence[str]) -> Counter[tuple[str, str]] | None:
        """Count the finished milestones of these triggers; None if there are others too."""
        named = dict(zip(_FEW, triggers, strict=False))
        values = {place: named.get(place) for place in _FEW}
        found = self._rows(statement.TALLY_ENDED_OF_FEW, values)
        if any(row["n"] != sum(row[place] for place in _FEW) for row in found):
            return None
        return Counter(
            {
                (name, row["state"]): int(row[place])
                for row in found
                for place, name in named.items()
            }
        )

    def _counts(self, sql: str) -> dict[str, int]:
        return {row["trigger_name"]: row["n"] for row in self._rows(sql, {})}

    def _rows(self, sql: str, values: Values) -> list[Row]:
        return self._database.read(None, sql, values, is_planned_anew=True)


def _plan_of(trigger: Trigger, policy: Policy) -> tuple[int, int | None]:
    """Return due time and window's end of a trigger, in milliseconds after the installation."""
    began = from_milliseconds(0)
    end = policy.window_end(trigger, began)
    age = dict(policy.triggers)[trigger]
    return age // MILLISECOND, None if end is None else to_milliseconds(end)


def _lines_statement(query: LineQuery) -> str:
    """Return the statement whose index begins at the rarest of what is asked for."""
    common = (SCHEDULER, PLATFORM, *([IMPORT] if query.kind is not None else []))
    if query.actor is not None and query.actor not in common:
        return statement.LINES_OF_PERSON
    return statement.LINES_OF_KIND if query.kind is not None else statement.RECENT_LINES


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
    return Line(place, bytes(row["body"]), row["hash"], row["erased_hash"])
