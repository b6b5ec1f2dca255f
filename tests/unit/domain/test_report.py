"""The report: a pure function of evidence, claim and instant."""

import json
import re
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace
from datetime import datetime
from typing import Any

import pytest

from firstry.domain.canonical import canonical_bytes, digest_of
from firstry.domain.claim import Claim
from firstry.domain.evidence import Dataset, Evidence
from firstry.domain.report.generate import generate, report_id_of
from firstry.domain.report.section import Window
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    INSTALLED_AT,
    TENANT,
    at,
    install,
    reading,
    site_evidence,
    tenant,
    won,
)

NOON = at(12)


def claim_of(now: datetime) -> Claim:
    store = MemoryStore()
    install(store)
    return won(store, now)


def report(now: datetime = NOON, evidence: Evidence | None = None) -> Any:
    return json.loads(generate(claim_of(now), evidence or site_evidence()).body)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every place of a document with what stands there."""
    yield path, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from walk(each, f"{path}/{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from walk(each, f"{path}/{number}")


def test_the_same_evidence_gives_the_same_bytes() -> None:
    """I3: an attempt that stores its report twice stores the same report."""
    assert generate(claim_of(at(12)), site_evidence()) == generate(
        claim_of(at(12)), site_evidence()
    )


def test_other_evidence_gives_another_report() -> None:
    """P3: nothing in a report comes from a fixture."""
    one = generate(claim_of(at(12)), site_evidence())
    other = generate(claim_of(at(12)), site_evidence(reading(Dataset.PROJECTS, 4)))
    assert one.digest != other.digest
    assert json.loads(other.body)["sections"]["A"]["projects_scanned"]["count"] == 4


def test_the_stored_bytes_are_canonical_and_digested() -> None:
    stored = generate(claim_of(at(12)), site_evidence())
    assert stored.body == canonical_bytes(json.loads(stored.body))
    assert stored.digest == digest_of(stored.body)


def test_a_report_says_what_it_is() -> None:
    """P27: one instant, everywhere the same."""
    stored = generate(claim_of(at(12, 20)), site_evidence())
    shown = json.loads(stored.body)
    assert shown["report_id"] == stored.report_id
    assert shown["cloud_id"] == stored.tenant.cloud_id == TENANT.cloud_id
    assert shown["trigger"] == stored.trigger == "AUTO_12H"
    assert shown["schema_version"] == "1.0"
    assert shown["generated_at"] == "2026-01-01T12:20:00.000Z"
    assert stored.generated_at == at(12, 20)
    assert shown["installation_detected_at"] == "2026-01-01T00:00:00.000Z"
    assert shown["observation_window"] == {
        "from": "2026-01-01T00:00:00.000Z",
        "to": "2026-01-01T12:20:00.000Z",
        "duration_hours": 12.3,
    }
    computed = {value for path, value in walk(shown) if path.endswith("/computed_at")}
    assert computed == {shown["generated_at"]}


def test_a_report_has_no_key_beyond_its_schema() -> None:
    assert set(report()) == {
        "schema_version",
        "report_id",
        "cloud_id",
        "generated_at",
        "trigger",
        "installation_detected_at",
        "observation_window",
        "sections",
        "evidence",
    }
    assert list(report()["sections"]) == ["A", "B", "C", "D"]


def test_an_id_belongs_to_one_milestone() -> None:
    """P26: the id is worked out from tenant, trigger and revision, not from a clock."""
    ids = {
        report_id_of(who, trigger, revision)
        for who in (TENANT, tenant(1))
        for trigger in (AUTO_12H, AUTO_24H)
        for revision in (1, 2)
    }
    assert len(ids) == 8
    assert all(re.fullmatch(r"r-[0-9a-f]{32}", each) for each in ids)
    same = {generate(claim_of(now), site_evidence()).report_id for now in (at(12), at(13))}
    assert same == {report_id_of(TENANT, AUTO_12H, 1)}


def test_a_report_cites_the_ledger() -> None:
    """I15: the head with the claim in it, and every entry that was read under it."""
    held = claim_of(at(12))
    seen = site_evidence()
    cited = json.loads(generate(held, seen).body)["evidence"]
    assert cited["ledger_head"] == {"sequence": held.head.sequence, "hash": held.head.hash}
    assert cited["entries"] == [
        {
            "entry_hash": digest_of(each.entry().canonical()),
            "entry": json.loads(each.entry().canonical()),
        }
        for each in seen.readings()
    ]


def test_the_headings_are_those_of_the_contract() -> None:
    """P37: section D has its heading too."""
    headings = [section["heading"] for section in report()["sections"].values()]
    assert headings == [
        "A) WHAT WE COLLECTED",
        "B) COVERAGE DISCLOSURE",
        "C) PRELIMINARY OBSERVATIONS",
        "D) FORECAST",
    ]


@pytest.mark.parametrize("now", [at(12), at(24), at(24 * 40)])
def test_there_is_no_forecast_without_earlier_readings(now: datetime) -> None:
    section = report(now)["sections"]["D"]
    assert section.keys() == {"heading", "forecast_available", "reason", "disclosure_text"}
    assert (section["forecast_available"], section["reason"]) == (
        False,
        "INSUFFICIENT_OBSERVATION_WINDOW",
    )


@pytest.mark.parametrize("now", [at(12), at(24)])
def test_the_first_day_is_low_and_never_more(now: datetime) -> None:
    """P30: no MEDIUM at 24 h."""
    levels = {value for path, value in walk(report(now)) if path.endswith("/confidence_level")}
    assert levels == {"LOW", "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("now", "days"), [(at(12), 1), (at(24), 1), (at(24.1), 2), (at(24 * 8), 8)]
)
def test_the_window_counts_the_days_begun(now: datetime, days: int) -> None:
    assert Window(INSTALLED_AT, now).days == days
    shown = {v for path, v in walk(report(now)) if path.endswith("/observation_window_days")}
    assert shown == {days}


OURS = re.compile(r"/(heading|label|disclosure_text|reason_detail_text|reason)$")
FORBIDDEN = re.compile(
    r"\b(recommend|should|suggest|optimize|fix|upgrade|downgrade|improve|decline|trend"
    r"|good|bad|best|worst|excellent|poor|weak|strong|health|hygiene|problem"
    r"|score|benchmark|ranking|percentile|compare|indicates|implies|infer|insight|so what)\w*",
    re.IGNORECASE,
)
FORBIDDEN_KEYS = {
    "transition_count",
    "execution_count",
    "trending",
    "time_series",
    "hygiene_score",
    "recommendation",
    "behavior_confidence",
    "benchmark",
    "projection",
    "estimated_impact",
    "score",
    "ranking",
    "percentile",
}
CASES = {
    "as usual": site_evidence(),
    "nothing may be seen": site_evidence(
        *(reading(each, None) for each in Dataset if each is not Dataset.AUTOMATION_RULES)
    ),
    "all zero": site_evidence(
        *(reading(each, 0) for each in Dataset if each is not Dataset.AUTOMATION_RULES)
    ),
    "partial": site_evidence(reading(Dataset.ISSUES, 9, covered=1, visible=9)),
}


@pytest.mark.parametrize("evidence", CASES.values(), ids=CASES.keys())
def test_our_words_hold_no_advice_judgement_or_comparison(evidence: Evidence) -> None:
    """P36: labels and sentences are checked, not keys alone."""
    shown = report(evidence=evidence)
    words = [value for path, value in walk(shown) if OURS.search(path) and value is not None]
    assert len(words) > 40
    assert [text for text in words if FORBIDDEN.search(text)] == []


@pytest.mark.parametrize("evidence", CASES.values(), ids=CASES.keys())
def test_no_key_is_a_forbidden_one(evidence: Evidence) -> None:
    keys = {path.rpartition("/")[2] for path, _ in walk(report(evidence=evidence))}
    assert keys & FORBIDDEN_KEYS == set()


@pytest.mark.parametrize("evidence", CASES.values(), ids=CASES.keys())
def test_labels_hold_no_number(evidence: Evidence) -> None:
    """P28: a label states what is counted and never repeats the number."""
    labels = [value for path, value in walk(report(evidence=evidence)) if path.endswith("/label")]
    assert labels
    assert not any(re.search(r"\d", label) for label in labels)


def test_a_stored_report_cannot_be_changed() -> None:
    """P34."""
    stored = generate(claim_of(at(12)), site_evidence())
    with pytest.raises(FrozenInstanceError):
        stored.digest = "sha256:0"  # type: ignore[misc]
    assert replace(stored, digest="sha256:0") != stored
