"""What the demo sees of the service's database: read-only, beside the running service.

The story is told from here, not from what ought to have happened: whoever did a thing, its
ledger entry was committed together with it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import apsw

from firstry.domain.instant import from_milliseconds, parse_instant, to_milliseconds
from firstry.domain.milestone import Act

BUSY_MILLISECONDS = 2000
ENDS: Final = frozenset({Act.COMPLETE, Act.FAIL, Act.DEFER, Act.MISS, Act.DISCARD})
"""Acts that end an attempt, or a milestone."""

NUMBERS: Final = ("projects_scanned", "issues_scanned", "fields_detected")
"""The counts in section A of a report."""

_HEADS = "SELECT cloud_id, head_sequence FROM tenant"
_NEW_ENTRIES = """
SELECT body FROM ledger WHERE cloud_id = ? AND sequence > ? AND sequence <= ? ORDER BY sequence
"""
_ATTEMPTS = """
SELECT cloud_id, trigger_name, attempts, fence, next_due FROM milestone
WHERE state = 'claimed' AND lease_until > ? ORDER BY cloud_id, trigger_name
"""
_OPEN = "SELECT count(*) FROM milestone WHERE state IN ('scheduled', 'claimed')"
_REPORT = "SELECT body FROM report WHERE report_id = ?"
_TRACE = """
SELECT coalesce(sum(m.starts), 0), max(m.state = 'claimed'), t.head_sequence
FROM tenant t JOIN milestone m USING (cloud_id) WHERE t.cloud_id = ?
"""
_VERSION = "PRAGMA data_version"


@dataclass(frozen=True, slots=True)
class Fact:
    """One committed end: what became of an attempt, by the ledger's own entry."""

    cloud_id: str
    act: Act
    at: datetime
    trigger: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that holds its lease now, by what is stored.

    `next_due` is when the next one may begin, should this one die.
    """

    cloud_id: str
    trigger: str
    number: int
    fence: int
    next_due: datetime

    @property
    def key(self) -> tuple[str, str, int]:
        """What no other attempt has: the fence is handed out once."""
        return (self.cloud_id, self.trigger, self.fence)


class Watch:
    """A read-only connection to the database of a service. Close it at the end."""

    def __init__(self, database: Path) -> None:
        self._connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
        self._connection.set_busy_timeout(BUSY_MILLISECONDS)
        self._looked_at = 0
        self._heads: dict[str, int] = {}

    def new_ends(self) -> list[Fact]:
        """Return the ends that were committed since the last call, in the order of time."""
        version = self._whole(_VERSION)
        if version == self._looked_at:
            return []
        self._looked_at = version
        facts: list[Fact] = []
        for cloud_id, head in self._rows(_HEADS):
            seen = self._heads.get(cloud_id, 0)
            if head > seen:
                self._heads[cloud_id] = head
                facts += self._ends_of(cloud_id, seen, head)
        return sorted(facts, key=lambda fact: fact.at)

    def attempts(self, now: datetime) -> list[Attempt]:
        """Return the attempts whose lease runs, also those whose process is dead."""
        rows = self._rows(_ATTEMPTS, to_milliseconds(now))
        return [
            Attempt(cloud_id, trigger, number, fence, from_milliseconds(next_due))
            for cloud_id, trigger, number, fence, next_due in rows
        ]

    def open_milestones(self) -> int:
        """Return how many milestones have not come to their end."""
        return self._whole(_OPEN)

    def numbers(self, report_id: str) -> dict[str, int | None]:
        """Return the counts in section A of a stored report."""
        [(body,)] = self._rows(_REPORT, report_id)
        section = json.loads(body)["sections"]["A"]
        return {name: section[name]["count"] for name in NUMBERS}

    def trace(self, cloud_id: str) -> tuple[int, int]:
        """Return what a call that has an effect on a site would move.

        Each attempt counts before its work (I6) and no transition is without an
        entry (I15); entries that an attempt under way may write do not count.
        """
        [(starts, is_claimed, entries)] = self._rows(_TRACE, cloud_id)
        return (starts or 0, -1 if is_claimed else entries or 0)

    def _ends_of(self, cloud_id: str, after: int, until: int) -> Iterator[Fact]:
        for (body,) in self._rows(_NEW_ENTRIES, cloud_id, after, until):
            entry = json.loads(body)
            if entry["kind"] in ENDS:
                at, detail = parse_instant(entry["at"]), entry["detail"]
                yield Fact(cloud_id, Act(entry["kind"]), at, detail["trigger"], detail)

    def _rows(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def _whole(self, sql: str) -> int:
        [(number,)] = self._rows(sql)
        return int(number)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
