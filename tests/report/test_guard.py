"""The language guard (P36): each word is rejected, none of ours is one, site data is free."""

import re

import pytest

from firstry.domain.report import sentence
from firstry.domain.report.guard import (
    ADVICE,
    CHANGE,
    FORBIDDEN_KEYS,
    FORBIDDEN_WORDS,
    INFERENCE,
    SCORING,
    VALUE,
    forbidden_keys,
    forbidden_words,
)
from firstry.domain.report.rule import judge
from firstry.domain.report.schema import json_schema
from firstry.exports.document import document_of, our_words
from support.report import document, leaves, varied

CONTRACT = """
recommend, should, suggest, optimize, fix, upgrade, downgrade, improve, decline, trend, good, bad,
best, worst, excellent, poor, weak, strong, health, hygiene, problem, score, benchmark, ranking,
percentile, compare, indicates, implies, infer, insight, so what
"""


def test_the_guard_knows_every_word_of_the_contract() -> None:
    assert set(FORBIDDEN_WORDS) == {word.strip() for word in CONTRACT.split(",")}
    assert len(FORBIDDEN_WORDS) == sum(map(len, (ADVICE, CHANGE, VALUE, SCORING, INFERENCE)))


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
@pytest.mark.parametrize("form", ["{}", "The {} of it.", "({})", "so-{}!", '"{}"', "{}s"])
def test_the_guard_rejects_a_forbidden_word(word: str, form: str) -> None:
    for text in (form.format(word), form.format(word.upper()), form.format(word.title())):
        assert len(forbidden_words(text)) == 1, text


@pytest.mark.parametrize("text", ["so  what", "so\nwhat", "SO WHAT?"])
def test_the_guard_sees_two_words_across_any_space(text: str) -> None:
    assert forbidden_words(text)


@pytest.mark.parametrize(
    "text",
    ["fixture", "badge", "goodbye", "bestow", "scoreboard", "trendy", "inferno", "prefix", "so"],
)
def test_the_guard_takes_whole_words_only(text: str) -> None:
    assert forbidden_words(f"a {text} here") == ()


@pytest.mark.parametrize("text", sorted(set(sentence.catalogue())))
def test_no_sentence_of_the_catalogue_holds_a_forbidden_word(text: str) -> None:
    assert forbidden_words(text) == ()


@pytest.mark.parametrize("name", varied())
def test_every_sentence_of_a_report_is_in_the_catalogue(name: str) -> None:
    ours = {"heading", "label", "disclosure_text", "reason_detail_text", "quantity", "disclaimer"}
    said = {leaf.value for leaf in leaves(document(varied()[name])) if leaf.key in ours}
    assert said - {None} <= set(sentence.catalogue())


@pytest.mark.parametrize("name", varied())
def test_no_word_of_ours_in_a_rendering_is_forbidden(name: str) -> None:
    report = varied()[name]
    shown = document_of(document(report), report.digest, "s-test", "report.json")
    assert [
        (text, forbidden_words(text)) for text in our_words(shown) if forbidden_words(text)
    ] == []


@pytest.mark.parametrize(
    "place",
    [
        "sections/A/issues_scanned/disclosure/disclosure_text",
        "sections/B/datasets/0/coverage_disclosure/disclosure_text",
        "sections/B/datasets/12/reason_detail_text",
        "sections/B/datasets/12/mandatory_zero_disclosure/disclosure_text",
        "sections/C/observations/0/label",
        "sections/D/disclosure_text",
    ],
)
@pytest.mark.parametrize("word", ["should", "trend", "problem", "ranking", "insight"])
def test_a_forbidden_word_in_a_label_or_sentence_is_refused(place: str, word: str) -> None:
    """P36: labels and sentences too, not keys alone."""
    changed = document()
    *path, last = place.split("/")
    at = changed
    for name in path:
        at = at[int(name) if name.isdigit() else name]
    at[last] = f"The {word} of it"
    found = [breach for breach in judge(changed).breaches() if breach.place == f"/{place}"]
    assert any(word in breach.rule for breach in found)


def test_data_that_is_not_ours_may_hold_any_word() -> None:
    """A trigger is named by those who run the app, a request by the platform."""
    changed = document()
    changed["trigger"] = "BEST_SCORE"
    changed["evidence"]["entries"][0]["entry"]["detail"]["request"] = "GET /best/score"
    assert judge(changed).schema == ()


@pytest.mark.parametrize("key", sorted(FORBIDDEN_KEYS))
def test_a_forbidden_key_is_found_at_any_depth(key: str) -> None:
    assert list(forbidden_keys({"a": [{key: 1}]})) == [f"/a/0/{key}"]
    changed = document()
    changed["sections"]["A"][key] = 1
    rules = [
        breach.rule for breach in judge(changed).schema if breach.place == f"/sections/A/{key}"
    ]
    assert rules == ["is a key that no report may have", "is no key of the schema"]


def test_the_schema_has_no_forbidden_key() -> None:
    keys = set(re.findall(r"'([a-z_]+)':", repr(json_schema())))
    assert "completeness_percent" in keys
    assert keys & FORBIDDEN_KEYS == set()
