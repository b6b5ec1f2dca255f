"""Exports: what is written is the signed report, checked again, whole or not at all."""

import json
import re
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from firstry.domain.canonical import canonical_bytes, digest_of
from firstry.domain.errors import (
    Conflict,
    HtmlExportFailed,
    InputInvalid,
    JsonExportFailed,
    PdfExportFailed,
    ReportInvalid,
)
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report import sentence
from firstry.domain.report.schema import REPORT
from firstry.domain.report.shape import Breach
from firstry.exports import file as exports
from firstry.exports.file import LONGEST, export, refuse_invalid, write_whole
from firstry.exports.format import Format, file_name
from report.conftest import Made
from support.domain import tenant
from support.report import claim_of, document, signed, smallest, varied
from support.signing import PUBLIC_KEY, SIGNER

KEYS = (PUBLIC_KEY,)


def json_of(report: StoredReport) -> bytes:
    return export(report, Format.JSON, KEYS)[-1].content


# What an exported JSON file holds: eight behaviours


def test_json_is_valid_json() -> None:
    assert json.loads(json_of(signed()))["report_id"] == signed().report_id


@pytest.mark.parametrize("name", varied())
def test_json_is_canonical_and_exactly_what_was_signed(name: str) -> None:
    report = varied()[name]
    content = json_of(report)
    assert content == canonical_bytes(json.loads(content)) == report.body


@pytest.mark.parametrize("name", varied())
def test_json_has_no_key_beyond_the_schema(name: str) -> None:
    found: list[Breach] = []
    REPORT.check(json.loads(json_of(varied()[name])), "", found)
    assert found == []


@pytest.mark.parametrize("name", varied())
def test_json_holds_its_sentences_byte_for_byte(name: str) -> None:
    content = json_of(varied()[name]).decode()
    said = set(re.findall(r'"(?:disclosure_text|label|heading|disclaimer)":"([^"]*)"', content))
    assert len(said) > 5
    assert said <= set(sentence.catalogue())


def test_json_section_a_is_complete() -> None:
    section = json.loads(json_of(signed()))["sections"]["A"]
    assert section.keys() == {"heading", "projects_scanned", "issues_scanned", "fields_detected"}
    del section["heading"]
    assert all(each.keys() == {"count", "disclosure"} for each in section.values())


def test_json_section_b_is_complete() -> None:
    rows = json.loads(json_of(signed()))["sections"]["B"]["datasets"]
    needed = {
        *("dataset_name", "availability_state", "coverage_percent"),
        *("coverage_disclosure", "missing_reason", "reason_detail_text"),
    }
    assert len(rows) == 13
    assert all(row.keys() - {"mandatory_zero_disclosure"} == needed for row in rows)


def test_json_section_c_is_complete() -> None:
    found = json.loads(json_of(signed()))
    observations = found["sections"]["C"]["observations"]
    assert len(observations) == len(found["evidence"]["entries"]) == 5
    assert all(each.keys() == {"label", "value", "disclosure"} for each in observations)


def test_json_section_d_is_complete() -> None:
    section = json.loads(json_of(signed()))["sections"]["D"]
    assert section.keys() == {"heading", "forecast_available", "reason", "disclosure_text"}


# Names, sizes and files; that errors are collected is shown in test_rule.py


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        (Format.JSON, "firstry-trust-report-AUTO_12H-2026-01-01.json"),
        (Format.HTML, "firstry-trust-report-AUTO_12H-2026-01-01.html"),
        (Format.PDF, "firstry-trust-report-AUTO_12H-2026-01-01.pdf"),
    ],
)
def test_the_name_says_trigger_date_and_format(format_: Format, name: str) -> None:
    assert file_name(signed(), format_) == name


def test_the_name_of_another_trigger() -> None:
    report = signed(claim_of(trigger=Trigger("MANUAL")))
    assert file_name(report, Format.JSON) == "firstry-trust-report-MANUAL-2026-01-01.json"


