"""Each decision record has the form that docs/decisions/README.md asks for."""

import re

import pytest

from docs.page import Page, page, pages

INDEX = "docs/decisions/README.md"
RECORDS = [
    pytest.param(each, id=name.rpartition("/")[2])
    for name, each in pages().items()
    if re.match(r"docs/decisions/\d", name)
]
STATUS = r"^Status: (accepted \([A-Z][a-z]+ \d{4}\)|replaced by \d{4})$"
SECTIONS = ["Situation", "Decision", "Against it", "Cost"]
MOST_LINES = 40


@pytest.mark.parametrize("each", RECORDS)
def test_a_record_has_its_parts_and_its_length(each: Page) -> None:
    title, *sections = each.headings()
    number = each.path.rpartition("/")[2][:4]
    assert re.fullmatch(rf"{number}: \S.*[^.]", title)
    assert sections == SECTIONS
    assert 10 <= len(each.lines) <= MOST_LINES
    assert re.search(
        r"^Status: (accepted \([A-Z][a-z]+ \d{4}\)|replaced by \d{4})$", each.text, re.MULTILINE
    )


def test_numbers_have_no_gap() -> None:
    numbers = [int(name.rpartition("/")[2][:4]) for name in pages() if re.search(r"/\d{4}-", name)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_index_repeats_the_titles() -> None:
    told = [(row[0], row[1]) for row in page(INDEX).table("record").rows]
    titles = [
        (f"[{file[:4]}]({file})", each.headings()[0].partition(": ")[2])
        for file, each in ((name.rpartition("/")[2], each) for name, each in pages().items())
        if re.match(r"\d{4}-", file)
    ]
    assert told == titles
