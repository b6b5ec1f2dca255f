"""The page in Jira says what the report says, and no word that judges."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from firstry.domain.report.guard import (
    ADVICE,
    CHANGE,
    INFERENCE,
    SCORING,
    VALUE,
    forbidden_words,
)
from firstry.web.page.answer import MEANINGS
from support.forge_app import APP, ready, texts
from support.jira_page import REPORT, visit
from support.jira_scene import Staged, opened
from support.report import leaves

CATALOGUE = (APP / "static" / "source" / "words.ts").read_text("utf-8")


def test_the_report_is_the_document_text_by_text(browser: Browser, reported: Staged) -> None:
    """Parity: headings, order of parts, order within them, every fact of a disclosure."""
    world, site = reported
    document = visit(world, site).told(REPORT)["document"]
    apart = [each for each in document["cover"] if each["key"] == "verify"]
    document["cover"] = [each for each in document["cover"] if each["key"] != "verify"]
    with opened(browser, reported) as page:
        assert texts(ready(page), "#report") == list(told_by(document))
        assert texts(page, "#verify") == list(told_by({"cover": apart}))


def told_by(document: Any) -> Iterator[str]:
    """Yield the texts of a document in the order in which a reader meets them."""
    order = ("lead", "facts", "cover", "parts", "footer", "footer_facts")
    for name in order:
        each = document.get(name)
        if isinstance(each, str):
            yield each
        elif name.endswith("facts"):
            yield from facts(each or [])
        else:
            for part in each or []:
                yield from part_texts(part)


def part_texts(part: Any) -> Iterator[str]:
    yield from (part["heading"], *part["paragraphs"], *part["commands"], *part["closing"])
    yield from facts(part["facts"])
    for item in part["items"]:
        yield item["label"]
        if item["value"]:
            yield item["value"]["text"]
        yield from facts(item["facts"])
        for note in item["notes"]:
            yield from ([note["heading"]] if note["heading"] else [])
            yield note["sentence"]
            yield from facts(note["facts"])
    yield from part["points"]


def facts(all_of_them: Any) -> Iterator[str]:
    for each in all_of_them:
        yield from (each["term"], each["value"]["text"])


def test_page_and_json_say_the_same(browser: Browser, reported: Staged) -> None:
    """Every sentence and every number of the JSON is on the page, word for word."""
    content = json.loads(visit(*reported).downloaded("json"))
    said = [leaf.value for leaf in leaves(content["sections"]) if leaf.value is not None]
    with opened(browser, reported) as page:
        shown = set(texts(ready(page), "#report"))
    assert {str(value) for value in said if not isinstance(value, bool)} <= shown


def test_sections_a_to_d_in_order_and_no_other(browser: Browser, reported: Staged) -> None:
    with opened(browser, reported) as page:
        headings = ready(page).locator("#report h2").all_inner_texts()
    sections = [each for each in headings if each[1:3] == ") "]
    assert sections == [
        "A) WHAT WE COLLECTED",
        "B) COVERAGE DISCLOSURE",
        "C) PRELIMINARY OBSERVATIONS",
        "D) FORECAST",
    ]


def test_nothing_is_highlighted(browser: Browser, reported: Staged) -> None:
    """Every number has the same ink, whatever it is; no number is worked out."""
    with opened(browser, reported) as page:
        numbers = ready(page).locator("#report .value, #report dd")
        inks = numbers.evaluate_all("all => all.map(each => getComputedStyle(each).color)")
        assert len(set(inks)) == 1
        shown = set(page.locator("#report .value:not(.words)").all_inner_texts())
    content = json.loads(visit(*reported).downloaded("json"))
    assert shown <= {str(leaf.value) for leaf in leaves(content["sections"])}


def test_every_number_has_its_disclosure(browser: Browser, reported: Staged) -> None:
    """Completeness, confidence and sentence stand with every number."""
    with opened(browser, reported) as page:
        shown = ready(page).locator("#report li:has(.value)").all_inner_texts()
    assert len(shown) > 12
    for each in shown:
        assert "Completeness, %" in each
        assert "Confidence" in each
        assert re.search(r"\w+ \w+.*\.", each)


def test_every_word_of_the_page_passes_the_guard() -> None:
    """Also the words that no test brings onto the page, in the page and in the service."""
    assert forbidden_words(CATALOGUE) == ()
    assert [each for m in MEANINGS.values() for each in forbidden_words(m.message)] == []


@pytest.mark.parametrize("words", [ADVICE, CHANGE, VALUE, SCORING, INFERENCE])
def test_the_guard_rejects(words: tuple[str, ...]) -> None:
    """Put into the catalogue, each forbidden word is found."""
    for word in words:
        assert forbidden_words(CATALOGUE.replace("The report is stored", f"It {word} this"))
