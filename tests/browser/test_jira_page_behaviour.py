"""The behaviours of the page in Jira, each by its name (CONTRACT 7): what it shows of a report.

That only a press asks for a report is in test_jira_page_use.py.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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
from firstry.exports import wording
from firstry.sim.platform_key import KeyRing
from firstry.web.page.answer import MEANINGS
from support.forge_app import APP, ready
from support.jira_page import visit
from support.jira_scene import Scene, Staged, opened, staged, waiting
from support.report import leaves

CATALOGUE = (APP / "static" / "source" / "words.ts").read_text("utf-8")
SECTIONS = {
    "A": "A) WHAT WE COLLECTED",
    "B": "B) COVERAGE DISCLOSURE",
    "C": "C) PRELIMINARY OBSERVATIONS",
    "D": "D) FORECAST",
}
SEEN = """
() => ({
  sections: [...document.querySelectorAll("#report section")].map(each => ({
    id: each.id,
    heading: each.querySelector("h2").innerText,
    text: each.innerText.replace(/\\s+/g, " "),
    items: [...each.querySelectorAll(":scope > ul.items > li")].map(item => ({
      label: item.querySelector("h3").innerText,
      value: item.querySelector(".value")?.innerText ?? null,
      notes: [...item.querySelectorAll(".note")].map(note => ({
        sentence: note.querySelector("p").innerText,
        facts: Object.fromEntries([...note.querySelectorAll("dl > div")].map(
          fact => [fact.querySelector("dt").innerText, fact.querySelector("dd").innerText])),
      })),
    })),
  })),
  looks: [...document.querySelectorAll("#report .value, #report dd")].map(each => {
    const look = getComputedStyle(each);
    const names = ["color", "backgroundColor", "fontWeight", "fontStyle", "textDecorationLine"];
    return [each.localName, ...names.map(name => look[name])];
  }),
  main: document.querySelector("main").innerText,
  schedule: document.querySelector("#schedule").innerText.replace(/\\s+/g, " "),
})
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A report on the page, and the JSON of the same report."""

    page: dict[str, Any]
    report: dict[str, Any]

    @property
    def told(self) -> Any:
        """The sections of the JSON."""
        return self.report["sections"]

    def section(self, letter: str) -> Any:
        """Return a section of the page; there is one of its name, and it is headed."""
        [found] = [each for each in self.page["sections"] if each["id"] == letter]
        assert found["heading"] == SECTIONS[letter] == self.told[letter]["heading"]
        return found

    def numbers(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yield each item of sections A and C that holds a number, with its part of the JSON."""
        collected = [self.told["A"][key] for key in wording.COLLECTED]
        yield from zip(self.section("A")["items"], collected, strict=True)
        observed = self.told["C"]["observations"]
        yield from zip(self.section("C")["items"], observed, strict=True)


@pytest.fixture(scope="module")
def seen(browser: Browser, reported: Staged) -> Seen:
    """The latest report of a site as its administrator sees it."""
    with opened(browser, reported) as page:
        found = ready(page).evaluate(SEEN)
    return Seen(found, json.loads(visit(*reported).downloaded("json")))


# Sections A to D, and no other


def test_section_a_is_rendered(seen: Seen) -> None:
    items = seen.section("A")["items"]
    assert [each["label"] for each in items] == list(wording.COLLECTED.values())


def test_section_b_is_rendered(seen: Seen) -> None:
    names = [row["dataset_name"] for row in seen.told["B"]["datasets"]]
    assert [each["label"] for each in seen.section("B")["items"]] == names
    assert len(names) == 13


def test_section_c_is_rendered(seen: Seen) -> None:
    labels = [each["label"] for each in seen.told["C"]["observations"]]
    assert [each["label"] for each in seen.section("C")["items"]] == labels
    assert len(labels) > 5


def test_section_d_is_rendered(seen: Seen) -> None:
    text = seen.section("D")["text"]
    assert seen.told["D"]["disclosure_text"] in text
    assert seen.told["D"]["reason"] in text


def test_there_is_no_other_section(seen: Seen) -> None:
    """Page one before them; method, evidence, limits and data flow, which hold no count, behind."""
    ids = [each["id"] for each in seen.page["sections"]]
    assert ids == [
        *("what", "counts", "coverage"),
        *SECTIONS,
        *("method", "evidence", "limits", "data-flow"),
    ]


# Figures


def test_no_figure_is_derived(seen: Seen) -> None:
    """Every number that is shown large stands in the JSON."""
    items = [item for each in seen.page["sections"] for item in each["items"]]
    shown = {item["value"] for item in items} - {None, wording.NOT_MEASURED}
    assert shown <= {str(leaf.value) for leaf in leaves(seen.told)}
    assert len(shown) > 5


