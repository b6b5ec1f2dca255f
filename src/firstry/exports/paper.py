"""The document as the values that the template of the PDF takes.

Decides nothing about looks, only what the template cannot ask of a text: whether it
is set from the right, where a long word may break, and which of its characters the
fonts can show. What they cannot is written by its number, as `display` writes what is
invisible, and the page says so: nothing is ever left out without a word.
"""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firstry.domain.canonical import Json
from firstry.exports.document import Document, Fact, Item, Note, Part, Quoted, Said
from firstry.exports.glyph import can_show

FONTS = Path(__file__).with_name("font")
LONGEST_WORD = 36
PIECE = 24
LONGEST_NARROW = 28
"""The characters of a value that surely fits beside others."""
LONGEST_UNBROKEN = 1200
"""The characters of an item that surely fit on one page; a longer one may be broken."""
LONGEST_ROW = 95
"""The letters of the mono face that a row of a table has place for, beside its label."""

_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def values_of(document: Document, *, is_plain: bool = False) -> dict[str, Json]:
    """Return `document` for the template; with `is_plain` only ASCII stands in it as it is."""
    paper = _Paper(is_plain)
    shown: dict[str, Json] = {
        "lang": document.language,
        "title": paper.text(title_of(document)),
        "heading": paper.text(document.title),
        "lead": paper.text(document.lead),
        "facts": paper.facts(document.facts),
        "cover": [paper.part(each) for each in document.cover],
        "parts": [paper.part(each) for each in document.parts],
        "footer": paper.text(document.footer),
        "footer_facts": paper.facts(document.footer_facts),
    }
    return shown | {"omitted": document.by_number if paper.is_some_written else None}


def title_of(document: Document) -> str:
    """Return the title of a file that shows `document`."""
    return " ".join([document.title, *(str(fact.value) for fact in document.footer_facts)])


def texts_of(document: Document) -> Iterator[str]:
    """Yield every text of the pages in the order in which it is set, without the footer."""
    shown: Any = values_of(document)
    yield from (shown["heading"], shown["lead"], *_fact_texts(shown["facts"]))
    for part in (*shown["cover"], *shown["parts"]):
        yield from (part["heading"], *part["paragraphs"])
        yield from map(_said, part["commands"])
        yield from (
            *part["closing"],
            *_fact_texts(part["facts"]),
            *(each["term"] for each in part["columns"]),
        )
        for item in part["items"]:
            yield item["label"]
            yield from (_said(each) for each in (item["value"],) if each is not None)
            if part["columns"]:
                yield from (_said(fact["value"]) for fact in item["facts"])
            else:
                yield from _fact_texts(item["facts"])
            for note in item["notes"]:
                yield from (each for each in (note["heading"], note["sentence"]) if each)
                yield from _fact_texts(note["facts"])
        yield from part["points"]
    yield shown["omitted"] or ""


def _fact_texts(facts: Any) -> Iterator[str]:
    for fact in facts:
        yield from (fact["term"], _said(fact["value"]))


def _said(value: Any) -> str:
    return "".join(value["pieces"])


