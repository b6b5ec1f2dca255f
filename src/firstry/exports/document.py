"""The one document that every rendering of a report shows: page and paper alike.

A `Document` holds everything that is to be seen, in its order, and nothing about
how it looks. Renderings add neither words nor numbers, so what is the same here
is the same everywhere. Text that is not ours is `Quoted`; the language guard
reads everything else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firstry.domain.display import displayed
from firstry.exports import wording

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Quoted:
    """Text that is not ours: an id, an instant, a number, whatever a site names."""

    text: str

    def __str__(self) -> str:
        return displayed(self.text)


Said = str | Quoted


@dataclass(frozen=True, slots=True)
class Fact:
    """A term and what it is here."""

    term: str
    value: Said


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence with the facts that belong to it, as a disclosure is one."""

    sentence: str
    facts: tuple[Fact, ...]
    heading: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a part: what it is, its number if it has one, and its notes."""

    label: str
    value: Said | None = None
    facts: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One headed part of the document. Its pieces are shown in the order of the fields.

    `term` names what its items are, where a rendering shows or says that.
    """

    key: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    commands: tuple[Quoted, ...] = ()
    closing: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    items: tuple[Item, ...] = ()
    term: str | None = None
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. `cover` is the first page, the part that gets forwarded.

    `language` is that of our words, as BCP 47 has it; `by_number` is only said where a
    rendering has to write a character by its number.
    """

    title: str
    lead: str
    facts: tuple[Fact, ...]
    cover: tuple[Part, ...]
    parts: tuple[Part, ...]
    footer: str
    footer_facts: tuple[Fact, ...]
    language: str = "en"
    by_number: str = wording.WRITTEN_BY_NUMBER


def document_of(report: Object, digest: str, key_id: str, json_name: str) -> Document:
    """Return the document of a valid `report`; `json_name` is its file's name as JSON."""
    sections = report["sections"]
    return Document(
        title=wording.TITLE,
        lead=wording.LEAD,
        facts=_facts(report),
        cover=(
            Part("what", wording.WHAT_IT_IS, wording.WHAT_IT_IS_TEXT),
            Part("counts", wording.COUNTS, items=_collected(sections["A"])),
            Part("coverage", wording.COVERAGE, (wording.COVERAGE_TEXT,), facts=_states(sections)),
            _verification(digest, key_id, json_name),
        ),
        parts=(
            Part("A", sections["A"]["heading"], items=_collected(sections["A"])),
            _datasets(sections),
            Part("C", sections["C"]["heading"], items=_observations(sections["C"])),
            _forecast(sections["D"]),
            _method(report["evidence"]),
            _evidence(report["evidence"]),
            Part("limits", wording.LIMITS, points=wording.LIMITS_POINTS),
            Part("data-flow", wording.WHERE_DATA_GOES, points=wording.WHERE_DATA_GOES_POINTS),
        ),
        footer=wording.FOOTER,
        footer_facts=(
            Fact(wording.GENERATED_AT, Quoted(report["generated_at"])),
            Fact(wording.TRIGGER, Quoted(report["trigger"])),
        ),
    )


def our_words(document: Document) -> Iterator[str]:
    """Yield every text of the document that is ours."""
    yield from (document.title, document.lead, document.footer, document.by_number)
    yield from _of_facts((*document.facts, *document.footer_facts))
    for part in (*document.cover, *document.parts):
        yield from (part.heading, *part.paragraphs, *part.closing, *part.points)
        yield from (part.term,) if part.term else ()
        yield from _of_facts(part.facts)
        for item in part.items:
            yield item.label
            yield from (each for each in (item.value,) if isinstance(each, str))
            yield from _of_facts(item.facts)
            for note in item.notes:
                yield from (each for each in (note.heading, note.sentence) if each)
                yield from _of_facts(note.facts)


def _of_facts(facts: tuple[Fact, ...]) -> Iterator[str]:
    for fact in facts:
        yield fact.term
        if isinstance(fact.value, str):
            yield fact.value


def _facts(report: Object) -> tuple[Fact, ...]:
    window = report["observation_window"]
    shown = {
        wording.SITE: report["cloud_id"],
        wording.TRIGGER: report["trigger"],
        wording.GENERATED_AT: report["generated_at"],
        wording.INSTALLATION: report["installation_detected_at"],
        wording.WINDOW_FROM: window["from"],
        wording.WINDOW_TO: window["to"],
        wording.WINDOW_HOURS: window["duration_hours"],
        wording.REPORT_ID: report["report_id"],
        wording.SCHEMA: report["schema_version"],
    }
    return _quoted(shown)


def _quoted(shown: Mapping[str, object]) -> tuple[Fact, ...]:
    return tuple(Fact(term, Quoted(str(value))) for term, value in shown.items())


def _collected(section: Object) -> tuple[Item, ...]:
    return tuple(
        Item(
            label,
            _number(section[name]["count"]),
            notes=(_disclosure(section[name]["disclosure"]),),
        )
        for name, label in wording.COLLECTED.items()
    )


def _number(value: int | None) -> Said:
    """Return a count as it is; null is said in words, never as a zero (P17, P47)."""
    return wording.NOT_MEASURED if value is None else Quoted(str(value))


def _disclosure(shown: Object, heading: str | None = None) -> Note:
    facts = {
        wording.COMPLETENESS: shown["completeness_percent"],
        wording.WINDOW_DAYS: shown["observation_window_days"],
        wording.CONFIDENCE: shown["confidence_level"],
    }
    if "zero_value_reason" in shown:
        facts[wording.ZERO_REASON] = shown["zero_value_reason"]
    facts[wording.COMPUTED_AT] = shown["computed_at"]
    return Note(shown["disclosure_text"], _quoted(facts), heading)


