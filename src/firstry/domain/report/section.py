"""The four sections of a trust report, each a pure function of the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firstry.domain.canonical import Json
from firstry.domain.evidence import (
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    NotCollectedCause,
    Reading,
)
from firstry.domain.report import sentence
from firstry.domain.report.disclosure import Disclosure, ZeroReason, days_begun, percent_of
from firstry.domain.report.forecast import Forecast


class Availability(StrEnum):
    """`availability_state` of a dataset."""

    AVAILABLE = "AVAILABLE"
    PARTIAL = "PARTIAL"
    MISSING = "MISSING"
    NOT_PERMITTED_BY_SCOPE = "NOT_PERMITTED_BY_SCOPE"


class MissingReason(StrEnum):
    """`missing_reason` of a dataset that is not available; null when it is."""

    PERMISSION_NOT_GRANTED = "PERMISSION_NOT_GRANTED"
    DATASET_EMPTY = "DATASET_EMPTY"
    FEATURE_UNUSED = "FEATURE_UNUSED"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"


@dataclass(frozen=True, slots=True)
class Window:
    """The time a report speaks of: from the installation to the decision to report."""

    installed_at: datetime
    decided_at: datetime

    @property
    def days(self) -> int:
        """Days begun since the installation, at least 1."""
        return days_begun(self.decided_at - self.installed_at)


def duration_hours(begin: datetime, end: datetime) -> float:
    """Return the hours between two instants, one decimal; a whole number as such."""
    tenths = round((end - begin).total_seconds() / 360)
    return tenths // 10 if tenths % 10 == 0 else tenths / 10


COLLECTED = {
    "projects_scanned": Dataset.PROJECTS,
    "issues_scanned": Dataset.ISSUES,
    "fields_detected": Dataset.CUSTOM_FIELDS,
}
"""What section A counts, in its order."""

Disclosures = Mapping[Dataset, dict[str, Json]]


def disclosures(evidence: Evidence, window: Window) -> Disclosures:
    """Return the disclosure of every dataset, made once: each section shows the same."""
    return {item.dataset: disclose(item, window).as_json() for item in evidence.items}


def section_a(evidence: Evidence, disclosed: Disclosures) -> dict[str, Json]:
    """WHAT WE COLLECTED: three counts, each beside its disclosure."""
    return {"heading": sentence.HEADINGS["A"]} | {
        name: {"count": count_of(evidence.of(dataset)), "disclosure": disclosed[dataset]}
        for name, dataset in COLLECTED.items()
    }


def section_b(evidence: Evidence, disclosed: Disclosures, window: Window) -> dict[str, Json]:
    """COVERAGE DISCLOSURE: every dataset, also those that were not asked for."""
    return {
        "heading": sentence.HEADINGS["B"],
        "datasets": [_coverage(each, disclosed[each.dataset], window) for each in evidence.items],
    }


def section_c(evidence: Evidence, disclosed: Disclosures) -> dict[str, Json]:
    """PRELIMINARY OBSERVATIONS: the raw count of every dataset that was asked for."""
    return {
        "heading": sentence.HEADINGS["C"],
        "observations": [
            {
                "label": sentence.LABELS[reading.dataset],
                "value": count_of(reading),
                "disclosure": disclosed[reading.dataset],
            }
            for reading in evidence.readings()
        ],
    }


def section_d(forecast: Forecast | None) -> dict[str, Json]:
    """FORECAST: the estimate, or that there is none, and why."""
    heading: dict[str, Json] = {"heading": sentence.HEADINGS["D"]}
    if forecast is not None:
        return heading | {"forecast_available": True, "forecast": forecast.as_json()}
    return heading | {
        "forecast_available": False,
        "reason": "INSUFFICIENT_OBSERVATION_WINDOW",
        "disclosure_text": sentence.FORECAST_UNAVAILABLE,
    }


def count_of(item: Reading | NotCollected) -> int | None:
    """Return the number that was obtained; None is "not measured", never zero (P47)."""
    if isinstance(item, Reading) and isinstance(item.answer, Count):
        return item.answer.value
    return None


def disclose(item: Reading | NotCollected, window: Window) -> Disclosure:
    """Return the disclosure that stands beside the number of `item`."""
    if isinstance(item, NotCollected):
        text = sentence.not_collected(item.dataset, item.cause)
        return _unmeasured(text, _zero_of(item.cause), window)
    if not isinstance(item.answer, Count):
        return _unmeasured(sentence.not_permitted(item.dataset), ZeroReason.OUT_OF_SCOPE, window)
    count = item.answer
    is_partial = count.covered < count.visible
    return Disclosure(
        completeness_percent=percent_of(count.covered, count.visible),
        observation_window_days=window.days,
        text=sentence.counted(
            item.dataset, count.method, is_partial=is_partial, is_zero=count.value == 0
        ),
        computed_at=window.decided_at,
        has_gap=count.method is CountMethod.APPROXIMATED_BY_PLATFORM,
        zero_value_reason=zero_reason(count),
    )


def zero_reason(count: Count) -> ZeroReason | None:
    """Return which zero `count` is, None if it is none. Zero of a part is no true zero (P47)."""
    if count.value != 0:
        return None
    return ZeroReason.TRUE_ZERO if count.covered == count.visible else ZeroReason.OUT_OF_SCOPE


def _coverage(
    item: Reading | NotCollected, disclosed: dict[str, Json], window: Window
) -> dict[str, Json]:
    state, reason = _availability(item)
    shown: dict[str, Json] = {
        "dataset_name": item.dataset.value,
        "availability_state": state.value,
        "coverage_percent": disclosed["completeness_percent"],
        "coverage_disclosure": disclosed,
        "missing_reason": reason.value if reason else None,
        "reason_detail_text": disclosed["disclosure_text"] if reason else None,
    }
    if disclosed["completeness_percent"] == 0:
        zero = ZeroReason(str(disclosed.get("zero_value_reason", ZeroReason.OUT_OF_SCOPE)))
        shown["mandatory_zero_disclosure"] = _unmeasured(
            sentence.ZERO_COVERAGE, zero, window
        ).as_json()
    return shown


def _availability(item: Reading | NotCollected) -> tuple[Availability, MissingReason | None]:
    if isinstance(item, NotCollected):
        if item.cause is NotCollectedCause.NO_SUPPORTED_SOURCE:
            return Availability.NOT_PERMITTED_BY_SCOPE, MissingReason.OUT_OF_SCOPE
        return Availability.MISSING, MissingReason.OUT_OF_SCOPE
    if not isinstance(item.answer, Count):
        return Availability.NOT_PERMITTED_BY_SCOPE, MissingReason.PERMISSION_NOT_GRANTED
    if item.answer.covered < item.answer.visible:
        return Availability.PARTIAL, MissingReason.OUT_OF_SCOPE
    return Availability.AVAILABLE, None


def _zero_of(cause: NotCollectedCause) -> ZeroReason:
    if cause is NotCollectedCause.NO_SUPPORTED_SOURCE:
        return ZeroReason.OUT_OF_SCOPE
    return ZeroReason.MEASUREMENT_NOT_YET_ENABLED


def _unmeasured(text: str, zero: ZeroReason, window: Window) -> Disclosure:
    return Disclosure(
        completeness_percent=0,
        observation_window_days=window.days,
        text=text,
        computed_at=window.decided_at,
        is_measured=False,
        zero_value_reason=zero,
    )
