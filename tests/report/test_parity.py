"""JSON, HTML and PDF of one report: the same headings, orders and disclosures (CONTRACT 7).

The page in Jira shows the document that HTML and PDF are drawn from; that it shows all
of it, text by text, is shown in tests/browser/test_jira_page_text.py.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from firstry.domain.record import StoredReport
from firstry.exports import wording
from firstry.exports.file import export
from firstry.exports.format import Format
from support.page import Page, read_page
from support.paper import Paper, squeezed
from support.report import forecast_report, real_site, signed, smallest
from support.signing import PUBLIC_KEY

REPORTS = {
    "a real site": signed(evidence=real_site()),
    "smallest": smallest(),
    "with a forecast": forecast_report(),
}
HEADINGS = [
    "A) WHAT WE COLLECTED",
    "B) COVERAGE DISCLOSURE",
    "C) PRELIMINARY OBSERVATIONS",
    "D) FORECAST",
]
each_report = pytest.mark.parametrize("name", REPORTS)


def exported(report: StoredReport, form: Format) -> bytes:
    return export(report, form, (PUBLIC_KEY,))[-1].content


@cache
def sections(name: str) -> Any:
    return json.loads(exported(REPORTS[name], Format.JSON))["sections"]


@cache
def html(name: str) -> Page:
    return read_page(exported(REPORTS[name], Format.HTML).decode())


@cache
def texts(name: str) -> dict[str, str]:
    """Return all that is read in page and PDF from section A on, without its layout."""
    shown = {
        "page": squeezed("".join(html(name).texts)),
        "PDF": Paper(exported(REPORTS[name], Format.PDF)).text,
    }
    return {form: text[text.index(squeezed(HEADINGS[0])) :] for form, text in shown.items()}


@each_report
def test_headings_are_the_same_in_json_page_and_pdf(name: str) -> None:
    assert [sections(name)[letter]["heading"] for letter in "ABCD"] == HEADINGS
    assert [each for each in html(name).headings() if each in HEADINGS] == HEADINGS
    for form, text in texts(name).items():
        assert [text.count(squeezed(each)) for each in HEADINGS] == [1] * 4, form


@each_report
def test_sections_stand_in_the_same_order_in_json_page_and_pdf(name: str) -> None:
    assert list(sections(name)) == ["A", "B", "C", "D"]
    for form, text in texts(name).items():
        places = [text.index(squeezed(each)) for each in HEADINGS]
        assert places == sorted(places), form


@each_report
def test_section_a_has_one_order_in_page_and_pdf(name: str) -> None:
    """Canonical JSON orders its keys by name; whoever reads it out keeps one order of ours."""
    assert sections(name)["A"].keys() - {"heading"} == wording.COLLECTED.keys()
    labels = [squeezed(each) for each in wording.COLLECTED.values()]
    for form, text in texts(name).items():
        part = text[: text.index(squeezed(HEADINGS[1]))]
        assert sorted(labels, key=part.index) == labels, form


@each_report
def test_all_fields_of_a_disclosure_are_the_same_in_json_page_and_pdf(name: str) -> None:
    """Each disclosure as one run of text, one after the other, and not one field more or less."""
    for form, text in texts(name).items():
        place = 0
        for each in disclosures(sections(name)):
            run = squeezed("".join(fields(each)))
            assert run in text[place:], (form, each)
            place = text.index(run, place) + len(run)


def disclosures(found: Any) -> Iterator[Any]:
    """Yield every disclosure in the order of its section."""
    yield from (found["A"][key]["disclosure"] for key in wording.COLLECTED)
    for row in found["B"]["datasets"]:
        yield row["coverage_disclosure"]
        if "mandatory_zero_disclosure" in row:
            yield row["mandatory_zero_disclosure"]
    yield from (each["disclosure"] for each in found["C"]["observations"])


def fields(disclosure: dict[str, Any]) -> Iterator[str]:
    """Yield sentence, then term and value of each other field; a key that is not known fails."""
    left = dict(disclosure)
    yield left.pop("disclosure_text")
    yield from (wording.COMPLETENESS, str(left.pop("completeness_percent")))
    yield from (wording.WINDOW_DAYS, str(left.pop("observation_window_days")))
    yield from (wording.CONFIDENCE, left.pop("confidence_level"))
    if "zero_value_reason" in left:
        yield from (wording.ZERO_REASON, left.pop("zero_value_reason"))
    yield from (wording.COMPUTED_AT, left.pop("computed_at"))
    assert left == {}
