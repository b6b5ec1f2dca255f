"""docs/architecture.md tells the floors that import-linter checks, and the tree that is there."""

import re
import tomllib
from typing import Any

from docs.code_name import SOURCE
from docs.page import codes, page, source_of


def _floors() -> list[list[str]]:
    """Return the modules of each floor as import-linter has them, the highest first."""
    contracts = tomllib.loads(source_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    floors: Any = next(each for each in contracts if each["id"] == "floors")
    named = [re.findall(r"\w+", layer) for layer in floors["layers"]]
    return [names for names in named if names != ["__main__"]]


def test_the_floors_are_those_of_the_contract() -> None:
    table = page("docs/architecture.md").table("floor", "modules")
    told = [sorted(codes(cell)) for cell in table.column("modules")]
    assert told == [sorted(names) for names in _floors()]
    numbers = [int(cell) for cell in table.column("floor")]
    assert numbers == sorted(numbers, reverse=True)


def test_every_module_has_its_floor_and_what_is_not_there_says_so() -> None:
    table = page("docs/architecture.md").table("floor", "modules")
    told = {name for cell in table.column("modules") for name in codes(cell)}
    there = {p.stem for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert there - {"__init__", "__main__"} <= told
    absent = told - there
    words = " ".join(table.column("what lives there"))
    assert words.count("not there yet") == len(absent), f"these do not exist: {sorted(absent)}"


def test_contributing_tells_the_same_floors() -> None:
    table = page("CONTRIBUTING.md").table("floor")
    named = [set(codes(cell)) for cell in table.column("floor")]
    for told, names in zip(named, _floors(), strict=True):
        assert told <= set(names)


def test_the_path_names_both_writes_in_order() -> None:
    table = page("docs/architecture.md").table("step", "where")
    assert table.column("step") == [str(n + 1) for n in range(len(table.rows))]
    durable = [cell for cell in table.column("durable") if cell]
    assert durable == ["**write 1**", "**write 2**"]
    for where in table.column("where"):
        assert codes(where), f"a step without its function: {where}"
