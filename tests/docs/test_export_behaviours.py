"""docs/export-behaviours.md names a test for each behaviour of exports and page (CONTRACT 7)."""

from collections import Counter

from docs.page import code, page
from docs.test_page import functions_of

TABLE = page("docs/export-behaviours.md").table("group", "behaviour", "shown by")
BEHAVIOURS = {
    "JSON": 8,
    "PDF": 15,
    "parity": 4,
    "helpers": 7,
    "errors": 3,
    "forecast": 4,
    "page": 27,
}
"""How many behaviours the specification gives each group."""
PLACES = ("tests/report/", "tests/scenario/test_page", "tests/browser/test_jira_page")


def test_each_group_has_all_of_its_behaviours_in_one_piece() -> None:
    groups = TABLE.column("group")
    assert dict(Counter(groups)) == BEHAVIOURS
    assert groups == [name for name, count in BEHAVIOURS.items() for _ in range(count)]


def test_each_behaviour_is_told_once_and_has_a_test_of_its_own() -> None:
    told = list(zip(TABLE.column("group"), TABLE.column("behaviour"), strict=True))
    assert len(set(told)) == len(told)
    shown = TABLE.column("shown by")
    assert [cell for cell, count in Counter(shown).items() if count > 1] == []


def test_each_test_exists() -> None:
    for cell in TABLE.column("shown by"):
        path, _, name = code(cell).partition("::")
        assert path.startswith(PLACES), path
        assert name.startswith("test_")
        assert name in functions_of(path), code(cell)
