"""A report as a PDF: tagged, made to be archived, and the same bytes wherever it is made.

The page is a fixed template; every value reaches it as JSON and is never read as
markup, so no text can act. No font and no clock of the machine is asked, so the same
report gives the same bytes in every process, and a PDF is checked by making it again
(decision 0017). The file carries what was signed, as attachments.
"""

import hashlib
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import typst

from firstry import __version__
from firstry.domain.errors import PdfExportFailed
from firstry.exports.document import Document
from firstry.exports.paper import FONTS, values_of

PAGE = Path(__file__).with_name("page") / "report.typ"
STANDARDS: "list[typst.PDFStandard]" = ["ua-1", "a-3a"]


@dataclass(frozen=True, slots=True)
class Carried:
    """A file that a PDF carries. `relationship` is that of PDF/A-3: `source`, `supplement`."""

    name: str
    content: bytes
    mime_type: str
    relationship: str
    description: str


def render(
    document: Document, at: datetime, carried: Sequence[Carried] = (), drawn_by: str | None = None
) -> bytes:
    """Return `document` as a PDF that was made at the instant `at`.

    The same arguments give the same bytes. `drawn_by` is the name that the file bears, that
    of `renderer` if it is None. Raises PdfExportFailed if it cannot be drawn.
    """
    drawn_by = drawn_by or renderer()
    try:
        return _drawn(document, at, carried, drawn_by, is_plain=False)
    except typst.TypstError:
        pass  # a cluster that no one font can set: each of its characters by its number
    try:
        return _drawn(document, at, carried, drawn_by, is_plain=True)
    except typst.TypstError as error:
        raise PdfExportFailed(f"the page cannot be drawn: {error.message}") from None


@cache
def renderer() -> str:
    """Return what draws the pages: equal names give equal bytes for the same report."""
    parts = [PAGE, *sorted(FONTS.glob("*.ttf"))]
    digest = hashlib.sha256(b"".join(hashlib.sha256(each.read_bytes()).digest() for each in parts))
    return f"firstry {__version__}, typst {version('typst')}, pages {digest.hexdigest()[:16]}"


def draws_like(name: str) -> bool:
    """Whether `name` is that of `renderer` but for the version of firstry: same page and fonts."""
    _, _, rest = renderer().partition(", ")
    return re.fullmatch(r"firstry [\w.+!-]{1,40}, " + re.escape(rest), name, re.ASCII) is not None


def inputs_of(
    document: Document, carried: Sequence[Carried], drawn_by: str, *, is_plain: bool
) -> dict[str, str]:
    """Return all that the template is given: the document as JSON, and each carried file."""
    files = [
        {
            "name": each.name,
            "input": f"file-{number}",
            "mime_type": each.mime_type,
            "relationship": each.relationship,
            "description": each.description,
        }
        for number, each in enumerate(carried)
    ]
    given = values_of(document, is_plain=is_plain) | {"renderer": drawn_by, "files": files}
    inputs = {f"file-{number}": each.content.decode() for number, each in enumerate(carried)}
    return inputs | {"document": json.dumps(given)}


def _drawn(
    document: Document, at: datetime, carried: Sequence[Carried], drawn_by: str, *, is_plain: bool
) -> bytes:
    made = _compiler().compile(
        format="pdf",
        sys_inputs=inputs_of(document, carried, drawn_by, is_plain=is_plain),
        pdf_standards=STANDARDS,
        timestamp=int(at.timestamp()),
    )
    assert isinstance(made, bytes)
    return made


class _Local(threading.local):
    """One compiler for each thread: it can make one PDF at a time, and keeps what it has read."""

    compiler: typst.Compiler | None = None


_LOCAL = _Local()


def _compiler() -> typst.Compiler:
    if _LOCAL.compiler is None:
        _LOCAL.compiler = typst.Compiler(PAGE, root=PAGE.parent, font_paths=_fonts())
    return _LOCAL.compiler


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
