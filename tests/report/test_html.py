"""The page says what the JSON says, in its order and its words, and nothing else."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstry.domain.display import displayed
from firstry.domain.record import StoredReport
from firstry.domain.report.guard import forbidden_words
from firstry.exports import wording
from firstry.exports.document import Document, Fact, Item, Part, Quoted, document_of
from firstry.exports.html import render
from support.page import Page, read_page
from support.report import document, forecast_report, leaves, real_site, signed, varied

REPORTS = varied() | {"a real site": signed(evidence=real_site())}
NAME = "firstry-trust-report-AUTO_12H-2026-01-01.json"


def page_document(report: StoredReport) -> Document:
    return document_of(document(report), report.digest, "s-test", NAME)


@cache
def html(name: str) -> str:
    return render(page_document(REPORTS[name]))


@cache
def page(name: str = "a real site") -> Page:
    return read_page(html(name))


def shown(page: Page, part: str) -> list[str]:
    """Return the texts of one part of the page."""
    [section] = [each for each in page.all("section") if each.attributes["id"] == part]
    return [section.text]


# Parity of JSON and page


@pytest.mark.parametrize("name", REPORTS)
def test_headings_are_the_same_in_page_and_json(name: str) -> None:
    """P37: none of them is "undefined"."""
    sections = document(REPORTS[name])["sections"]
    headings = [sections[letter]["heading"] for letter in "ABCD"]
    assert [text for text in page(name).headings() if re.match(r"[A-D]\) ", text)] == headings
    assert headings == [
        "A) WHAT WE COLLECTED",
        "B) COVERAGE DISCLOSURE",
        "C) PRELIMINARY OBSERVATIONS",
        "D) FORECAST",
    ]


@pytest.mark.parametrize("name", REPORTS)
def test_the_sections_stand_in_the_same_order(name: str) -> None:
    """Page 1 first, then A to D, and no other section between them."""
    ids = [each.attributes["id"] for each in page(name).all("section")]
    cover, limits = ["what", "counts", "coverage", "verify"], ["limits", "data-flow"]
    assert ids == [*cover, "A", "B", "C", "D", "method", "evidence", *limits]


@pytest.mark.parametrize("name", REPORTS)
def test_section_a_has_the_same_order(name: str) -> None:
    section = document(REPORTS[name])["sections"]["A"]
    labels = list(wording.COLLECTED.values())
    assert list(wording.COLLECTED) == ["projects_scanned", "issues_scanned", "fields_detected"]
    assert section.keys() - {"heading"} == wording.COLLECTED.keys()
    [text] = shown(page(name), "A")
    assert sorted(labels, key=text.index) == labels


@pytest.mark.parametrize("name", REPORTS)
def test_every_field_of_a_disclosure_is_shown_beside_its_number(name: str) -> None:
    wanted = [
        [
            each["disclosure_text"],
            wording.COMPLETENESS,
            str(each["completeness_percent"]),
            wording.WINDOW_DAYS,
            str(each["observation_window_days"]),
            wording.CONFIDENCE,
            each["confidence_level"],
            *([wording.ZERO_REASON, zero] if (zero := each.get("zero_value_reason")) else []),
            wording.COMPUTED_AT,
            each["computed_at"],
        ]
        for each in disclosures(document(REPORTS[name]))
    ]
    texts = page(name).texts
    at = texts.index("A) WHAT WE COLLECTED")
    for disclosure in wanted:
        at = next(n for n in range(at, len(texts)) if texts[n : n + len(disclosure)] == disclosure)


def disclosures(value: Any) -> list[Any]:
    """Return every disclosure of a report, in its order on the page."""
    sections = value["sections"]
    found = [sections["A"][name]["disclosure"] for name in wording.COLLECTED]
    for row in sections["B"]["datasets"]:
        found += [row["coverage_disclosure"], row.get("mandatory_zero_disclosure")]
    found += [each["disclosure"] for each in sections["C"]["observations"]]
    return [each for each in found if each is not None]


# Text by text


@pytest.mark.parametrize("name", REPORTS)
def test_every_text_and_number_of_the_json_stands_on_the_page(name: str) -> None:
    texts = page(name).texts
    for leaf in leaves(document(REPORTS[name])):
        if leaf.value is None or isinstance(leaf.value, bool):
            continue
        assert str(leaf.value) in texts, leaf


@pytest.mark.parametrize("name", REPORTS)
def test_every_text_of_the_page_is_from_the_json_or_from_our_wording(name: str) -> None:
    """No derived figure: a number on the page is a number of the report."""
    values = {str(leaf.value) for leaf in leaves(document(REPORTS[name]))}
    ours = {text for text in texts_of(wording) if text}
    commands = {
        f"firstry verify {file} --key firstry-keys.json"
        for file in (NAME, NAME.replace(".json", ".pdf"))
    }
    extra = {REPORTS[name].digest, "s-test", *commands}
    title = page(name).all("title")[0].text
    strange = set(page(name).texts) - values - ours - extra - {title}
    assert strange == set()


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return texts_of(list(value.values()))
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts_of(each)]
    if value is wording:
        return texts_of([each for name, each in vars(wording).items() if name.isupper()])
    return []


@pytest.mark.parametrize("name", REPORTS)
def test_what_was_not_measured_is_said_and_zero_is_a_number(name: str) -> None:
    """P17, P47."""
    whole = document(REPORTS[name])["sections"]
    wanted = [whole["A"][each]["count"] for each in wording.COLLECTED]
    wanted += wanted  # once on page 1, once in section A
    wanted += [each["value"] for each in whole["C"]["observations"]]
    if whole["D"]["forecast_available"]:
        wanted.append(whole["D"]["forecast"]["value"])
    values = [e.text for e in page(name).all("p") if "value" in e.attributes.get("class", "")]
    assert values == [wording.NOT_MEASURED if each is None else str(each) for each in wanted]


def test_values_are_verbatim() -> None:
    """No thousands separator, no rounding: what the JSON holds."""
    assert "48213" in page().texts


# A forecast


def test_an_available_forecast_stands_with_its_disclaimer() -> None:
    forecast = document(forecast_report())["sections"]["D"]["forecast"]
    [text] = shown(page("with a forecast"), "D")
    assert forecast["disclaimer"] in text
    assert str(forecast["value"]) in text
    assert "No forecast" not in text


def test_without_a_forecast_there_is_no_disclaimer() -> None:
    [text] = shown(page(), "D")
    assert "No forecast" in text
    assert "estimate" not in text.lower()


# Language


@pytest.mark.parametrize("name", REPORTS)
def test_no_text_of_the_page_says_a_forbidden_word(name: str) -> None:
    """P36, over the whole rendering, with what is read aloud; requests are not our words."""
    requests = {text for term, text in page(name).facts() if term == wording.REQUEST}
    said = [*page(name).texts, *page(name).spoken()]
    assert [t for t in said if t not in requests and forbidden_words(t)] == []


@pytest.mark.parametrize("word", ["unused", "not used", "inactive", "dead"])
def test_what_was_not_observed_is_not_called_unused(word: str) -> None:
    for name in REPORTS:
        assert word not in " ".join(page(name).texts).lower()


def test_the_page_says_that_it_discloses_and_does_not_judge() -> None:
    [footer] = page().all("footer")
    assert "This report discloses. It does not judge." in footer.text
    assert "2026-01-01T12:00:00.000Z" in footer.text
    assert "AUTO_12H" in footer.text


# The first page


def test_page_one_says_what_gets_forwarded() -> None:
    texts = page().texts
    cover = texts[: texts.index("A) WHAT WE COLLECTED")]
    report = REPORTS["a real site"]
    wanted = [
        report.tenant.cloud_id,
        "AUTO_12H",
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T12:00:00.000Z",
        "12",
        *("37", "48213", "164"),
        *wording.WHAT_IT_IS_TEXT,
        *wording.VERIFY_TEXT,
        report.digest,
        "s-test",
    ]
    assert [text for text in wanted if text not in cover] == []
    assert cover.count("AVAILABLE") == 8


def test_the_method_tells_each_request() -> None:
    [text] = shown(page(), "method")
    for each in document(REPORTS["a real site"])["evidence"]["entries"]:
        entry = each["entry"]
        for value in (entry["at"], entry["detail"]["request"], entry["detail"]["scope"]):
            assert value in text
    assert "Approximate, counted by Jira, not read" in text
    assert "No count: Jira answered that the app has no permission" in text


def test_the_evidence_is_listed_with_its_hashes() -> None:
    [text] = shown(page(), "evidence")
    cited = document(REPORTS["a real site"])["evidence"]
    assert cited["ledger_head"]["hash"] in text
    assert all(each["entry_hash"] in text for each in cited["entries"])


# Nothing acts, nothing is loaded


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_well_formed_and_holds_nothing_that_acts(name: str) -> None:
    assert page(name).faults == []
    tags = {each.tag for each in page(name).elements}
    assert tags & {"script", "img", "link", "iframe", "object", "form", "a", "svg", "base"} == set()
    attributes = {key for each in page(name).elements for key in each.attributes}
    assert attributes & {"style", "src", "href", "srcset", "action", "background"} == set()
    assert not any(key.startswith("on") for key in attributes)


def test_the_policy_allows_its_one_style_and_nothing_else() -> None:
    [policy] = [e for e in page().all("meta") if "http-equiv" in e.attributes]
    style = html("a real site").partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.attributes["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"url\(|@import|expression|https?:", style)


def test_no_colour_says_anything_about_a_number() -> None:
    """CONTRACT 7: nothing highlighted; every value has the same two classes or none."""
    classes = {each.attributes.get("class", "") for each in page().all("p", "dd") if each.text}
    assert classes == {"", "lead", "value", "value words", "quoted"}


# Hostile text

HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "</style><script>x</script>",
    "{{ 7*7 }}{% raw %}",
    "a\u202egnp.exe",
    "\u2066\u2067\u2069\u200b\ufeff",
    "\x00\x01\x1b[31m\x7f\x85",
    "\ud800",
    "&lt;b&gt;",
    "x" * 10_000,
    "\n\r\t",
]


def hostile_document(text: str) -> Document:
    """Return the document of a real site with `text` wherever text is not ours."""
    fine = page_document(REPORTS["a real site"])
    return replace(
        fine,
        facts=tuple(replace(fact, value=Quoted(text)) for fact in fine.facts),
        footer_facts=(Fact("Trigger", Quoted(text)),),
        cover=(Part("what", "x", commands=(Quoted(text),)),),
        parts=(Part("A", "x", items=(Item("x", Quoted(text), (Fact("x", Quoted(text)),)),)),),
    )


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_text_is_shown_harmless(text: str) -> None:
    assert_harmless(text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_no_text_can_act(text: str) -> None:
    assert_harmless(text)


def assert_harmless(text: str) -> None:
    rendered = render(hostile_document(text))
    rendered.encode()  # no lone surrogate is left
    found = read_page(rendered)
    tags = {each.tag for each in found.elements}
    assert found.faults == []
    assert tags <= {each.tag for each in page().elements}
    shown_text = found.all("code")[0].text
    assert shown_text == " ".join(displayed(text).split())
    assert len(shown_text) < 6100
    assert all(c.isprintable() or c == " " for c in shown_text)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown_text)


def test_the_same_report_gives_the_same_page() -> None:
    assert render(page_document(signed())) == render(page_document(signed()))
    assert json.dumps(html("as usual")) == json.dumps(render(page_document(signed())))
