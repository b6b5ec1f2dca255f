"""`firstry verify` with PDFs: exit codes, what people are told, and folders of them."""

import json
from pathlib import Path

from firstry.domain.ledger import Head
from firstry.exports.key import published
from firstry.exports.rendering import pdf_of
from support.report import HEAD, claim_of, forecast_report, signed, written
from support.verifying import failures, verify


def paper(folder: Path, name: str = "report.pdf") -> Path:
    path = folder / name
    path.write_bytes(pdf_of(signed()))
    return path


def test_a_pdf_verifies(folder: Path, keys: Path) -> None:
    ran = verify(paper(folder), "--key", keys, "--json")
    [report] = ran.json()["reports"]
    assert (ran.code, report["verified"], report["digest"]) == (0, True, signed().digest)
    assert all(check["holds"] for check in report["checks"])
    assert [check["check"] for check in report["checks"]][-2:] == ["carried", "pages"]
    told = verify(paper(folder, "Upper.PDF"), "--key", keys)
    assert (told.code, told.out.count("  holds ")) == (0, 10)
    assert "made again from it, the file is the same byte for byte" in told.out


def test_a_changed_pdf_fails_with_its_place(folder: Path, keys: Path) -> None:
    path = paper(folder)
    content = path.read_bytes()
    place = len(content) // 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    ran = verify(path, "--key", keys)
    assert ran.code == 1
    assert "FAILS" in ran.out
    assert "NOT verified: 1 report" in ran.out


def test_a_pdf_of_an_unknown_key_says_so(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(published([])))
    ran = verify(paper(folder), "--key", other, "--json")
    name = "firstry-trust-report-AUTO_12H-2026-01-01.json.dsse"
    assert (ran.code, failures(ran)) == (
        1,
        {"signature": [("report.pdf", f"{name} /signatures/0/keyid")]},
    )


def test_what_is_called_a_pdf_and_is_none_fails(folder: Path, keys: Path) -> None:
    path = folder / "x.pdf"
    path.write_text("%PDF-1.7 or so")
    ran = verify(path, "--key", keys)
    assert ran.code == 1
    assert "FAILS     carried" in ran.out
    assert ran.out.count("  not made  ") == 9


def test_a_pdf_brings_its_own_envelope(folder: Path, keys: Path) -> None:
    ran = verify(paper(folder), "--key", keys, "--signature", keys, "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    gone = verify(folder / "gone.pdf", "--key", keys, "--json")
    assert (gone.code, gone.error["code"]) == (2, "INPUT_INVALID")


def test_a_folder_with_pdfs_verifies_only_as_a_whole(folder: Path, keys: Path) -> None:
    written(forecast_report(), folder, "b.json")
    path = paper(folder)
    ran = verify(folder, "--key", keys, "--json")
    assert (ran.code, ran.json()["counts"]) == (0, {"verified": 2, "not_verified": 0})
    path.write_bytes(path.read_bytes() + b"%")
    ran = verify(folder, "--key", keys, "--json")
    assert (ran.code, ran.json()["counts"]) == (1, {"verified": 1, "not_verified": 1})


def test_a_pdf_and_a_json_of_one_ledger_must_agree(folder: Path, keys: Path) -> None:
    fork = Head(HEAD.sequence, "sha256:" + "f" * 64)
    paper(folder)
    written(signed(claim_of(claim_of().lease_until, head=fork)), folder, "a.json")
    ran = verify(folder, "--key", keys, "--json")
    [finding] = ran.json()["findings"]
    assert (ran.code, Path(finding["file"]).name) == (1, "report.pdf")
