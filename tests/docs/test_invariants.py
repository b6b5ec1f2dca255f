"""docs/invariants.md names a guard for every invariant, property and fault, and each exists."""

import re
from collections.abc import Iterator

import pytest

from docs.page import ROOT, code, codes, page
from docs.test_page import functions_of, module_docstring

PAGE = "docs/invariants.md"
INVARIANTS = tuple(f"I{number}" for number in range(1, 18))
PROPERTIES = tuple("ABCDEFG")
ACCEPTANCE = "tests/scenario/test_acceptance.py"
SCENARIOS = 16
"""The specification lists 18; the three waits of D share one test."""
FAULTS = (*range(1, 35), 36, 37, 40, 41, 42, 44, 46, 47)
"""The faults of the prototype, by the numbers that its study gave them; it skips some."""
_GUARD = re.compile(r"tests/[\w/]+\.py::\w+")


def _sections() -> dict[str, str]:
    """Return the text below each heading of the second level by the heading."""
    parts = re.split(r"^## (.+)$", page(PAGE).text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_invariant_has_its_section() -> None:
    named = [heading.partition(":")[0] for heading in _sections() if heading.startswith("I")]
    assert named == list(INVARIANTS)


@pytest.mark.parametrize("number", INVARIANTS)
def test_every_invariant_says_where_it_is_upheld_and_who_guards_it(number: str) -> None:
    text = next(text for heading, text in _sections().items() if heading.startswith(f"{number}:"))
    assert re.search(r"^Upheld in `", text, re.MULTILINE)
    assert len(_GUARD.findall(text)) >= 1


def test_every_property_names_its_scenarios() -> None:
    table = page(PAGE).table("property", "in our words")
    assert tuple(table.column("property")) == PROPERTIES
    told = [(row[0], name) for row in table.rows for name in codes(row[3])]
    scenarios = [(letter, name) for letter, name in told if name.startswith(ACCEPTANCE)]
    for letter, name in scenarios:
        assert name.startswith(f"{ACCEPTANCE}::test_{letter.lower()}_"), name
    assert {letter for letter, _ in scenarios} == set(PROPERTIES)
    assert len(set(scenarios)) == len(scenarios) >= SCENARIOS


def test_every_fault_of_the_prototype_has_a_test_that_cites_it() -> None:
    table = page(PAGE).table("fault", "what happened")
    told = [int(cell.removeprefix("P")) for cell in table.column("fault")]
    assert told == list(FAULTS)
    for fault, cell in zip(table.column("fault"), table.column("shown by"), strict=True):
        path, _, name = code(cell).partition("::")
        cited = f"{functions_of(path)[name]} {module_docstring(path)}"
        assert re.search(rf"\b{fault}\b", cited), f"{code(cell)} does not cite {fault}"


def test_every_number_that_is_cited_exists() -> None:
    known = {int(heading[1:].partition(":")[0]) for heading in _sections() if heading[0] == "I"}
    for path, cited in _citations():
        assert cited <= known, f"{path} cites {sorted(cited - known)}"


def _citations() -> Iterator[tuple[str, set[int]]]:
    for folder in ("src", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            found = re.findall(r"\bI(\d{1,2})\b", path.read_text("utf-8"))
            yield path.relative_to(ROOT).as_posix(), {int(number) for number in found}
