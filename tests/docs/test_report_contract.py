"""docs/report-contract.md says of a report what the code holds it to."""

import re

import pytest

from docs.page import code, codes, page
from firstry.cli.output import exit_of
from firstry.domain import errors
from firstry.domain.evidence import CountMethod, Dataset
from firstry.domain.report import guard
from firstry.domain.report.disclosure import (
    HIGH_DAYS,
    HIGH_PERCENT,
    MEDIUM_DAYS,
    MEDIUM_PERCENT,
    Confidence,
    ZeroReason,
)
from firstry.domain.report.schema import (
    CITED,
    COLLECTED,
    COVERAGE,
    DISCLOSURE,
    FORECAST,
    OBSERVATION,
    REPORT,
    SCHEMA_VERSION,
)
from firstry.domain.report.section import Availability, MissingReason
from firstry.exports.file import LONGEST
from firstry.exports.format import Format
from firstry.forge.jira import SOURCES

PAGE = page("docs/report-contract.md")


def tables(*header: str) -> list[list[str]]:
    """Return the first cells of every table with this header, each as code."""
    return [[code(row[0]) for row in t.rows] for t in PAGE.tables() if t.header == header]


def test_every_key_is_told() -> None:
    told = set(PAGE.names())
    shapes = (REPORT, DISCLOSURE, COLLECTED, COVERAGE, OBSERVATION, FORECAST, CITED)
    keys = {key for shape in shapes for key in (*shape.fields, *shape.maybe)}
    assert keys - {name for _, name in told} == set()


def test_the_tables_have_every_key_in_its_order() -> None:
    report, forecast, evidence = tables("key", "what it holds")
    assert report == list(REPORT.fields)
    assert forecast == list(FORECAST.fields)
    assert evidence == ["ledger_head", "entries", "earlier"]
    [disclosure] = tables("key", "rule")
    assert sorted(disclosure) == sorted([*DISCLOSURE.fields, *DISCLOSURE.maybe])


def test_the_version_is_the_one_in_use() -> None:
    assert f"`schema_version` | `{SCHEMA_VERSION}`" in PAGE.text
    assert f"schema/trust-report-{SCHEMA_VERSION}.schema.json" in PAGE.text


def test_every_dataset_is_told_with_its_scope() -> None:
    table = PAGE.table("dataset", "needs the scope")
    assert table.column("dataset") == [each.value for each in Dataset]
    scopes = {source.dataset: source.scope for source in SOURCES}
    told = dict(zip(Dataset, map(codes, table.column("needs the scope")), strict=True))
    assert {d: names[0] for d, names in told.items() if d in scopes} == scopes


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("state", Availability),
        ("confidence", Confidence),
        ("zero", ZeroReason),
    ],
)
def test_every_word_of_a_closed_list_is_told(first: str, words: type[Availability]) -> None:
    [table] = [table for table in PAGE.tables() if table.header[0] == first]
    assert sorted(code(row[0]) for row in table.rows) == sorted(each.value for each in words)


def test_every_reason_and_method_is_told() -> None:
    told = {name for _, name in PAGE.names()}
    assert {each.value for each in (*MissingReason, *CountMethod)} <= told


def test_the_thresholds_are_those_of_the_code() -> None:
    rows = {code(row[0]): row[1:3] for row in PAGE.table("confidence", "completeness").rows}
    assert rows["HIGH"] == (f"at least {HIGH_PERCENT}", f"at least {HIGH_DAYS}")
    assert rows["MEDIUM"] == (f"at least {MEDIUM_PERCENT}", f"at least {MEDIUM_DAYS}")


def test_every_forbidden_word_and_key_is_told() -> None:
    rows = PAGE.table("kind", "words").rows
    told = [word.strip() for row in rows for word in row[1].split(",")]
    assert told == list(guard.FORBIDDEN_WORDS)
    [keys] = re.findall(r"^No key, at any depth, is (.*?)\.$", PAGE.text, re.MULTILINE | re.DOTALL)
    assert set(codes(keys.replace("\n", " "))) == guard.FORBIDDEN_KEYS


def test_the_errors_are_those_of_the_code() -> None:
    kinds = {
        kind.code: kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.FirstryError)
    }
    rows = PAGE.table("error", "exit").rows
    assert len(rows) == 6
    for row in rows:
        assert int(row[1]) == exit_of(kinds[code(row[0])](""))


def test_the_limits_are_those_of_the_code() -> None:
    for format_, name in ((Format.JSON, "JSON"), (Format.HTML, "page"), (Format.PDF, "PDF")):
        assert f"the {name} would be longer than {LONGEST[format_] // 1024**2} MiB" in PAGE.text
