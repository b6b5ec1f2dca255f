"""Everything that a report says in words of ours, in one catalogue, ready for translation.

The sentence in English is its own key, as gettext has it. The signed JSON always
speaks English: its sentences are bytes that were signed. A rendering may say them in
another language, because the document knows which words are ours and which are quoted;
a sentence that a translation does not have stays English (decision 0016).
"""

import gettext
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from firstry.domain.evidence import Dataset
from firstry.domain.report import sentence
from firstry.exports import wording
from firstry.exports.document import Document, Fact, Item, Note, Part, Said

TEMPLATE_HEADER = """\
# Every sentence of a report, for translation: docs/report-contract.md tells what no word may be.
msgid ""
msgstr ""
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its tag (BCP 47), with what it says for each sentence in English."""

    tag: str
    texts: Mapping[str, str]


ENGLISH = Language("en", {})


def sentences() -> tuple[str, ...]:
    """Return each text of ours that a rendering can show, once, in a fixed order."""
    datasets = (dataset.value for dataset in Dataset)
    return tuple(dict.fromkeys((*wording.catalogue(), *datasets, *sentence.catalogue())))


def template() -> str:
    """Return the catalogue as gettext's tools take it: a `.pot` file."""
    quoted = (json.dumps(text, ensure_ascii=False) for text in sentences())
    return TEMPLATE_HEADER + "".join(f'\nmsgid {text}\nmsgstr ""\n' for text in quoted)


def read_language(tag: str, compiled: bytes) -> Language:
    """Return the language of a compiled translation, a `.mo` file. Raises OSError if it is none."""
    found = gettext.GNUTranslations(io.BytesIO(compiled))
    return Language(tag, {text: found.gettext(text) for text in sentences()})


def translated(document: Document, language: Language) -> Document:
    """Return `document` with every word of ours in `language`; what is quoted stays."""

    def say(text: str) -> str:
        return language.texts.get(text, text)

    return replace(
        document,
        language=language.tag,
        title=say(document.title),
        lead=say(document.lead),
        facts=_facts(document.facts, say),
        cover=tuple(_part(part, say) for part in document.cover),
        parts=tuple(_part(part, say) for part in document.parts),
        footer=say(document.footer),
        footer_facts=_facts(document.footer_facts, say),
        by_number=say(document.by_number),
    )


_Say = Callable[[str], str]


def _part(part: Part, say: _Say) -> Part:
    return replace(
        part,
        heading=say(part.heading),
        paragraphs=tuple(map(say, part.paragraphs)),
        closing=tuple(map(say, part.closing)),
        facts=_facts(part.facts, say),
        items=tuple(_item(item, say) for item in part.items),
        term=None if part.term is None else say(part.term),
        points=tuple(map(say, part.points)),
    )


def _item(item: Item, say: _Say) -> Item:
    return replace(
        item,
        label=say(item.label),
        value=None if item.value is None else _said(item.value, say),
        facts=_facts(item.facts, say),
        notes=tuple(_note(note, say) for note in item.notes),
    )


def _note(note: Note, say: _Say) -> Note:
    heading = None if note.heading is None else say(note.heading)
    return Note(say(note.sentence), _facts(note.facts, say), heading)


def _facts(facts: tuple[Fact, ...], say: _Say) -> tuple[Fact, ...]:
    return tuple(Fact(say(fact.term), _said(fact.value, say)) for fact in facts)


def _said(value: Said, say: _Say) -> Said:
    return say(value) if isinstance(value, str) else value
