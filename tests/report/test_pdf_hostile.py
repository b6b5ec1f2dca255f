"""PDFs made to stop whoever verifies them, or to show one thing and carry another."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject

from firstry.exports.pdf_file import LONGEST_PAGES, LONGEST_STREAM, MOST_PAGES
from firstry.exports.rendering import shown
from firstry.exports.verify import Check
from report.test_pdf_verify import REPORT, elsewhere, failed
from support.paper import page_content, resources, rewritten
from support.verifying import verify

LETTERS = b"(x) Tj "
TOO_LONG = LETTERS * (LONGEST_STREAM // len(LETTERS) + 1)


def put(stream: Any, content: bytes) -> None:
    """Let a stream unpack to `content`, however small it is packed."""
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    stream._data = zlib.compress(content, 9)


def a_page_without_end(writer: PdfWriter) -> None:
    put(page_content(writer, 0), TOO_LONG)


def a_font_without_end(writer: PdfWriter) -> None:
    fonts: Any = resources(writer.pages[0])["/Font"]
    font = next(iter(fonts.values())).get_object()
    put(font["/ToUnicode"].get_object(), b"1 beginbfchar <00> <0041> endbfchar " * 20_000)


def rows_without_end(writer: PdfWriter) -> None:
    stream: Any = page_content(writer, 0)
    put(stream, b"\2" * (LONGEST_STREAM + 1))
    form = {NameObject("/Predictor"): NumberObject(15), NameObject("/Columns"): NumberObject(1)}
    stream[NameObject("/DecodeParms")] = DictionaryObject(form)


def metadata_without_end(writer: PdfWriter) -> None:
    put(writer.root_object["/Metadata"].get_object(), b"<a/>" * LONGEST_STREAM)


@pytest.mark.parametrize(
    ("change", "check", "place"),
    [
        (a_page_without_end, Check.PAGES, "page 1"),
        (a_font_without_end, Check.PAGES, "page 1"),
        (rows_without_end, Check.PAGES, "page 1"),
        (metadata_without_end, Check.CARRIED, "the file"),
    ],
)
def test_what_unpacks_to_too_much_is_refused_unread(
    change: Callable[[PdfWriter], None], check: Check, place: str
) -> None:
    """A few kilobytes would otherwise keep the reader busy for hours."""
    found = failed(rewritten(elsewhere(shown(REPORT)), change))
    assert found == {check: [f"{place}: must be readable as a PDF (LimitReachedError)"]}


def test_pages_that_are_too_much_together_are_refused() -> None:
    """Each is short enough, and says what it has to."""

    def change(writer: PdfWriter) -> None:
        for number in range(len(writer.pages)):
            stream: Any = page_content(writer, number)
            put(stream, stream.get_data().ljust(LONGEST_STREAM - 1))

    [place] = failed(rewritten(elsewhere(shown(REPORT)), change))[Check.PAGES]
    assert place.endswith(f"must not be longer than {LONGEST_PAGES} bytes with those before it")


def test_more_pages_than_a_report_has_are_refused() -> None:
    def change(writer: PdfWriter) -> None:
        for _ in range(MOST_PAGES):
            writer.add_blank_page(9, 9)

    [place] = failed(rewritten(elsewhere(shown(REPORT)), change))[Check.PAGES]
    assert place == f"pages: must be 1 to {MOST_PAGES}"


def test_an_attachment_that_is_another_file_to_another_reader_is_refused() -> None:
    """Some readers take `/F` of an attachment and some `/UF`; both have to be the one file."""

    def change(writer: PdfWriter) -> None:
        names: Any = writer.root_object["/Names"]
        entry = names["/EmbeddedFiles"].get_object()["/Names"].get_object()[1].get_object()
        forged = DecodedStreamObject()
        forged.set_data(REPORT.body.replace(b'"count":37', b'"count":38'))
        entry["/EF"].get_object()[NameObject("/UF")] = writer._add_object(forged)

    found = failed(rewritten(elsewhere(shown(REPORT)), change))
    assert found.keys() == {Check.CARRIED}
    assert found[Check.CARRIED][0].endswith("must be one file, whoever reads it")


@pytest.mark.parametrize("names", [["a.pdf"], ["a.pdf", "b.pdf"]])
def test_pages_of_which_only_the_text_can_be_compared_do_not_verify(
    folder: Path, keys: Path, names: list[str]
) -> None:
    """A box over a number changes no letter, and anybody can write another version's name."""

    def change(writer: PdfWriter) -> None:
        stream: Any = page_content(writer, 0)
        stream.set_data(stream.get_data() + b"\nq 1 1 1 rg 50 300 300 200 re f Q\n")

    content = rewritten(elsewhere(shown(REPORT)), change)
    for name in names:
        (folder / name).write_bytes(content)
    ran = verify(folder, "--key", keys)
    assert ran.code == 1
    assert ran.out.count("not made  pages") == len(names)
    assert ran.out.count("what may be drawn over it is not seen") == len(names)
    assert "\nNOT verified: " in ran.out
