"""The structure of a trust report, version 1.0, and its JSON Schema.

`docs/schema` publishes what `json_schema` returns; a test compares the two. A
change of structure is a new version, and the old one stays readable here.
"""

from firstry.domain.canonical import Json
from firstry.domain.evidence import EVIDENCE_READ, CountMethod, Dataset
from firstry.domain.ledger import SCHEDULER
from firstry.domain.report import sentence
from firstry.domain.report.disclosure import Confidence, ZeroReason
from firstry.domain.report.section import Availability, MissingReason
from firstry.domain.report.shape import (
    Either,
    Fixed,
    Instant,
    Maybe,
    Number,
    OneOf,
    Record,
    Rows,
    Sentence,
    Shape,
    Text,
    Whole,
)

SCHEMA_VERSION = "1.0"
SCHEMA_ID = f"urn:firstry:trust-report:schema:{SCHEMA_VERSION}"
LONGEST_WINDOW_DAYS = 36_525
"""A hundred years: no installation is older."""

SENTENCE = Sentence()
LABEL = Sentence(Text(r"[!-/:-~](?:[ -/:-~]*[!-/:-~])?", "a label without a digit", longest=200))
ASKED = Text(r"[!-~](?:[ -~]*[!-~])?", "printable ASCII")
DIGEST = Text(r"sha256:[0-9a-f]{64}", "sha256: and 64 hex digits", longest=71)
LARGEST = 2**53 - 1
"""The largest integer that canonical JSON holds exactly."""
COUNT = Whole(0, LARGEST)
DAYS = Whole(1, LONGEST_WINDOW_DAYS)
PERCENT = Number(0, 100)
CONFIDENCE = OneOf([each.value for each in Confidence])

DISCLOSURE = Record(
    "disclosure",
    {
        "completeness_percent": PERCENT,
        "observation_window_days": DAYS,
        "confidence_level": CONFIDENCE,
        "disclosure_text": SENTENCE,
        "computed_at": Instant(),
    },
    maybe={"zero_value_reason": OneOf([each.value for each in ZeroReason])},
)
COLLECTED = Record("collected", {"count": Maybe(COUNT), "disclosure": DISCLOSURE})
COVERAGE = Record(
    "coverage",
    {
        "dataset_name": OneOf([each.value for each in Dataset]),
        "availability_state": OneOf([each.value for each in Availability]),
        "coverage_percent": PERCENT,
        "coverage_disclosure": DISCLOSURE,
        "missing_reason": Maybe(OneOf([each.value for each in MissingReason])),
        "reason_detail_text": Maybe(SENTENCE),
    },
    maybe={"mandatory_zero_disclosure": DISCLOSURE},
)
OBSERVATION = Record(
    "observation", {"label": LABEL, "value": Maybe(COUNT), "disclosure": DISCLOSURE}
)
FORECAST = Record(
    "forecast",
    {
        "forecast_type": Fixed("ESTIMATED"),
        "quantity": SENTENCE,
        "value": COUNT,
        "observation_window_days": Whole(7, LONGEST_WINDOW_DAYS),
        "confidence_level": CONFIDENCE,
        "disclaimer": SENTENCE,
        "generated_at": Instant(),
        "immutable": Fixed(True),
        "rests_on": Rows(DIGEST, 2, 2),
    },
)
ENTRY = Record(
    "entry",
    {
        "kind": Fixed(EVIDENCE_READ),
        "at": Instant(),
        "actor": Fixed(SCHEDULER),
        "detail": Record(
            "reading",
            {
                "dataset": OneOf([each.value for each in Dataset]),
                "request": ASKED,
                "scope": ASKED,
                "status": Whole(100, 599),
                "count": Maybe(COUNT),
            },
            maybe={
                "covered": COUNT,
                "visible": COUNT,
                "method": OneOf([each.value for each in CountMethod]),
            },
        ),
    },
)
CITED = Record("cited", {"entry_hash": DIGEST, "entry": ENTRY})


def _section(letter: str, fields: dict[str, Shape]) -> Record:
    heading = {"heading": Fixed(sentence.HEADINGS[letter])}
    return Record(f"section_{letter}", heading | fields)


REPORT = Record(
    "report",
    {
        "schema_version": Fixed(SCHEMA_VERSION),
        "report_id": Text(r"r-[0-9a-f]{32}", "r- and 32 hex digits", longest=34),
        "cloud_id": Text(r"[A-Za-z0-9_-]{1,128}", "a cloudId", longest=128),
        "generated_at": Instant(),
        "trigger": Text(r"[A-Z0-9_]{1,40}", "the name of a trigger", longest=40),
        "installation_detected_at": Instant(),
        "observation_window": Record(
            "observation_window",
            {
                "from": Instant(),
                "to": Instant(),
                "duration_hours": Number(0, LONGEST_WINDOW_DAYS * 24),
            },
        ),
        "sections": Record(
            "sections",
            {
                "A": _section(
                    "A",
                    {
                        "projects_scanned": COLLECTED,
                        "issues_scanned": COLLECTED,
                        "fields_detected": COLLECTED,
                    },
                ),
                "B": _section("B", {"datasets": Rows(COVERAGE, len(Dataset), len(Dataset))}),
                "C": _section("C", {"observations": Rows(OBSERVATION, 0, len(Dataset))}),
                "D": Either(
                    "forecast_available",
                    Record(
                        "section_D_available",
                        {
                            "heading": Fixed(sentence.HEADINGS["D"]),
                            "forecast_available": Fixed(True),
                            "forecast": FORECAST,
                        },
                    ),
                    Record(
                        "section_D_unavailable",
                        {
                            "heading": Fixed(sentence.HEADINGS["D"]),
                            "forecast_available": Fixed(False),
                            "reason": Fixed("INSUFFICIENT_OBSERVATION_WINDOW"),
                            "disclosure_text": SENTENCE,
                        },
                    ),
                ),
            },
        ),
        "evidence": Record(
            "evidence",
            {
                "ledger_head": Record("ledger_head", {"sequence": COUNT, "hash": DIGEST}),
                "entries": Rows(CITED, 0, len(Dataset)),
            },
            maybe={"earlier": CITED},
        ),
    },
)


def json_schema() -> dict[str, Json]:
    """Return the published JSON Schema (draft 2020-12)."""
    named: dict[str, Json] = {}
    root = REPORT.schema(named)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": f"firstry trust report {SCHEMA_VERSION}",
        **root,
        "$defs": named,
    }
