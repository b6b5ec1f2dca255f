"""Whatever a site is called, the PDF shows it: in its script, from its side, and harmless."""

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstry.domain.display import displayed
from firstry.exports.document import Document, Fact, Item, Part, Quoted
from firstry.exports.glyph import can_show
from firstry.exports.paper import FONTS, columns_of, is_right_to_left, values_of
from firstry.exports.pdf import render
from firstry.exports.rendering import shown
from report.test_html import HOSTILE
from support.paper import Paper, squeezed
from support.report import real_site, signed

REAL = signed(evidence=real_site())
NAMES = {
    "Latin": "Žluťoučký kůň Ærø ñandú",
    "Greek": "Ελληνική ομάδα",
    "Cyrillic": "Команда разработки",
    "Japanese": "株式会社テスト 東京ひらがな",
    "Chinese": "简体中文站点 繁體中文",
    "Korean": "한국 지라 사이트",
    "Thai": "ไทย ภาษา",
}
FROM_THE_RIGHT = {"Hebrew": "שלום עולם", "Arabic": "موقع الشركة"}
HARMLESS = {
    "typst": "#let x = 1; *b* _i_ $x^2$ @ref <l> `r` // c /* */ = h #pagebreak() \\ ~ --- [x]",
    "a formula": '=HYPERLINK("x","y")+1',
    "HTML": "<script>alert(1)</script>",
    "a template": "{{ 7*7 }}{% raw %}",
    "PDF": ") Tj ET Q endstream endobj (",
}


def named(name: str) -> Document:
    """Return a document in which a site is called `name` wherever text is not ours."""
    fine = shown(REAL)
    value = Quoted(name)
    return replace(
        fine,
        facts=tuple(replace(fact, value=value) for fact in fine.facts[:2]),
        footer_facts=(Fact("Trigger", Quoted("AUTO_12H")),),
        cover=(Part("what", "x", commands=(value,)),),
        parts=(
            Part("A", "x", items=(Item("x", value, (Fact("x", value),)),)),
            Part("evidence", "x", items=(Item("x", facts=(Fact("y", value),)),), term="Dataset"),
        ),
    )


def paper_of(name: str) -> Paper:
    return Paper(render(named(name), REAL.generated_at))


@pytest.mark.parametrize("name", [*NAMES.values(), *HARMLESS.values()], ids=[*NAMES, *HARMLESS])
def test_a_name_is_shown_as_it_is(name: str) -> None:
    """Six times: twice above, in the command, as a value, as a fact, in the table."""
    assert paper_of(name).text.count(squeezed(name)) == 6


@pytest.mark.parametrize("name", FROM_THE_RIGHT.values(), ids=FROM_THE_RIGHT)
def test_a_name_read_from_the_right_is_set_from_the_right(name: str) -> None:
    paper = paper_of(name)
    assert is_right_to_left(name)
    for word in name.split():
        assert paper.text.count(word) + paper.text.count(word[::-1]) >= 6
    assert any("NotoSans" in font for font in paper.fonts())
    assert "\\u" not in paper.text


def test_each_script_has_its_embedded_font() -> None:
    paper = paper_of(" ".join([*NAMES.values(), *FROM_THE_RIGHT.values(), "हिन्दी"]))
    names = {font.partition("+")[2] for font in paper.fonts()}
    for family in ("NotoSansArabic", "NotoSansHebrew", "NotoSansThai", "NotoSansDevanagari"):
        assert any(name.startswith(family) for name in names)
    assert "DroidSansFallback" in names
    assert all({"/FontFile2", "/FontFile3"} & each.keys() for each in paper.fonts().values())


@pytest.mark.parametrize("name", ["ქართული", "🚀 launch", "e\u0301\u1ab0", "a\U0001f468\u200db"])
def test_what_no_font_can_show_is_written_by_its_number_and_said(name: str) -> None:
    paper = paper_of(name)
    assert re.search(r"\\[uU][0-9a-f]{4}", paper.text)
    said = "A character that the fonts of this page do not hold is written by its number"
    assert squeezed(said) in paper.text or "\u200d" in name
    assert squeezed(said) not in paper_of("plain").text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_text_is_shown_harmless(text: str) -> None:
    assert_harmless(text)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_no_text_can_act(text: str) -> None:
    assert_harmless(text)


SCRIPTS = (
    "aZ9 #*_$<>@`\\/=[]{}\"'\u00e9\u0416\u03a9\u4e00\u3042\uac00\u05d0\u0627\u0e01\u0915\u094d"
)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from(SCRIPTS + "\u0301\u0000\u202e\U0001f680"), max_size=80))
def test_no_mixture_of_scripts_can_act(text: str) -> None:
    assert_harmless(text)


def assert_harmless(text: str) -> None:
    """It can be drawn, by the standards for all readers, and nothing invisible is left."""
    paper = paper_of(text)
    wanted = squeezed(displayed(text))
    if all(each.isascii() for each in wanted):
        assert paper.text.count(wanted) >= 6
    visible = {unicodedata.category(each) for page in paper.pages for each in page}
    assert visible & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} <= {"Cc"}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", "".join(paper.pages))
    assert "/Names" not in paper.root
    assert all("/Annots" not in page for page in paper.reader.pages)


def test_a_name_of_ten_thousand_letters_is_cut_and_says_so() -> None:
    paper = paper_of("x" * 10_000)
    assert "...(9500morecharacters)" in paper.text
    assert len(paper.pages) < 8


@pytest.mark.parametrize("length", [30, 128, 500])
def test_a_long_name_stays_on_the_paper(length: int) -> None:
    """Every letter lies between the margins: the line is broken inside of the name."""
    right = 0.0

    def look(text: str, cm: object, tm: list[float], *_: object) -> None:
        nonlocal right
        right = max(right, tm[4] if text.strip() else 0)

    paper = paper_of("W" * length)
    for page in paper.reader.pages:
        page.extract_text(visitor_text=look)
        assert right < page.mediabox.width - 40
    assert paper.text.count("W" * length) >= 5


def test_every_font_is_licensed_and_told() -> None:
    told = (FONTS / "README.md").read_text("utf-8")
    fonts = sorted(path.name for path in Path(FONTS).glob("*.ttf"))
    assert len(fonts) == 10
    assert all(f"`{font}`" in told for font in fonts)


def test_the_fonts_cover_what_is_said_of_them() -> None:
    letters = "".join((*NAMES.values(), *FROM_THE_RIGHT.values(), "हिन्दी")).replace(" ", "")
    assert all(can_show(each, FONTS) for each in letters)
    assert not can_show("\u10d0", FONTS)
    assert not can_show("\U0001f680", FONTS)


def test_items_are_a_table_only_where_a_row_fits_on_a_line() -> None:
    fact = Fact("y", Quoted("short"))
    assert columns_of(Part("x", "x", items=(Item("a", facts=(fact,)),), term="Z")) == {
        "Z": 0,
        "y": 5,
    }
    wide = replace(fact, value=Quoted("w" * 96))
    assert columns_of(Part("x", "x", items=(Item("a", facts=(wide,)),), term="Z")) == {}
    mixed = (Item("a", facts=(fact,)), Item("b", facts=(replace(fact, term="other"),)))
    assert columns_of(Part("x", "x", items=mixed, term="Z")) == {}


def test_values_hold_text_and_no_markup() -> None:
    given_ = values_of(named("#x"))
    assert given_["omitted"] is None
    assert given_["lang"] == "en"