def test_json_has_a_size_limit() -> None:
    assert LONGEST[Format.JSON] == 10 * 1024 * 1024
    big = exports.File("", b"x" * (LONGEST[Format.JSON] + 1))
    with pytest.raises(JsonExportFailed) as refused:
        exports.refuse_oversized((big,), Format.JSON)
    assert refused.value.code == "JSON_EXPORT_ERROR"
    exports.refuse_oversized((exports.File("", b"x" * LONGEST[Format.JSON]),), Format.JSON)


def test_html_has_a_size_limit() -> None:
    big = exports.File("", b"x" * (LONGEST[Format.HTML] + 1))
    with pytest.raises(HtmlExportFailed) as refused:
        exports.refuse_oversized((big,), Format.HTML)
    assert refused.value.code == "HTML_EXPORT_ERROR"


def test_pdf_has_a_size_limit() -> None:
    assert LONGEST[Format.PDF] == 50 * 1024 * 1024
    big = exports.File("", b"x" * (LONGEST[Format.PDF] + 1))
    with pytest.raises(PdfExportFailed) as refused:
        exports.refuse_oversized((big,), Format.PDF)
    assert refused.value.code == "PDF_EXPORT_ERROR"


@pytest.mark.parametrize("name", varied())
def test_the_pdf_export_is_one_file(name: str) -> None:
    [file] = export(varied()[name], Format.PDF, KEYS)
    assert file.suffix == ""
    assert file.content.startswith(b"%PDF-1.7")
    assert file.content.rstrip().endswith(b"%%EOF")
    assert file == export(varied()[name], Format.PDF, KEYS)[0]


@pytest.mark.parametrize("name", varied())
def test_the_json_export_is_a_report_and_its_envelope(name: str) -> None:
    report = varied()[name]
    envelope, body = export(report, Format.JSON, KEYS)
    assert (envelope.suffix, envelope.content) == (".dsse", report.envelope)
    assert (body.suffix, body.content) == ("", report.body)


@pytest.mark.parametrize("name", varied())
def test_the_html_export_is_one_page(name: str) -> None:
    [page] = export(varied()[name], Format.HTML, KEYS)
    assert page.content.startswith(b"<!doctype html>")
    assert page.content.rstrip().endswith(b"</html>")
    assert page == export(varied()[name], Format.HTML, KEYS)[0]


# What no longer validates is not exported


def spoiled() -> dict[str, StoredReport]:
    fine = signed()
    other = smallest()
    return {
        "a changed body": replace(fine, body=fine.body.replace(b"100", b"101", 1)),
        "another digest": replace(fine, digest=other.digest),
        "another envelope": replace(fine, envelope=other.envelope),
        "no envelope": replace(fine, envelope=b""),
        "another id": replace(fine, report_id=other.report_id[:-1] + "x"),
        "another revision": replace(fine, revision=2),
        "another trigger": replace(fine, trigger=Trigger("MANUAL")),
        "another tenant": replace(fine, tenant=tenant(1)),
        "another instant": replace(fine, generated_at=claim_of().lease_until),
        "no json": replace(fine, body=b"{"),
        "a broken rule": rule_broken(),
    }


def rule_broken() -> StoredReport:
    """Return a report that is signed as it is, and says something that its evidence does not."""
    whole = document()
    whole["sections"]["C"]["observations"][0]["value"] = 1
    body = canonical_bytes(whole)
    report = replace(signed(), body=body, digest=digest_of(body))
    return replace(report, envelope=SIGNER.sign(report, claim_of().head))


@pytest.mark.parametrize("name", spoiled())
@pytest.mark.parametrize("format_", Format)
def test_a_report_that_does_not_verify_is_not_exported(name: str, format_: Format) -> None:
    with pytest.raises(ReportInvalid) as refused:
        export(spoiled()[name], format_, KEYS)
    assert refused.value.code == "REPORT_VALIDATION_FAILED"


def test_a_report_of_an_unknown_key_is_not_exported() -> None:
    with pytest.raises(ReportInvalid):
        refuse_invalid(signed(), ())


def test_the_refusal_says_where() -> None:
    with pytest.raises(ReportInvalid) as refused:
        export(rule_broken(), Format.JSON, KEYS)
    assert "/sections/C/observations/0/value" in refused.value.message


# Files


