"""The PDF is for every reader and for years: tagged, whole in itself, by two standards at once."""

import re

from firstry.exports.format import Format, file_name
from report.test_pdf import REAL, paper
from support.paper import resources


def test_the_pdf_is_tagged_and_says_by_which_standards() -> None:
    metadata = paper().root["/Metadata"].get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert paper().root["/MarkInfo"]["/Marked"] == True  # noqa: E712  pypdf has its own booleans
    assert paper().root["/Lang"] == "en"
    assert paper().root["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712


def test_it_has_a_title_and_the_time_of_the_report() -> None:
    described = paper().reader.metadata
    assert described is not None
    assert described.title == "Trust report 2026-01-01T12:00:00.000Z AUTO_12H"
    assert described.creation_date == described.modification_date == REAL.generated_at


def test_its_structure_has_headings_paragraphs_and_a_table() -> None:
    tags = list(paper().tags())
    assert tags.count("H1") == 1
    assert tags.count("H2") == 12
    assert tags.count("H3") > 30
    assert tags.count("TH") == 4
    assert tags.count("Table") == 1
    assert "Figure" not in tags


def test_every_letter_on_a_page_is_tagged_or_marked_as_no_content() -> None:
    for page in paper().reader.pages:
        content = page.get_contents().get_data()  # type: ignore[union-attr]
        depth = 0
        for token in re.findall(rb"\b(?:BDC|BMC|EMC|TJ|Tj)\b", content):
            depth += {b"BDC": 1, b"BMC": 1, b"EMC": -1}.get(token, 0)
            assert depth > 0 or token == b"EMC"


def test_its_fonts_are_embedded_and_none_is_the_machines() -> None:
    fonts = paper().fonts()
    assert {name.partition("+")[2].partition("-")[0] for name in fonts} == {
        *("SourceSerif4", "Inter", "JetBrainsMono")
    }
    for descriptor in fonts.values():
        assert {"/FontFile2", "/FontFile3"} & descriptor.keys()


def test_it_carries_the_report_and_its_envelope() -> None:
    name = file_name(REAL, Format.JSON)
    assert paper().carried() == {name: REAL.body, f"{name}.dsse": REAL.envelope}
    relations = [each.get_object()["/AFRelationship"] for each in paper().root["/AF"]]
    assert relations == ["/Source", "/Supplement"]


def test_it_holds_nothing_that_acts() -> None:
    for page in paper().reader.pages:
        assert not {"/Annots", "/AA"} & page.keys()
        assert "/XObject" not in resources(page)
    assert not {"/OpenAction", "/AcroForm", "/AA"} & paper().root.keys()
    assert paper().root["/Names"].keys() == {"/EmbeddedFiles"}
