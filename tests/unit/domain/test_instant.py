"""Instants: one text form, whole milliseconds, and no guess where something is missing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from firstry.domain.errors import InputInvalid
from firstry.domain.instant import (
    from_milliseconds,
    from_seconds,
    iso,
    parse_instant,
    to_milliseconds,
)

NINE_THIRTY = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T09:30:00Z", NINE_THIRTY),
        ("2026-01-31T09:30:00+00:00", NINE_THIRTY),
        ("2026-01-31T09:30Z", NINE_THIRTY),
        (" 2026-01-31T09:30:00Z\n", NINE_THIRTY),
        ("2026-01-31T15:00:00+05:30", NINE_THIRTY),
        ("2026-01-30T23:30:00-10:00", NINE_THIRTY),
        ("2026-01-31T09:30:00.250Z", NINE_THIRTY + timedelta(milliseconds=250)),
        ("2026-01-31T09:30:00.250999Z", NINE_THIRTY + timedelta(milliseconds=250)),
        ("1969-12-31T23:59:59.999Z", datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    ],
)
def test_a_full_instant_is_read_to_the_millisecond(text: str, instant: datetime) -> None:
    read = parse_instant(text)
    assert read == instant
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "2025",
        "2026-01",
        "2026-01-31",
        "2026-01-31Z",
        "2026-01-31T09:30:00",
        "2026-01-31 09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-01-31T25:30:00Z",
        "2026-01-31T09:30:00 Europe/Berlin",
        "09:30:00Z",
        "1706693400",
        "1706693400000",
        "yesterday",
        "now",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-01-31T09:30:00Z2026-01-31T09:30:00Z",
    ],
)
def test_anything_less_than_a_full_instant_is_refused(text: str) -> None:
    """P14: "2025" is no installation time."""
    with pytest.raises(InputInvalid) as refused:
        parse_instant(text)
    assert repr(text) in refused.value.message
    assert "2026-01-31T09:30:00Z" in refused.value.remedy


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (NINE_THIRTY, "2026-01-31T09:30:00.000Z"),
        (NINE_THIRTY + timedelta(microseconds=1999), "2026-01-31T09:30:00.001Z"),
        (NINE_THIRTY.astimezone(timezone(timedelta(hours=-7))), "2026-01-31T09:30:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime(987, 6, 5, tzinfo=UTC), "0987-06-05T00:00:00.000Z"),
    ],
)
def test_an_instant_has_one_text_form(instant: datetime, text: str) -> None:
    assert iso(instant) == text
    assert iso(parse_instant(text)) == text


@pytest.mark.parametrize("milliseconds", [0, 1, -1, -999, 1_767_225_600_001, -62_135_596_800_000])
def test_milliseconds_survive_the_way_to_the_store_and_back(milliseconds: int) -> None:
    assert to_milliseconds(from_milliseconds(milliseconds)) == milliseconds


def test_what_is_finer_than_a_millisecond_is_cut() -> None:
    assert to_milliseconds(NINE_THIRTY + timedelta(microseconds=1999)) == (
        to_milliseconds(NINE_THIRTY) + 1
    )


@pytest.mark.parametrize("seconds", [0, 1, 1_767_225_600, 1_767_225_600.5])
def test_seconds_since_the_epoch_are_an_instant(seconds: float) -> None:
    assert from_seconds(seconds) == datetime.fromtimestamp(seconds, UTC)
