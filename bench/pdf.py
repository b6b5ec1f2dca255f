"""The report as PDF and page beside the bare call that draws it (perf-7)."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import typst

from bench.ground import DUE, INSTALLED, POLICY
from bench.report import SIGNER, evidence
from bench.row import ROUNDS, Row, in_turn
from firstry.domain.claim import Claim
from firstry.domain.ledger import Head
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report.generate import generate
from firstry.domain.tenant import Tenant
from firstry.exports import pdf
from firstry.exports.document import Document
from firstry.exports.html import render as render_html
from firstry.exports.key import TrustedKeys
from firstry.exports.paper import FONTS
from firstry.exports.pdf_verify import verify_pdf
from firstry.exports.rendering import carried_by, pdf_of, shown

TIMES = 12
EVIDENCE_ROWS = 500
MILLISECONDS = count(1)
"""Each report is of another instant: the compiler remembers what it has drawn before."""
FIRST = "from bench.pdf import first; print(first())"


def rows() -> list[Row]:
    """Measure a PDF warm, first in a process, long and verified, and a page."""
    pdf_of(_report())
    ours, bare = in_turn(
        lambda: _milliseconds(_reports(), pdf_of), lambda: _milliseconds(_inputs(), _bare())
    )
    long = _milliseconds((_long(_report()) for _ in range(4)), _draw)
    verified = _milliseconds((pdf_of(report) for report in _reports()), _verify)
    page = _milliseconds((shown(report) for report in _reports()), render_html)
    first = statistics.median(_first_in_a_process() for _ in range(ROUNDS))
    return [
        Row("perf-7", "PDF of a report", "ms", ours, "bare typst, same input", bare, "<= 1.2"),
        Row("perf-7", "PDF, first in a process", "ms", first, "goal", 300, "<= 1"),
        Row("perf-7", f"PDF, {EVIDENCE_ROWS} rows of evidence", "ms", long, "goal", 300, "<= 1"),
        Row("perf-7", "verify a PDF", "ms", verified, "goal", 100, "<= 1"),
        Row("perf-7", "page of a report", "ms", page, "goal", 10, "<= 1"),
    ]


def first() -> float:
    """Return how long the first PDF of this process takes, in milliseconds."""
    report = _report()
    began = time.perf_counter()
    pdf_of(report)
    return 1000 * (time.perf_counter() - began)


def _first_in_a_process() -> float:
    ran = subprocess.run([sys.executable, "-c", FIRST], check=True, capture_output=True, text=True)
    return float(ran.stdout)


def _milliseconds(given: Iterator[Any], work: Callable[[Any], object]) -> float:
    """Return the median of doing `work` with each of `given`, which is made beforehand."""
    found = []
    for each in list(given):
        began = time.perf_counter()
        work(each)
        found.append(1000 * (time.perf_counter() - began))
    return statistics.median(found)


def _report() -> StoredReport:
    decided = DUE + timedelta(milliseconds=next(MILLISECONDS))
    head = Head(2, "sha256:" + "0" * 64)
    tenant, lease = Tenant.from_row("bench"), decided + POLICY.lease
    held = Claim(tenant, Trigger("AUTO_12H"), 1, 1, 1, decided, lease, INSTALLED, head)
    report = generate(held, evidence())
    return replace(report, envelope=SIGNER.sign(report, head))


def _reports() -> Iterator[StoredReport]:
    return (_report() for _ in range(TIMES))


def _inputs() -> Iterator[dict[str, str]]:
    """Yield what a PDF is drawn from and what it carries, ready for the compiler."""
    for report in _reports():
        carried = tuple(carried_by(report))
        yield pdf.inputs_of(shown(report), carried, pdf.renderer(), is_plain=False)


def _bare() -> Callable[[dict[str, str]], object]:
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS]
    )
    compiler = typst.Compiler(pdf.PAGE, root=pdf.PAGE.parent, font_paths=fonts)
    return lambda inputs: compiler.compile(
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=pdf.STANDARDS,
        timestamp=int(DUE.timestamp()),
    )


def _long(report: StoredReport) -> Document:
    """Return the document of a report that rests on many entries."""
    fine = shown(report)
    [table] = [part for part in fine.parts if part.key == "evidence"]
    items = tuple(
        replace(table.items[number % len(table.items)], label=f"Dataset {number}")
        for number in range(EVIDENCE_ROWS)
    )
    parts = (replace(part, items=items) if part is table else part for part in fine.parts)
    return replace(fine, parts=tuple(parts))


def _draw(document: Document) -> bytes:
    return pdf.render(document, DUE)


def _verify(content: bytes) -> None:
    assert verify_pdf(content, TrustedKeys({SIGNER.key_id: SIGNER.point})).holds
