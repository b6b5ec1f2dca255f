"""Lists as files: CSV for spreadsheets, NDJSON for programs, written page by page.

CSV is RFC 4180 in UTF-8, and nothing in it acts: what is invisible is written out by
its number, and what a spreadsheet would take for a formula begins with an apostrophe.
NDJSON has one canonical object a line, the same as the API's, with every text as it
is. Either is made from one page at a time, so that its length costs no memory.
"""

import csv
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO

from firstry.domain.canonical import Json, canonical_bytes
from firstry.domain.display import displayed

Row = Mapping[str, Json]
LONGEST_CELL = 32_000
"""The characters of a cell at most; a spreadsheet keeps 32,767."""
_ACTS = frozenset("=+-@")
_BREAKS = ("\t", "\r", "\n")


class TableFormat(StrEnum):
    """The formats of a list as a file."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        """What HTTP calls the format."""
        return "text/csv" if self is TableFormat.CSV else "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Table:
    """A list to be written: its rows page by page, and what a row is under `columns`.

    A row that has parts, as a tenant has milestones, is several lines of CSV.
    """

    name: str
    columns: Sequence[str]
    lines: Callable[[Row], Iterable[Sequence[Json]]]
    pages: Iterator[Sequence[Row]]


def written(table: Table, format_: TableFormat) -> Iterator[bytes]:
    """Yield the file's bytes, one piece for each page; a CSV begins with its columns."""
    if format_ is TableFormat.NDJSON:
        for page in table.pages:
            yield b"".join(canonical_bytes(row) + b"\n" for row in page)
        return
    heading = [table.columns]
    for page in table.pages:
        yield _csv([*heading, *(line for row in page for line in table.lines(row))])
        heading = []
    if heading:
        yield _csv(heading)


def cell(value: Json) -> str:
    """Return a value as the text of a cell that no spreadsheet acts on.

    Each piece between semicolons is looked at by itself, because some spreadsheets
    break a line there. Text beyond LONGEST_CELL is cut, and says so.

    >>> cell('\\u200b =HYPERLINK("x")')
    '\\'\\\\u200b =HYPERLINK("x")'
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else canonical_bytes(value).decode()
    if text[:1].isalnum() and ";" not in text:
        return displayed(text, LONGEST_CELL)
    pieces = (f"'{piece}" if _acts(piece) else piece for piece in text.split(";"))
    return displayed(";".join(pieces), LONGEST_CELL)


def _acts(piece: str) -> bool:
    """Whether a spreadsheet may take this for a formula, also behind what nobody sees.

    The wide and small forms of a sign count as the sign.
    """
    seen = next((c for c in piece if c.isprintable() and not c.isspace()), "")
    return piece.startswith(_BREAKS) or unicodedata.normalize("NFKC", seen)[:1] in _ACTS


def _csv(lines: Iterable[Sequence[Json]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([cell(value) for value in line] for line in lines)
    return text.getvalue().encode()
