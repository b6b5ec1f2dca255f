"""`firstry verify X.pdf`: nothing on its pages and in what it carries can be changed unseen."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import typst
from pypdf import PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from firstry import __version__
from firstry.domain.record import StoredReport
from firstry.exports import pdf
from firstry.exports.document import Document, Quoted
from firstry.exports.format import Format, file_name
from firstry.exports.paper import FONTS
from firstry.exports.pdf import Carried, renderer
from firstry.exports.pdf_verify import SAME_BYTES, verify_pdf
from firstry.exports.rendering import pdf_of, shown
from firstry.exports.verify import Check, Verified
from support.paper import page_content, rewritten
from support.report import TRUSTED, claim_of, forecast_report, real_site, signed, varied

REPORT = signed(evidence=real_site())
NAME = file_name(REPORT, Format.JSON)
OTHER = "firstry 0.0.9, typst 0.14.0, pages 0123456789abcdef"
Change = Callable[[PdfWriter], object]


@cache
def fine() -> bytes:
    return pdf_of(REPORT)


def failed(content: bytes) -> dict[Check, list[str]]:
    """Return the places at which a PDF does not verify, by their check."""
    verified = verify_pdf(content, TRUSTED)
    assert not verified.holds
    found: dict[Check, list[str]] = {}
    for check, breach in verified.failed():
        assert breach.place or check is Check.CARRIED
        found.setdefault(check, []).append(str(breach))
    return found


def note_of(verified: Verified) -> str:
    [pages] = [verdict for verdict in verified.verdicts if verdict.check is Check.PAGES]
    return pages.note


def drawn(document: Document, report: StoredReport = REPORT, name: str = NAME) -> bytes:
    """Draw any document with our own means, and let it carry a report, as a forger would."""
    return pdf.render(document, REPORT.generated_at, carried(report, name))


def carried(report: StoredReport, name: str = NAME) -> list[Carried]:
    return [
        Carried(name, report.body, "application/json", "source", "x"),
        Carried(f"{name}.dsse", report.envelope, "application/json", "supplement", "x"),
    ]


def elsewhere(document: Document) -> bytes:
    """Draw as another version does, whose page has larger letters, so that all lines differ."""
    inputs = pdf.inputs_of(document, carried(REPORT), OTHER, is_plain=False)
    template = pdf.PAGE.read_text("utf-8").replace("size: 10pt", "size: 10.7pt")
    assert template != pdf.PAGE.read_text("utf-8")
    fonts = typst.Fonts(False, False, [FONTS])
    made = typst.Compiler(template.encode(), font_paths=fonts).compile(
        template.encode(),
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=pdf.STANDARDS,
        timestamp=int(REPORT.generated_at.timestamp()),
    )
    assert isinstance(made, bytes)
    return made


def with_counts(first: str) -> Document:
    """Return the document of the report with another first count on page 1."""
    document = shown(REPORT)
    [what, counts, *others] = document.cover
    items = (replace(counts.items[0], value=Quoted(first)), *counts.items[1:])
    return replace(document, cover=(what, replace(counts, items=items), *others))


@pytest.mark.parametrize("name", varied())
def test_every_pdf_that_is_made_verifies(name: str) -> None:
    verified = verify_pdf(pdf_of(varied()[name]), TRUSTED)
    assert verified.holds
    assert [verdict.check for verdict in verified.verdicts] == list(Check)
    assert (verified.digest, verified.key_id) == (varied()[name].digest, "s-test")
    assert note_of(verified) == SAME_BYTES


# One character


@pytest.mark.timeout(240)
def test_one_changed_byte_anywhere_is_noticed() -> None:
    """In text, attachments, fonts, tags, metadata, tables of the format: many places."""
    content = fine()
    for place in range(11, len(content), len(content) // 90):
        changed = content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :]
        assert not verify_pdf(changed, TRUSTED).holds, place


@pytest.mark.parametrize("number", [1, 2, 4, 7])
def test_one_changed_letter_of_a_page_fails_with_its_place(number: int) -> None:
    """A letter is exchanged for another of the same font, in the packed content of the page."""

    def change(writer: PdfWriter) -> None:
        stream: Any = page_content(writer, number - 1)
        plain = stream.get_data()
        at = plain.index(rb"\000\001", len(plain) // 2)
        stream.set_data(plain[:at] + rb"\000\002" + plain[at + 8 :])

    [place] = failed(rewritten(fine(), change))[Check.PAGES]
    assert place.startswith(f"page {number}: says ")


def test_another_number_is_told_beside_the_right_one() -> None:
    [place] = failed(drawn(with_counts("38")))[Check.PAGES]
    assert place.startswith("page 1: says ")
    assert "38" in place.partition(" where ")[0]
    assert "37" in place.partition(" where ")[2]


def test_a_changed_report_fails_as_its_json_does() -> None:
    body = REPORT.body.replace(b'"count":37', b'"count":38')
    found = failed(drawn(shown(REPORT), replace(REPORT, body=body)))
    assert found.keys() == {Check.DIGEST, Check.EVIDENCE, Check.PAGES}
    assert f"{NAME} /evidence/entries/0/entry_hash" in found[Check.EVIDENCE][0]


def test_a_changed_envelope_fails_as_its_own_file_does() -> None:
    envelope = REPORT.envelope.replace(b'"keyid":"s-test"', b'"keyid":"s-rest"')
    found = failed(drawn(shown(REPORT), replace(REPORT, envelope=envelope)))
    assert f"{NAME}.dsse /signatures/0/keyid" in found[Check.SIGNATURE][0]
    assert Check.PAGES in found


def test_the_envelope_of_another_report_fails() -> None:
    found = failed(drawn(shown(REPORT), replace(REPORT, envelope=forecast_report().envelope)))
    assert {Check.DIGEST, Check.STATEMENT} <= found.keys()


def test_the_pages_of_another_report_fail() -> None:
    other = signed(claim_of(REPORT.generated_at))
    assert Check.PAGES in failed(drawn(shown(other)))


def test_a_file_written_anew_by_an_editor_fails_though_it_says_the_same() -> None:
    [place] = failed(rewritten(fine(), lambda _: None))[Check.PAGES]
    assert place.startswith("byte ")
    assert "though the pages have their text" in place


def test_a_note_over_the_page_fails() -> None:
    """No letter of the text is changed by it."""

    def change(writer: PdfWriter) -> None:
        writer.add_annotation(0, FreeText(text="48214", rect=(300, 500, 380, 530)))

    assert Check.PAGES in failed(rewritten(fine(), change))


def test_what_is_added_behind_the_end_fails() -> None:
    """An incremental update: the file as it was, and a newer page behind it."""
    writer = PdfWriter(io.BytesIO(fine()), incremental=True)
    writer.add_annotation(0, FreeText(text="48214", rect=(300, 500, 380, 530)))
    target = io.BytesIO()
    writer.write(target)
    assert target.getvalue().startswith(fine())
    [place] = failed(target.getvalue())[Check.CARRIED]
    assert "something was added to the file" in place
    assert Check.PAGES in failed(fine() + b"\n")


# Drawn by another version


def test_pages_that_another_page_has_drawn_cannot_be_verified() -> None:
    """Their text is compared, but the same text proves nothing."""
    content = elsewhere(shown(REPORT))
    assert content != fine()
    verified = verify_pdf(content, TRUSTED)
    assert not verified.holds
    assert [v.check for v in verified.verdicts if not v.holds] == [Check.PAGES]
    assert verified.verdicts[-1].breaches is None
    assert OTHER in note_of(verified)
    assert renderer() in note_of(verified)


def test_pages_of_another_version_with_the_same_page_are_drawn_again() -> None:
    """A release that changes neither page nor fonts nor words leaves older files as they are."""
    older = renderer().replace(f"firstry {__version__}", "firstry 0.0.9rc1")
    content = pdf_of(REPORT, older)
    assert content != fine()
    verified = verify_pdf(content, TRUSTED)
    assert verified.holds
    assert note_of(verified) == SAME_BYTES
    changed = rewritten(content, lambda writer: writer.add_blank_page(9, 9))
    assert not verify_pdf(changed, TRUSTED).holds


def test_another_number_in_another_version_fails() -> None:
    [place] = failed(elsewhere(with_counts("38")))[Check.PAGES]
    assert (
        "says '38" in place.replace("Projectsscanned", "").replace("scanned", "") or "38" in place
    )
    assert place.startswith("page 1: says ")


@pytest.mark.parametrize("part", ["parts", "cover", "facts"])
def test_what_another_version_leaves_out_fails(part: str) -> None:
    document = shown(REPORT)
    values: Any = {part: getattr(document, part)[:-1]}
    assert Check.PAGES in failed(elsewhere(replace(document, **values)))


def test_another_footer_in_another_version_fails() -> None:
    [place] = failed(elsewhere(replace(shown(REPORT), footer="This report judges.")))[Check.PAGES]
    assert place.startswith("page 1: must end with the footer")


def note(writer: PdfWriter) -> None:
    writer.add_annotation(1, FreeText(text="48214", rect=(300, 500, 380, 530)))


def picture(writer: PdfWriter) -> None:
    resources: Any = writer.pages[2][NameObject("/Resources")]
    resources[NameObject("/XObject")] = resources["/Font"]


def action(writer: PdfWriter) -> None:
    does = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("x")}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(does)


@pytest.mark.parametrize(
    ("change", "place"),
    [(note, "page 2 /Annots"), (picture, "page 3 /XObject"), (action, "/Root/OpenAction")],
)
def test_what_lies_over_the_pages_of_another_version_fails(change: Change, place: str) -> None:
    found = failed(rewritten(elsewhere(shown(REPORT)), change))
    assert found[Check.PAGES][0].startswith(place)


def test_a_file_cannot_just_call_itself_another_version() -> None:
    content = rewritten(fine(), lambda writer: writer.add_metadata({"/Keywords": OTHER}))
    [place] = failed(content)[Check.CARRIED]
    assert place.startswith("/Info/Keywords")