class _Paper:
    """Turns pieces of a document into values, and remembers if a character was written out."""

    def __init__(self, is_plain: bool) -> None:
        self.is_plain = is_plain
        self.is_some_written = False

    def text(self, text: str) -> str:
        """Return `text` with every character by its number that no font can show."""
        if text.isascii():
            return text
        written = "".join(map(self._cluster, clusters(text)))
        self.is_some_written |= written != text
        return written

    def _cluster(self, cluster: str) -> str:
        """Return a letter with its marks, or by number what no one font can show of it."""
        if cluster.isascii() or (not self.is_plain and can_show(cluster, FONTS)):
            return cluster
        base, marks = cluster[0], cluster[1:]
        is_shown = base.isascii() or (not self.is_plain and can_show(base, FONTS))
        return (base if is_shown else by_number(base)) + "".join(map(by_number, marks))

    def said(self, value: Said) -> dict[str, Json]:
        text = self.text(str(value))
        return {
            "pieces": list(pieces(text)),
            "is_quoted": isinstance(value, Quoted),
            "is_rtl": is_right_to_left(text),
        }

    def facts(self, facts: tuple[Fact, ...]) -> list[Json]:
        return [
            {
                "term": self.text(fact.term),
                "value": self.said(fact.value),
                "is_wide": len(str(fact.value)) > LONGEST_NARROW,
            }
            for fact in facts
        ]

    def note(self, note: Note) -> dict[str, Json]:
        return {
            "heading": None if note.heading is None else self.text(note.heading),
            "sentence": self.text(note.sentence),
            "facts": self.facts(note.facts),
        }

    def item(self, item: Item) -> dict[str, Json]:
        return {
            "label": self.text(item.label),
            "value": None if item.value is None else self.said(item.value),
            "facts": self.facts(item.facts),
            "notes": [self.note(note) for note in item.notes],
            "is_short": _length(item) <= LONGEST_UNBROKEN,
        }

    def part(self, part: Part) -> dict[str, Json]:
        return {
            "key": part.key,
            "heading": self.text(part.heading),
            "paragraphs": list(map(self.text, part.paragraphs)),
            "commands": list(map(self.said, part.commands)),
            "closing": list(map(self.text, part.closing)),
            "facts": self.facts(part.facts),
            "items": list(map(self.item, part.items)),
            "points": list(map(self.text, part.points)),
            "columns": [
                {"term": self.text(term), "letters": letters}
                for term, letters in columns_of(part).items()
            ],
        }


def columns_of(part: Part) -> dict[str, int]:
    """Return the columns of the table that the items of `part` are; none if they are no table.

    They are one if each has the same few facts and nothing else, and if a row fits on a line.
    Each column comes with the letters of its longest value.
    """
    terms = {tuple(fact.term for fact in item.facts) for item in part.items}
    is_bare = all(item.value is None and not item.notes for item in part.items)
    if part.term is None or not is_bare or len(terms) != 1:
        return {}
    [heads] = terms
    rows = [[_letters(str(fact.value)) for fact in item.facts] for item in part.items]
    letters = [max(column) for column in zip(map(len, heads), *rows, strict=True)]
    if not 0 < sum(letters) <= LONGEST_ROW:
        return {}
    return {part.term: 0} | dict(zip(heads, letters, strict=True))


def _letters(text: str) -> int:
    """Return how many letters of the mono face are surely as wide as `text`."""
    return sum(1 if each.isascii() else len(by_number(each)) for each in text)


def pieces(text: str) -> Iterator[str]:
    """Yield `text` in the pieces between which a line may break: long words are cut.

    >>> [len(piece) for piece in pieces("x" * 71 + " short")]
    [24, 24, 29]
    """
    begin = 0
    if len(text) <= LONGEST_WORD:
        yield text
        return
    for word in _LONG_WORD.finditer(text):
        for place in range(word.start() + PIECE, word.end() - PIECE // 2, PIECE):
            if not unicodedata.category(text[place]).startswith("M"):
                yield text[begin:place]
                begin = place
    yield text[begin:]


def clusters(text: str) -> Iterator[str]:
    """Yield the letters of `text`, each with the marks that follow it.

    >>> list(clusters("ae\u0301"))
    ['a', 'e\u0301']
    """
    begin = 0
    for place in range(1, len(text)):
        if not unicodedata.category(text[place]).startswith("M"):
            yield text[begin:place]
            begin = place
    yield text[begin:]


def is_right_to_left(text: str) -> bool:
    """Return whether the first letter of `text` belongs to a script that is read from the right.

    >>> is_right_to_left("1 שלום"), is_right_to_left("a שלום")
    (True, False)
    """
    if text.isascii():
        return False
    classes = (unicodedata.bidirectional(each) for each in text)
    return next((each for each in classes if each in ("L", "R", "AL")), "L") != "L"


def by_number(character: str) -> str:
    """Return a character as `domain.display` writes what nobody could see."""
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _length(item: Item) -> int:
    facts = (*item.facts, *(fact for note in item.notes for fact in note.facts))
    texts = (*(note.sentence for note in item.notes), *(str(fact.value) for fact in facts))
    return sum(map(len, texts))