def test_files_are_written_whole_in_their_order(tmp_path: Path) -> None:
    write_whole([(tmp_path / "a", b"1"), (tmp_path / "b", b"2")])
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("place", ["gone/x.json", "a-file/x.json", "x" * 300])
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_bytes(b"")
    with pytest.raises(InputInvalid):
        write_whole([(tmp_path / "x.dsse", b"1"), (tmp_path / place, b"2")])
    assert [each.name for each in tmp_path.iterdir()] == ["a-file"]


def test_a_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    """The system takes no more than some bytes of any file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, hard))
    try:
        with pytest.raises(InputInvalid, match="File too large"):
            write_whole([(tmp_path / "x.json", b"whole")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_report_is_not_replaced_in_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"one")
    write_whole([(path, b"one")], may_replace=False)
    with pytest.raises(Conflict):
        write_whole([(path, b"two")], may_replace=False)
    assert path.read_bytes() == b"one"
    write_whole([(path, b"two")])
    assert path.read_bytes() == b"two"


# The command line


def test_the_command_writes_report_and_envelope(made: Made, tmp_path: Path) -> None:
    ran = made.world.command(
        "reports", "export", made.report.report_id, "--output", str(tmp_path), "--json"
    )
    name = file_name(made.report, Format.JSON)
    assert ran.code == 0
    assert ran.json()["path"] == str(tmp_path / name)
    assert ran.json()["digest"] == made.report.digest
    assert (tmp_path / name).read_bytes() == made.report.body
    assert (tmp_path / f"{name}.dsse").read_bytes() == made.report.envelope
    assert len(list(tmp_path.iterdir())) == 2


def test_the_command_writes_a_page(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    ran = made.world.command(
        *("reports", "export", made.report.report_id, "--format", "html", "--output", str(target))
    )
    assert (ran.code, ran.out.splitlines()[0]) == (0, str(target))
    assert made.report.digest in target.read_text("utf-8")


def test_the_command_writes_a_pdf_that_verifies(made: Made, tmp_path: Path) -> None:
    words = ("reports", "export", made.report.report_id, "--format", "pdf", "--output")
    ran = made.world.command(*words, str(tmp_path), "--json")
    path = tmp_path / file_name(made.report, Format.PDF)
    assert (ran.code, ran.json()["files"]) == (0, [str(path)])
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    checked = made.world.command("verify", str(path), "--key", str(made.keys), "--json")
    assert (checked.code, checked.json()["verified"]) == (0, True)
    assert checked.json()["reports"][0]["digest"] == made.report.digest


def test_the_command_says_that_there_is_no_report(made: Made, tmp_path: Path) -> None:
    """CONTRACT 7, errors: no report."""
    for words in (["show"], ["export", "--output", str(tmp_path)]):
        ran = made.world.command("reports", words[0], "r-none", *words[1:], "--json")
        assert (ran.code, ran.error["code"]) == (3, "NO_REPORT_AVAILABLE")
    assert list(tmp_path.iterdir()) == []


def test_the_command_has_no_format_that_is_not_built(made: Made, tmp_path: Path) -> None:
    ran = made.world.command(
        *("reports", "export", made.report.report_id, "--format", "docx"),
        *("--output", str(tmp_path), "--json"),
    )
    assert (ran.code, ran.error["code"]) == (2, "USAGE")


def test_a_stored_report_that_was_changed_is_refused_and_reported(
    own: Made, tmp_path: Path
) -> None:
    """By a hand that got past the store's own rules; it is told on stderr and in the log."""
    own.world.database.write(
        "DROP TRIGGER report_is_written_once;"
        """UPDATE report SET body = CAST(replace(body, '"count":3', '"count":4') AS BLOB)"""
    )
    target = tmp_path / "out"
    target.mkdir()
    for words in (["show"], ["export", "--output", str(target)]):
        ran = own.world.command("reports", words[0], own.report.report_id, *words[1:], "--json")
        assert (ran.code, ran.error["code"]) == (1, "REPORT_VALIDATION_FAILED")
        told = json.loads(ran.err.splitlines()[-1])
        assert (told["event"], told["cloud_id"]) == (
            "report_invalid",
            own.report.tenant.cloud_id,
        )
    assert list(target.iterdir()) == []
