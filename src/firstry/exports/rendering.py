"""A stored report as people read it: the one document of it, as a page and as a PDF.

Nothing is judged here. Whoever calls has made sure that the report verifies.
"""

import json
from collections.abc import Iterator

from firstry.domain.record import StoredReport
from firstry.exports import html, pdf, wording
from firstry.exports.document import Document, document_of
from firstry.exports.format import ENVELOPE_SUFFIX, Format, file_name
from firstry.exports.signature import read_envelope


def shown(report: StoredReport) -> Document:
    """Return the document of a valid report."""
    key_id = read_envelope(report.envelope).key_id
    json_name = file_name(report, Format.JSON)
    return document_of(json.loads(report.body), report.digest, key_id, json_name)


def html_of(report: StoredReport) -> bytes:
    """Return the page of a valid report."""
    return html.render(shown(report)).encode()


def pdf_of(report: StoredReport, drawn_by: str | None = None) -> bytes:
    """Return the PDF of a valid report, which carries the report and its envelope.

    `drawn_by` as in `pdf.render`. Raises PdfExportFailed if it cannot be drawn.
    """
    return pdf.render(shown(report), report.generated_at, tuple(carried_by(report)), drawn_by)


def carried_by(report: StoredReport) -> Iterator[pdf.Carried]:
    """Yield what the PDF of a report carries: exactly what was signed, and the signature."""
    name = file_name(report, Format.JSON)
    yield pdf.Carried(name, report.body, "application/json", "source", wording.CARRIED_REPORT)
    yield pdf.Carried(
        f"{name}{ENVELOPE_SUFFIX}",
        report.envelope,
        "application/json",
        "supplement",
        wording.CARRIED_ENVELOPE,
    )
