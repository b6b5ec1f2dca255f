"""One catalogue of all our words: complete, guarded, and ready for another language."""

import struct
from functools import cache

import pytest

import stages
from firstry.domain.report.guard import forbidden_words
from firstry.exports import catalogue, wording
from firstry.exports.catalogue import ENGLISH, Language, read_language, sentences, translated
from firstry.exports.document import our_words
from firstry.exports.html import render as render_html
from firstry.exports.pdf import render as render_pdf
from firstry.exports.rendering import pdf_of, shown
from firstry.exports.verify import verify
from support.page import read_page
from support.paper import Paper, squeezed
from support.report import TRUSTED, document, real_site, signed, varied

TEMPLATE = "src/firstry/exports/language/firstry.pot"
REPORTS = varied() | {"a real site": signed(evidence=real_site())}
REAL = REPORTS["a real site"]


def compiled(texts: dict[str, str]) -> bytes:
    """Return a catalogue as msgfmt compiles it."""
    texts = {"": "Content-Type: text/plain; charset=UTF-8\n"} | texts
    pairs = [(one.encode(), other.encode()) for one, other in sorted(texts.items())]
    head, count = 28, len(pairs)
    place = head + 16 * count
    tables: list[bytes] = []
    body = b""
    for side in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[side]), place + len(body)))
            body += pair[side] + b"\0"
    start = struct.pack("<7I", 0x950412DE, 0, count, head, head + 8 * count, 0, 0)
    return start + b"".join(tables) + body


@cache
def mirrored() -> Language:
    """Return a language that says everything backwards."""
    return read_language("xx-YY", compiled({text: text[::-1] for text in sentences()}))


@pytest.mark.parametrize("name", REPORTS)
def test_every_word_of_ours_in_a_rendering_is_in_the_catalogue(name: str) -> None:
    assert set(our_words(shown(REPORTS[name]))) - set(sentences()) == set()


def test_the_catalogue_has_each_sentence_once_and_whole() -> None:
    assert len(sentences()) == len(set(sentences())) > 250
    assert set(wording.catalogue()) <= set(sentences())
    assert not any("{" in text or "%s" in text for text in sentences())


@pytest.mark.parametrize("text", sentences())
def test_no_sentence_of_the_catalogue_says_a_forbidden_word(text: str) -> None:
    assert forbidden_words(text) == ()


def test_the_template_for_translators_is_fresh() -> None:
    """If this fails: `.venv/bin/python tests/support/catalogue.py`."""

    kept = (stages.ROOT / TEMPLATE).read_text("utf-8")
    assert kept == catalogue.template()
    assert kept.count("msgid") == len(sentences()) + 1


def test_a_rendering_speaks_another_language() -> None:
    """Every word of ours, on page and paper; what is quoted stays as it is."""
    document_ = translated(shown(REAL), mirrored())
    assert set(our_words(document_)) <= {text[::-1] for text in sentences()}
    html = render_html(document_)
    assert '<html lang="xx-YY">' in html
    texts = read_page(html).texts
    assert "Trust report"[::-1] in texts
    assert not {"Trust report", "Coverage", "not measured"} & set(texts)
    assert {"48213", "2026-01-01T12:00:00.000Z", REAL.digest} <= set(texts)
    paper = Paper(render_pdf(document_, REAL.generated_at))
    assert paper.root["/Lang"] == "xx-YY"
    assert squeezed(wording.FOOTER[::-1]) in paper.text
    assert "48213" in paper.text


def test_a_sentence_that_is_not_translated_stays_english() -> None:
    language = read_language("de", compiled({"Coverage": "Abdeckung"}))
    words = set(our_words(translated(shown(REAL), language)))
    assert "Abdeckung" in words
    assert "Coverage" not in words
    assert "Trust report" in words


def test_english_changes_nothing() -> None:
    assert translated(shown(REAL), ENGLISH) == shown(REAL)


def test_the_signed_report_is_the_same_in_every_language() -> None:
    """A sentence of the JSON is bytes that were signed; only what shows it is translated."""
    translated(shown(REAL), mirrored())
    assert verify(REAL.body, REAL.envelope, TRUSTED).holds
    said = document(REAL)["sections"]["A"]["projects_scanned"]["disclosure"]["disclosure_text"]
    assert said in sentences()
    assert squeezed(said) in Paper(pdf_of(REAL)).text


def test_a_file_that_is_no_translation_is_refused() -> None:
    with pytest.raises(OSError, match="Bad magic"):
        read_language("de", b"x" * 100)
