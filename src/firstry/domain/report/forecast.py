"""A forecast: one estimate from two readings, or none.

It is made only where the same dataset was read twice, in the same way, at least
7 days apart. It names its quantity, takes its days from the readings and cites
both, so that a stranger can work out the number again. In every other case the
report says that there is no forecast.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.canonical import Json, digest_of
from firstry.domain.errors import ReportInvalid
from firstry.domain.evidence import (
    EVIDENCE_READ,
    LARGEST_COUNT,
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    Reading,
)
from firstry.domain.instant import iso, parse_instant
from firstry.domain.report import sentence
from firstry.domain.report.disclosure import confidence_of, percent_of

SPAN = timedelta(days=7)
"""How far apart two readings are at least, and how far a forecast looks ahead."""
DATASET = Dataset.ISSUES
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """An estimate that is never changed (P34). `earlier` and `later` are its two readings."""

    earlier: Reading
    later: Reading
    generated_at: datetime

    def __post_init__(self) -> None:
        if {self.earlier.dataset, self.later.dataset} != {DATASET}:
            raise ReportInvalid(f"a forecast speaks of {DATASET.value}")
        if self.later.asked_at - self.earlier.asked_at < SPAN:
            raise ReportInvalid("a forecast needs readings at least 7 days apart")
        if _method(self.earlier) is None or _method(self.earlier) is not _method(self.later):
            raise ReportInvalid("a forecast needs two counts that came about in the same way")

    @property
    def value(self) -> int:
        """The estimate: whole, rounded half up, never below zero."""
        first, second = _count(self.earlier), _count(self.later)
        return estimate(first.value, second.value, self.later.asked_at - self.earlier.asked_at)

    def as_json(self) -> dict[str, Json]:
        """Return the forecast object of section D."""
        counts = _count(self.earlier), _count(self.later)
        days = (self.later.asked_at - self.earlier.asked_at) // timedelta(days=1)
        confidence = confidence_of(
            min(percent_of(count.covered, count.visible) for count in counts),
            days,
            is_measured=True,
            has_gap=_method(self.later) is CountMethod.APPROXIMATED_BY_PLATFORM,
        )
        return {
            "forecast_type": "ESTIMATED",
            "quantity": sentence.FORECAST_QUANTITY,
            "value": self.value,
            "observation_window_days": days,
            "confidence_level": confidence.value,
            "disclaimer": sentence.FORECAST_DISCLAIMER,
            "generated_at": iso(self.generated_at),
            "immutable": True,
            "rests_on": [digest_of(r.entry().canonical()) for r in (self.earlier, self.later)],
        }


def estimate(first: int, second: int, elapsed: timedelta) -> int:
    """Return `second`, moved on by `SPAN` as it moved from `first` in the time elapsed.

    >>> estimate(100, 110, timedelta(days=14))
    115
    """
    passed = elapsed // _MILLISECOND
    change = (second - first) * (SPAN // _MILLISECOND)
    moved = (2 * change + passed) // (2 * passed)
    return min(max(second + moved, 0), LARGEST_COUNT)


def forecast_of(
    evidence: Evidence, earlier: Iterable[Reading], generated_at: datetime
) -> Forecast | None:
    """Return the forecast that the readings allow, or None.

    Of the earlier readings that fit, the oldest counts: it gives the longest span.
    """
    later = evidence.of(DATASET)
    if isinstance(later, NotCollected) or _method(later) is None:
        return None
    fitting = [
        reading
        for reading in earlier
        if reading.dataset is DATASET
        and _method(reading) is _method(later)
        and later.asked_at - reading.asked_at >= SPAN
    ]
    if not fitting:
        return None
    return Forecast(min(fitting, key=lambda reading: reading.asked_at), later, generated_at)


def earlier_readings(entries: Iterable[bytes]) -> tuple[Reading, ...]:
    """Return the readings that a forecast may rest on among a tenant's ledger entries."""
    found = (json.loads(body) for body in entries)
    return tuple(
        reading_from(entry)
        for entry in found
        if entry["kind"] == EVIDENCE_READ
        and entry["detail"].get("dataset") == DATASET  # an erased entry says none
        and entry["detail"]["count"] is not None
    )


def reading_from(entry: dict[str, Json]) -> Reading:
    """Return the reading whose ledger entry `entry` is; it holds a count."""
    detail = entry["detail"]
    assert isinstance(detail, dict)
    return Reading(
        dataset=Dataset(detail["dataset"]),
        request=detail["request"],
        scope=detail["scope"],
        asked_at=parse_instant(str(entry["at"])),
        status=detail["status"],
        answer=Count(
            detail["count"], detail["covered"], detail["visible"], CountMethod(detail["method"])
        ),
    )


def _method(reading: Reading) -> CountMethod | None:
    return reading.answer.method if isinstance(reading.answer, Count) else None


def _count(reading: Reading) -> Count:
    assert isinstance(reading.answer, Count), "checked when the forecast was made"
    return reading.answer
