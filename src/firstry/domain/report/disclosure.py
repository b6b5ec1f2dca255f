"""A disclosure: how complete a number is, over which window, and which zero it is.

Every rule of the report contract about disclosures is held here, by the type:
a `Disclosure` that breaks one cannot be built (P30, P31, P32, P33).
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from firstry.domain.canonical import Json
from firstry.domain.errors import ReportInvalid
from firstry.domain.instant import iso

HIGH_PERCENT, HIGH_DAYS = 95, 30
MEDIUM_PERCENT, MEDIUM_DAYS = 50, 7


class Confidence(StrEnum):
    """How far a number may be relied on; derived, never chosen."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class ZeroReason(StrEnum):
    """Which zero (or missing number) it is."""

    TRUE_ZERO = "TRUE_ZERO"
    INSUFFICIENT_HISTORICAL_WINDOW = "INSUFFICIENT_HISTORICAL_WINDOW"
    MEASUREMENT_NOT_YET_ENABLED = "MEASUREMENT_NOT_YET_ENABLED"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"


def confidence_of(percent: float, days: int, *, is_measured: bool, has_gap: bool) -> Confidence:
    """Return the confidence of the contract's table (CONTRACT 5).

    HIGH needs 95 % over 30 days without a known gap; MEDIUM 50 % over 7 days;
    LOW is below either, so a report of 12 or 24 hours is always LOW.

    >>> confidence_of(100, 1, is_measured=True, has_gap=False).value
    'LOW'
    """
    if not is_measured:
        return Confidence.INSUFFICIENT_DATA
    if percent >= HIGH_PERCENT and days >= HIGH_DAYS and not has_gap:
        return Confidence.HIGH
    if percent >= MEDIUM_PERCENT and days >= MEDIUM_DAYS:
        return Confidence.MEDIUM
    return Confidence.LOW


def days_begun(window: timedelta) -> int:
    """Return the days of `window`, a begun one counted whole, at least 1.

    >>> days_begun(timedelta(hours=12)), days_begun(timedelta(hours=25))
    (1, 2)
    """
    return max(1, math.ceil(window / timedelta(days=1)))


def percent_of(covered: int, visible: int) -> float:
    """Return the share in percent, one decimal; all of nothing is 100.

    Rounds down, so that only a whole answer ever reads 100.
    """
    if visible == 0:
        return 100
    tenths = covered * 1000 // visible
    return tenths // 10 if tenths % 10 == 0 else tenths / 10


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What stands beside every number of a report.

    `completeness_percent` is 0-100, `observation_window_days` at least 1. A
    number that was not measured has completeness 0 and a `zero_value_reason`.
    """

    completeness_percent: float
    observation_window_days: int
    text: str
    computed_at: datetime
    is_measured: bool = True
    has_gap: bool = False
    zero_value_reason: ZeroReason | None = None

    def __post_init__(self) -> None:
        percent = self.completeness_percent
        if isinstance(percent, bool) or not 0 <= percent <= 100:
            raise ReportInvalid(f"completeness must be 0 to 100, not {percent}")
        if self.observation_window_days < 1:
            raise ReportInvalid("an observation window has at least 1 day")
        if not self.text.strip():
            raise ReportInvalid("a disclosure needs its sentence")
        if not self.is_measured and (percent != 0 or self.zero_value_reason is None):
            raise ReportInvalid("what was not measured is 0 % complete and says which zero it is")

    @property
    def confidence(self) -> Confidence:
        """The confidence that follows from the other fields."""
        return confidence_of(
            self.completeness_percent,
            self.observation_window_days,
            is_measured=self.is_measured,
            has_gap=self.has_gap,
        )

    def as_json(self) -> dict[str, Json]:
        """Return the disclosure object of the report."""
        shown: dict[str, Json] = {
            "completeness_percent": self.completeness_percent,
            "observation_window_days": self.observation_window_days,
            "confidence_level": self.confidence.value,
            "disclosure_text": self.text,
            "computed_at": iso(self.computed_at),
        }
        if self.zero_value_reason is not None:
            shown["zero_value_reason"] = self.zero_value_reason.value
        return shown
