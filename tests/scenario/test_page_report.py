"""The report on the page in Jira and its files: what verifies, and nothing else."""

import base64

import pytest

from firstry.exports.key import trusted
from firstry.exports.verify import verify
from support.jira_page import (
    DOWNLOAD,
    EVERY_ROUTE,
    GENERATE,
    REPORT,
    STATUS,
    installed,
    module_of,
    reported,
    visit,
)
from support.service import World


def test_a_report_of_another_site_is_none(world: World) -> None:
    acme, globex = reported(world), reported(world)
    foreign = visit(world, globex).told(STATUS)["reports"][0]["report_id"]
    for report_id in (foreign, "r-unknown"):
        for answer in (
            visit(world, acme).call(REPORT, report_id=report_id),
            visit(world, acme).call(DOWNLOAD, report_id=report_id, format="json"),
        ):
            assert (answer.status, answer.json()["reason"]) == (404, "NO_REPORT_AVAILABLE")


def test_no_report_is_404(world: World) -> None:
    site = installed(world)
    assert visit(world, site).call(REPORT).json()["reason"] == "NO_REPORT_AVAILABLE"
    answer = visit(world, site).call(DOWNLOAD, format="json")
    assert (answer.status, answer.json()["reason"]) == (404, "NO_REPORT_AVAILABLE")


@pytest.mark.parametrize("name", ["", "exe", "PDF", "../json", "json\x00"])
def test_unknown_formats(world: World, name: str) -> None:
    answer = visit(world, reported(world)).call(DOWNLOAD, format=name)
    assert (answer.status, answer.json()["reason"]) == (400, "FORMAT_UNKNOWN")


@pytest.mark.parametrize(
    ("name", "ending", "start"),
    [
        ("json", ".json", b"{"),
        ("envelope", ".json.dsse", b'{"payload"'),
        ("html", ".html", b"<!doctype html>"),
        ("pdf", ".pdf", b"%PDF-"),
    ],
)
def test_each_file_is_what_it_says(world: World, name: str, ending: str, start: bytes) -> None:
    """P42: the PDF is one, and what is handed out is what the command line exports."""
    site = reported(world)
    file = visit(world, site).told(DOWNLOAD, format=name)
    content = base64.b64decode(file["content_base64"], validate=True)
    assert file["name"] == "firstry-trust-report-AUTO_12H-2026-03-01" + ending
    assert content.startswith(start)
    if name != "envelope":
        report_id = visit(world, site).told(STATUS)["reports"][0]["report_id"]
        path = world.folder / "exported"
        ran = world.command("reports", "export", report_id, "--format", name, "--output", str(path))
        assert ran.code == 0, ran
        assert path.read_bytes() == content


def test_what_is_downloaded_verifies(world: World) -> None:
    site = reported(world)
    body, envelope = (visit(world, site).downloaded(name) for name in ("json", "envelope"))
    store = world.database.store()
    keys = trusted(store.public_keys())
    store.close()
    assert verify(body, envelope, keys).holds


def test_the_document_is_plain_texts(world: World) -> None:
    """P37: headings are there, and the service sends no markup that a page could run."""
    document = visit(world, reported(world)).told(REPORT)["document"]
    headings = [part["heading"] for part in document["parts"]]
    assert headings[:4] == [
        "A) WHAT WE COLLECTED",
        "B) COVERAGE DISCLOSURE",
        "C) PRELIMINARY OBSERVATIONS",
        "D) FORECAST",
    ]
    for part in (*document["cover"], *document["parts"]):
        assert part["heading"] not in ("", "undefined", "None")
        for item in part["items"]:
            for note in item["notes"]:
                assert {fact["term"] for fact in note["facts"]} >= {"Completeness, %", "Confidence"}
                assert note["sentence"]


def test_a_store_that_fails_is_a_fault_and_no_answer(world: World) -> None:
    site = reported(world)
    with world.database.locked():
        answer = visit(world, site).call(GENERATE)
    assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
    assert visit(world, site).call(GENERATE).status == 200


def test_every_route_has_a_module(world: World) -> None:
    assert {module_of(path) for path in EVERY_ROUTE} == {"report-page", "report-gadget"}