def _rows(sections: Object) -> list[Object]:
    rows: list[Object] = sections["B"]["datasets"]
    return rows


def _states(sections: Object) -> tuple[Fact, ...]:
    return tuple(
        Fact(row["dataset_name"], Quoted(row["availability_state"])) for row in _rows(sections)
    )


def _datasets(sections: Object) -> Part:
    items = tuple(map(_coverage, _rows(sections)))
    return Part("B", sections["B"]["heading"], items=items, term=wording.DATASET)


def _coverage(row: Object) -> Item:
    facts = {wording.STATE: row["availability_state"]}
    if row["missing_reason"] is not None:
        facts[wording.MISSING_REASON] = row["missing_reason"]
    facts[wording.COVERAGE_PERCENT] = row["coverage_percent"]
    notes = [_disclosure(row["coverage_disclosure"])]
    if row["reason_detail_text"] not in (None, notes[0].sentence):
        notes.append(Note(row["reason_detail_text"], (), wording.REASON_DETAIL))
    if zero := row.get("mandatory_zero_disclosure"):
        notes.append(_disclosure(zero, wording.ZERO_COVERAGE))
    return Item(row["dataset_name"], facts=_quoted(facts), notes=tuple(notes))


def _observations(section: Object) -> tuple[Item, ...]:
    return tuple(
        Item(each["label"], _number(each["value"]), notes=(_disclosure(each["disclosure"]),))
        for each in section["observations"]
    )


def _forecast(section: Object) -> Part:
    if not section["forecast_available"]:
        facts = (
            Fact(wording.FORECAST_AVAILABLE, wording.NO),
            Fact(wording.FORECAST_REASON, Quoted(section["reason"])),
        )
        return Part("D", section["heading"], (section["disclosure_text"],), facts=facts)
    forecast = section["forecast"]
    shown = {
        wording.FORECAST_TYPE: forecast["forecast_type"],
        wording.FORECAST_DAYS: forecast["observation_window_days"],
        wording.CONFIDENCE: forecast["confidence_level"],
        wording.GENERATED_AT: forecast["generated_at"],
    }
    rests_on = tuple(Fact(wording.RESTS_ON, Quoted(each)) for each in forecast["rests_on"])
    note = Note(
        forecast["disclaimer"],
        (*_quoted(shown), Fact(wording.IMMUTABLE, wording.YES), *rests_on),
    )
    available = Fact(wording.FORECAST_AVAILABLE, wording.YES)
    item = Item(forecast["quantity"], Quoted(str(forecast["value"])), notes=(note,))
    return Part("D", section["heading"], facts=(available,), items=(item,))


def _verification(digest: str, key_id: str, json_name: str) -> Part:
    first, last = wording.VERIFY_TEXT
    return Part(
        "verify",
        wording.VERIFY,
        (first,),
        commands=tuple(
            Quoted(f"firstry verify {name} --key firstry-keys.json")
            for name in (json_name, f"{json_name.removesuffix('.json')}.pdf")
        ),
        closing=(last,),
        facts=_quoted({wording.DIGEST: digest, wording.KEY: key_id}),
    )


def _method(evidence: Object) -> Part:
    return Part(
        "method",
        wording.METHOD,
        (wording.METHOD_TEXT,),
        items=tuple(_request(label, each["entry"]) for label, each in _cited(evidence)),
        term=wording.DATASET,
    )


def _cited(evidence: Object) -> list[tuple[str, Object]]:
    """Return every cited entry with its label, the earlier reading of a forecast last."""
    entries = [(each["entry"]["detail"]["dataset"], each) for each in evidence["entries"]]
    if "earlier" in evidence:
        entries.append((wording.EARLIER, evidence["earlier"]))
    return entries


def _request(label: str, entry: Object) -> Item:
    detail = entry["detail"]
    shown = {
        wording.REQUEST: detail["request"],
        wording.SCOPE: detail["scope"],
        wording.ASKED_AT: entry["at"],
        wording.STATUS: detail["status"],
    }
    if detail["count"] is None:
        return Item(label, facts=(*_quoted(shown), Fact(wording.HOW, wording.NO_COUNT)))
    how = Fact(wording.HOW, wording.COUNTED[detail["method"]])
    method = Fact(wording.METHOD_NAME, Quoted(detail["method"]))
    covered = {wording.COVERED: detail["covered"], wording.VISIBLE: detail["visible"]}
    return Item(label, facts=(*_quoted(shown), method, how, *_quoted(covered)))


def _evidence(evidence: Object) -> Part:
    head = evidence["ledger_head"]
    facts = {wording.LEDGER_SEQUENCE: head["sequence"], wording.LEDGER_HASH: head["hash"]}
    items = tuple(Item(label, facts=_entry(each)) for label, each in _cited(evidence))
    return Part(
        "evidence",
        wording.EVIDENCE,
        (wording.EVIDENCE_TEXT,),
        facts=_quoted(facts),
        items=items,
        term=wording.DATASET,
    )


def _entry(cited: Object) -> tuple[Fact, ...]:
    shown = {
        wording.ENTRY_HASH: cited["entry_hash"],
        wording.ENTRY_KIND: cited["entry"]["kind"],
        wording.ENTRY_ACTOR: cited["entry"]["actor"],
    }
    return _quoted(shown)
