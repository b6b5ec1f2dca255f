"""What a PDF carries is one report and its envelope, and what is no PDF of ours is refused."""

import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, NameObject, TextStringObject

from firstry.exports.file import LONGEST
from firstry.exports.format import Format
from firstry.exports.pdf_file import LONGEST_CARRIED
from firstry.exports.rendering import shown
from firstry.exports.verify import Check
from report.test_pdf_verify import NAME, REPORT, Change, drawn, failed, fine
from support.paper import rewritten


def without_attachments(writer: PdfWriter) -> None:
    names: Any = writer.root_object["/Names"]
    del names["/EmbeddedFiles"]


def without_envelope(writer: PdfWriter) -> None:
    listed = _listed(writer)
    del listed[2:]


def twice(writer: PdfWriter) -> None:
    listed = _listed(writer)
    listed.extend(listed[:2])


def a_third(writer: PdfWriter) -> None:
    writer.add_attachment("z.json", b"{}")


def another_name(writer: PdfWriter) -> None:
    _listed(writer)[0] = TextStringObject("a.json")


def hidden_names(writer: PdfWriter) -> None:
    names: Any = writer.root_object["/Names"]["/EmbeddedFiles"]  # type: ignore[index]
    names[NameObject("/Kids")] = ArrayObject()


def _listed(writer: PdfWriter) -> Any:
    names: Any = writer.root_object["/Names"]
    return names["/EmbeddedFiles"].get_object()["/Names"].get_object()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without_attachments, "attachments: must be a report X.json and its envelope"),
        (without_envelope, f"it has {NAME}"),
        (twice, f"attachment {NAME}: must be there once"),
        (a_third, "z.json"),
        (another_name, "attachment a.json: must have one name"),
        (hidden_names, "/Root/Names/EmbeddedFiles: must be one list"),
        (lambda writer: writer.encrypt("x"), "/Encrypt: must not be there"),
        (lambda writer: writer.encrypt("", "owner"), "/Encrypt: must not be there"),
    ],
    ids=["none", "one", "twice", "three", "renamed", "hidden", "encrypted", "owner's password"],
)
def test_other_attachments_are_refused_with_their_place(change: Change, told: str) -> None:
    found = failed(rewritten(fine(), change))
    assert found.keys() == {Check.CARRIED}
    assert told in found[Check.CARRIED][0]


def test_attachments_under_a_name_of_their_own_are_refused() -> None:
    found = failed(drawn(shown(REPORT), name="best.json"))
    assert found[Check.CARRIED] == [f"attachment best.json: must be named {NAME}"]


def test_an_attachment_that_unpacks_without_end_is_refused() -> None:
    bomb = zlib.compress(bytes(LONGEST_CARRIED + 10), 9)
    packed = rewritten(fine(), lambda writer: writer.add_attachment("z", b"x"))
    assert len(bomb) < len(packed)

    def change(writer: PdfWriter) -> None:
        file: Any = _listed(writer)[1].get_object()["/EF"]["/F"].get_object()
        file._data = bomb
        file[NameObject("/Filter")] = NameObject("/FlateDecode")

    [place] = failed(rewritten(fine(), change))[Check.CARRIED]
    assert f"must be whole and at most {LONGEST_CARRIED} bytes" in place


# No PDF of ours

LOOPED = (
    b"%PDF-1.7\n1 0 obj <</Type/Catalog/Names 1 0 R/Pages 1 0 R>> endobj\n"
    b"trailer <</Root 1 0 R/Size 2>>\nstartxref\n9\n%%EOF"
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"%PDF-1.7",
        b"%PDF-1.7\n%%EOF\n",
        b"%PDF-1.7\ntrailer <</Root 1 0 R>>\nstartxref\n0\n%%EOF",
        LOOPED,
        b"x" * (LONGEST[Format.PDF] + 1),
    ],
    ids=lambda content: repr(content[:60]),
)
def test_bytes_that_are_no_report_are_refused(content: bytes) -> None:
    assert failed(content).keys() == {Check.CARRIED}


@pytest.mark.parametrize("length", [100, 1000, 20_000, -20, -1])
def test_nothing_can_be_cut_off(length: int) -> None:
    assert failed(fine()[:length])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(fine()) - 1), st.binary(min_size=1, max_size=12))
def test_no_bytes_stop_the_verification(place: int, written: bytes) -> None:
    """Whatever stands there: an answer with a place, and never that it verifies."""
    changed = fine()[:place] + written + fine()[place + len(written) :]
    if changed != fine():
        assert failed(changed)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=400))
def test_no_file_stops_the_verification(content: bytes) -> None:
    assert failed(b"%PDF-1.7\n" + content)
