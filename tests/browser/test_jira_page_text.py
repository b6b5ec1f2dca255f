"""The page in Jira says what the report says, and no word that judges."""

import json
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser

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