def test_the_order_is_kept(seen: Seen) -> None:
    """Datasets and observations stand as in the JSON, none sorted by its figure."""
    values = [item["value"] for item, _ in seen.numbers()]
    assert values != sorted(values, key=str)
    assert [each["id"] for each in seen.page["sections"] if each["id"] in SECTIONS] == [*"ABCD"]
    rows = seen.section("B")["items"]
    assert [each["notes"][0]["sentence"] for each in rows] == [
        row["coverage_disclosure"]["disclosure_text"] for row in seen.told["B"]["datasets"]
    ]


def test_values_are_verbatim(seen: Seen) -> None:
    for item, told in seen.numbers():
        value = told["count"] if "count" in told else told["value"]
        assert item["value"] == (wording.NOT_MEASURED if value is None else str(value))
    assert "48213" in [item["value"] for item, _ in seen.numbers()]


def test_no_value_looks_unlike_another(seen: Seen) -> None:
    """Nothing is highlighted: one ink for all, one look for counts and one for facts."""
    looks = [tuple(each) for each in seen.page["looks"]]
    assert len(looks) > 100
    assert sorted(kind for kind, *_ in set(looks)) == ["dd", "p"]
    assert len({ink for _, ink, *_ in looks}) == 1


# Language


def test_the_whole_page_says_no_forbidden_word(seen: Seen) -> None:
    assert forbidden_words(seen.page["main"]) == ()


def test_the_report_says_no_forbidden_word(seen: Seen) -> None:
    """With what stays closed until somebody opens it."""
    said = [leaf.value for leaf in leaves(seen.told) if isinstance(leaf.value, str)]
    assert [text for text in said if forbidden_words(text)] == []
    assert [each["text"] for each in seen.page["sections"] if forbidden_words(each["text"])] == []


def test_no_word_of_the_page_s_own_is_forbidden() -> None:
    """Also the words that no test brings onto the page."""
    assert forbidden_words(CATALOGUE) == ()


def test_no_refusal_says_a_forbidden_word() -> None:
    assert [each for m in MEANINGS.values() for each in forbidden_words(m.message)] == []


def rejects(words: tuple[str, ...]) -> bool:
    """Return whether each word, put among the page's own, is found."""
    spoiled = [CATALOGUE.replace("The report is stored", f"It {word} this") for word in words]
    return CATALOGUE not in spoiled and all(map(forbidden_words, spoiled))


def test_the_guard_rejects_advice() -> None:
    assert rejects(ADVICE)


def test_the_guard_rejects_change_over_time() -> None:
    assert rejects(CHANGE)


def test_the_guard_rejects_value() -> None:
    assert rejects(VALUE)


def test_the_guard_rejects_scoring() -> None:
    assert rejects(SCORING)


def test_the_guard_rejects_inference() -> None:
    assert rejects(INFERENCE)


# With every number


def test_completeness_stands_with_every_number(seen: Seen) -> None:
    for item, told in seen.numbers():
        shown = item["notes"][0]["facts"][wording.COMPLETENESS]
        assert shown == str(told["disclosure"]["completeness_percent"])


def test_confidence_stands_with_every_number(seen: Seen) -> None:
    for item, told in seen.numbers():
        shown = item["notes"][0]["facts"][wording.CONFIDENCE]
        assert shown == told["disclosure"]["confidence_level"]


def test_the_sentence_stands_with_every_number(seen: Seen) -> None:
    for item, told in seen.numbers():
        assert item["notes"][0]["sentence"] == told["disclosure"]["disclosure_text"]


# The schedule


@pytest.fixture(scope="module")
def delayed(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> Iterator[str]:
    """The schedule of a site whose first attempt has failed."""
    folder: Path = tmp_path_factory.mktemp("delayed")
    scene = Scene("waiting", waiting, "")
    with staged(scene, folder, keys) as found, opened(browser, found) as page:
        yield ready(page).evaluate(SEEN)["schedule"]


def test_the_last_run_is_shown(seen: Seen, delayed: str) -> None:
    assert "Last scheduled call by Jira 2 Mar 2026, 09:07 UTC" in seen.page["schedule"]
    assert "Last scheduled call by Jira 1 Mar 2026, 21:07 UTC" in delayed


def test_each_trigger_is_shown_as_done_or_not(seen: Seen, delayed: str) -> None:
    done = "hours after installation Done Due from"
    assert f"12 {done}" in seen.page["schedule"]
    assert f"24 {done}" in seen.page["schedule"]
    assert "12 hours after installation Waits for its next attempt Due from" in delayed
    assert "24 hours after installation Not due yet Due from" in delayed
    assert "Done" not in delayed


def test_the_last_error_is_shown(seen: Seen, delayed: str) -> None:
    told = "Last error Jira could not answer at that time. (attempt 1, 1 Mar 2026, 21:07 UTC)"
    assert told in delayed
    assert seen.page["schedule"].count("Last error None") == 2


def test_no_exact_time_is_promised(seen: Seen, delayed: str) -> None:
    """Instants to come are said as the earliest ones."""
    for schedule in (seen.page["schedule"], delayed):
        assert "Reports are made some time after that, not at an exact time." in schedule
    assert "Next attempt not before 1 Mar 2026, 21:37 UTC" in delayed
    assert " at 1 Mar" not in delayed
