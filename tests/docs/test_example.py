"""docs/examples: signed reports that verify, and what shows them as they are now."""

import json
from pathlib import Path

import pytest

from docs.page import page
from support.command import command
from support.example import EXAMPLES, TAKEN, renderings, reports

KEYS = EXAMPLES / "firstry-keys.json"


def test_the_examples_are_those_that_are_told() -> None:
    sites = [report.parent.name for report in reports()]
    assert sites == sorted(site for site, _ in TAKEN)
    table = page("docs/examples/README.md").table("folder", "what it shows")
    assert [row[0] for row in table.rows] == [f"[{site}]({site})" for site in sites]


@pytest.mark.parametrize("report", reports(), ids=lambda report: report.parent.name)
def test_an_example_verifies(report: Path) -> None:
    ran = command(Path("/"), {}, "verify", str(report.parent), "--key", str(KEYS), "--json")
    assert (ran.code, ran.json()["counts"]) == (0, {"verified": 2, "not_verified": 0})


@pytest.mark.parametrize("report", reports(), ids=lambda report: report.parent.name)
def test_page_and_pdf_of_an_example_are_fresh(report: Path) -> None:
    """Byte for byte. If this fails: `.venv/bin/python tests/support/example.py`."""
    for suffix, content in renderings(report).items():
        assert report.with_suffix(suffix).read_bytes() == content, suffix


def test_the_examples_show_what_is_said_of_them() -> None:
    counts = {
        report.parent.name: json.loads(report.read_bytes())["sections"]["A"] for report in reports()
    }
    assert counts["larch"]["issues_scanned"]["count"] > 10_000
    assert counts["marlin"]["issues_scanned"]["count"] is None
    assert counts["pebble"]["issues_scanned"]["count"] == 0
