"""What stands in each section of a PDF and on each of its pages: behaviours of CONTRACT 7."""

from functools import cache

import pytest

from firstry.exports import wording
from firstry.exports.rendering import pdf_of
from support.paper import Paper, squeezed
from support.report import document, forecast_report, real_site, signed, smallest

REPORTS = {
    "a real site": signed(evidence=real_site()),
    "smallest": smallest(),
    "with a forecast": forecast_report(),
}
NEXT = {
    "A": "B) COVERAGE DISCLOSURE",
    "B": "C) PRELIMINARY OBSERVATIONS",
    "C": "D) FORECAST",
    "D": wording.METHOD,
}
each_report = pytest.mark.parametrize("name", REPORTS)


@cache
def paper(name: str) -> Paper:
    return Paper(pdf_of(REPORTS[name]))


def section(name: str, letter: str) -> str:
    """Return the text from the heading of a section to the next heading."""
    heading = document(REPORTS[name])["sections"][letter]["heading"]
    text = paper(name).text
    assert text.count(squeezed(heading)) == 1
    begin = text.index(squeezed(heading))
    return text[begin : text.index(squeezed(NEXT[letter]), begin)]


def value_of(number: int | None) -> str:
    return wording.NOT_MEASURED if number is None else str(number)


@each_report
def test_section_a_is_headed(name: str) -> None:
    assert section(name, "A").startswith(squeezed("A) WHAT WE COLLECTED"))


@each_report
def test_section_b_is_headed(name: str) -> None:
    assert section(name, "B").startswith(squeezed("B) COVERAGE DISCLOSURE"))


@each_report
def test_section_c_is_headed(name: str) -> None:
    assert section(name, "C").startswith(squeezed("C) PRELIMINARY OBSERVATIONS"))


@each_report
def test_section_d_is_headed(name: str) -> None:
    assert section(name, "D").startswith(squeezed("D) FORECAST"))


@each_report
def test_section_a_shows_its_three_values(name: str) -> None:
    collected = document(REPORTS[name])["sections"]["A"]
    text = section(name, "A")
    for key, label in wording.COLLECTED.items():
        assert squeezed(label + value_of(collected[key]["count"])) in text


@each_report
def test_section_b_names_every_dataset_once_and_in_order(name: str) -> None:
    rows = document(REPORTS[name])["sections"]["B"]["datasets"]
    text = section(name, "B")
    places = [text.index(squeezed(f"{row['dataset_name']}{wording.STATE}")) for row in rows]
    assert places == sorted(set(places))
    assert len(places) == 13


@each_report
def test_section_c_shows_every_observation_in_order(name: str) -> None:
    observations = document(REPORTS[name])["sections"]["C"]["observations"]
    text, place = section(name, "C"), 0
    for each in observations:
        place = text.index(squeezed(each["label"] + value_of(each["value"])), place)
    assert len(observations) == len(document(REPORTS[name])["evidence"]["entries"])


@each_report
def test_the_footer_says_that_the_report_does_not_judge(name: str) -> None:
    for page in paper(name).pages:
        footer = squeezed(page)[squeezed(page).rindex("Thisreport") :]
        assert footer.startswith(squeezed("This report discloses. It does not judge."))


@each_report
def test_the_trigger_stands_on_page_one_and_below_every_page(name: str) -> None:
    trigger = squeezed("Trigger" + document(REPORTS[name])["trigger"])
    first, *others = map(squeezed, paper(name).pages)
    assert first.count(trigger) == 2
    assert [page.count(trigger) for page in others] == [1] * len(others)


@each_report
def test_the_window_stands_on_page_one(name: str) -> None:
    window = document(REPORTS[name])["observation_window"]
    first = squeezed(paper(name).pages[0])
    for term, key in (
        (wording.WINDOW_FROM, "from"),
        (wording.WINDOW_TO, "to"),
        (wording.WINDOW_HOURS, "duration_hours"),
    ):
        assert squeezed(f"{term}{window[key]}") in first
