"""A `Publisher`: the document of a report as JSON, and its files one by one.

The page inside Jira lays the same document out that HTML and paper show
(decision 0015). It gets texts and their order, and no markup: what is `quoted`
is not ours, and is already made harmless.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from firstry.domain.canonical import Json
from firstry.domain.errors import InputInvalid, ReportInvalid
from firstry.domain.public_key import PublicKey
from firstry.domain.record import StoredReport
from firstry.exports.document import Document, Fact, Item, Note, Part, Quoted, Said, document_of
from firstry.exports.file import export, refuse_invalid
from firstry.exports.format import ENVELOPE_SUFFIX, Format, file_name
from firstry.exports.signature import read_envelope
from firstry.exports.strict_json import read_json
from firstry.exports.verify import LONGEST_REPORT
from firstry.ports.publisher import PublishedFile
from firstry.ports.telemetry import Event, Telemetry

ENVELOPE = "envelope"
"""The signature beside the JSON, as a file of its own: one request, one file."""
MEDIA_TYPES = {
    "json": "application/json",
    ENVELOPE: "application/json",
    "html": "text/html",
    "pdf": "application/pdf",
}


@dataclass(frozen=True, slots=True)
class ReportPublisher:
    """Publishes reports that verify with one of `keys`, which are read each time.

    One that does not is an event too, whoever asked for it: somebody has to look.
    """

    keys: Callable[[], Sequence[PublicKey]]
    telemetry: Telemetry

    @property
    def formats(self) -> tuple[str, ...]:
        """See `ports.publisher.Publisher`."""
        return (*(each.value for each in Format), ENVELOPE)

    def shown(self, report: StoredReport) -> Mapping[str, Json]:
        """See `ports.publisher.Publisher`."""
        with self._told_if_invalid(report):
            refuse_invalid(report, self.keys())
        content = read_json(report.body, LONGEST_REPORT)
        assert isinstance(content, dict), "what verifies is an object"
        key_id = read_envelope(report.envelope).key_id
        document = document_of(content, report.digest, key_id, file_name(report, Format.JSON))
        return _document_json(document) | {"key_id": key_id}

    def file(self, report: StoredReport, format_name: str) -> PublishedFile:
        """See `ports.publisher.Publisher`."""
        if format_name not in self.formats:
            known = ", ".join(self.formats)
            raise InputInvalid("there is no such format", f"take one of these: {known}")
        is_envelope = format_name == ENVELOPE
        format_ = Format.JSON if is_envelope else Format(format_name)
        with self._told_if_invalid(report):
            files = {each.suffix: each.content for each in export(report, format_, self.keys())}
        suffix = ENVELOPE_SUFFIX if is_envelope else ""
        name = file_name(report, format_) + suffix
        return PublishedFile(name, MEDIA_TYPES[format_name], files[suffix])

    @contextmanager
    def _told_if_invalid(self, report: StoredReport) -> Iterator[None]:
        try:
            yield
        except ReportInvalid as invalid:
            self.telemetry.emit(
                Event.REPORT_INVALID,
                report.tenant,
                trigger=report.trigger,
                revision=report.revision,
                detail=invalid.message,
            )
            raise


def _document_json(document: Document) -> dict[str, Json]:
    return {
        "title": document.title,
        "lead": document.lead,
        "facts": _facts(document.facts),
        "cover": [_part(each) for each in document.cover],
        "parts": [_part(each) for each in document.parts],
        "footer": document.footer,
        "footer_facts": _facts(document.footer_facts),
    }


def _part(part: Part) -> dict[str, Json]:
    return {
        "key": part.key,
        "heading": part.heading,
        "paragraphs": list(part.paragraphs),
        "commands": [str(each) for each in part.commands],
        "closing": list(part.closing),
        "facts": _facts(part.facts),
        "items": [_item(each) for each in part.items],
        "points": list(part.points),
    }


def _item(item: Item) -> dict[str, Json]:
    return {
        "label": item.label,
        "value": None if item.value is None else _said(item.value),
        "facts": _facts(item.facts),
        "notes": [_note(each) for each in item.notes],
    }


def _note(note: Note) -> dict[str, Json]:
    return {"sentence": note.sentence, "heading": note.heading, "facts": _facts(note.facts)}


def _facts(facts: Sequence[Fact]) -> list[Json]:
    return [{"term": each.term, "value": _said(each.value)} for each in facts]


def _said(value: Said) -> dict[str, Json]:
    return {"text": str(value), "quoted": isinstance(value, Quoted)}
