"""What a PDF from outside carries and says, read without trusting anything in it.

Everything has a limit, and whatever the reader of the format stumbles over is one
answer: this is no PDF of ours, and where that was seen.
"""

import io
import logging
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pypdf import Configuration, PdfReader, apply_configuration
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject, StreamObject

from firstry.domain.report.shape import Breach

LONGEST_FILE = 50 * 1024 * 1024
LONGEST_CARRIED = 11 * 1024 * 1024
LONGEST_STREAM = 512 * 1024
"""What the content of a page, a font's letters or the metadata may unpack to; ours have a tenth."""
LONGEST_PAGES = 3 * 1024 * 1024
"""What the contents of all pages may unpack to, before their text is read."""
MOST_NAMES = 10
MOST_PAGES = 500

_BROKEN = (
    *(PyPdfError, zlib.error, struct.error, ArithmeticError, AssertionError, AttributeError),
    *(LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError),
)
"""What a reader of hostile bytes can run into."""
_LIMITS = Configuration(
    array_based_stream_maximum_output_length=LONGEST_STREAM,
    lzw_maximum_output_length=LONGEST_STREAM,
    run_length_maximum_output_length=LONGEST_STREAM,
    zlib_maximum_output_length=LONGEST_STREAM,
    zlib_maximum_recovery_input_length=LONGEST_STREAM,
    xmp_maximum_input_length=LONGEST_STREAM,
    stream_decoding_work_maximum_length=4 * LONGEST_STREAM,
)
"""How much the reader of the format may unpack; its own limits are 75 MB for each stream."""
_ACTIVE = frozenset({"/AcroForm", "/OpenAction", "/AA", "/Collection"})
_LOG = logging.getLogger("pypdf")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False  # it would tell the reader of a broken file about each of its oddities


class PdfUnreadable(Exception):
    """The bytes are no PDF that could be one of ours. `breach` says where and why."""

    def __init__(self, breach: Breach) -> None:
        super().__init__(str(breach))
        self.breach = breach


@dataclass(frozen=True, slots=True)
class PdfFile:
    """A PDF that was opened: what it carries, by name, and the name of what drew it."""

    carried: Mapping[str, bytes]
    drawn_by: str
    _reader: PdfReader

    def page_texts(self) -> Iterator[str]:
        """Yield the text of each page without spaces, or raise PdfUnreadable."""
        length = 0
        for number in range(1, self.page_count() + 1):
            length += len(self.page_content(number))
            if length > LONGEST_PAGES:
                rule = f"must not be longer than {LONGEST_PAGES} bytes with those before it"
                raise PdfUnreadable(Breach(f"page {number}", rule))
            yield self.page_text(number)

    def page_text(self, number: int) -> str:
        """Return the text of a page, counted from 1, without spaces, or raise PdfUnreadable."""
        with _at(f"page {number}"):
            return without_spaces(self._reader.pages[number - 1].extract_text())

    def page_content(self, number: int) -> bytes:
        """Return what draws a page, counted from 1, or raise PdfUnreadable."""
        with _at(f"page {number}"):
            drawn = self._reader.pages[number - 1].get_contents()
            return b"" if drawn is None else drawn.get_data()

    def page_count(self) -> int:
        """Return the number of pages, or raise PdfUnreadable."""
        with _at("pages"):
            count = len(self._reader.pages)
        if not 0 < count <= MOST_PAGES:
            raise PdfUnreadable(Breach("pages", f"must be 1 to {MOST_PAGES}"))
        return count

    def foreign(self) -> Iterator[Breach]:
        """Yield everything that a page of ours never has: what acts, and what lies over text."""
        with _at("/Root"):
            root = _dictionary(self._reader.trailer["/Root"])
            names = _dictionary(root.get("/Names"))
            active = sorted((root.keys() & _ACTIVE) | (names.keys() - {"/EmbeddedFiles"}))
        yield from (Breach(f"/Root{key}", "is nothing that a report has") for key in active)
        for number in range(self.page_count()):
            place = f"page {number + 1}"
            with _at(place):
                page = self._reader.pages[number]
                resources = _dictionary(page.get("/Resources"))
                found = [key for key in ("/Annots", "/AA") if key in page]
                found += [
                    key for key in ("/XObject", "/Pattern") if _dictionary(resources.get(key))
                ]
            yield from (Breach(f"{place} {key}", "is nothing that a report has") for key in found)


def open_pdf(content: bytes) -> PdfFile:
    """Open a PDF and take out what it carries, or raise PdfUnreadable."""
    if len(content) > LONGEST_FILE:
        raise PdfUnreadable(Breach("", f"must not be longer than {LONGEST_FILE} bytes"))
    if not content.startswith(b"%PDF-"):
        raise PdfUnreadable(Breach("byte 0", "must begin as a PDF does, with %PDF-"))
    ends = [found.start() for found in re.finditer(rb"\bstartxref\b", content)]
    if len(ends) > 1:
        rule = "must not follow: something was added to the file after it was made"
        raise PdfUnreadable(Breach(f"byte {ends[1]}", rule))
    with _at("the file"):
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise PdfUnreadable(
                Breach("/Encrypt", "must not be there: a report is readable to all")
            )
        root = _dictionary(reader.trailer["/Root"])
        names = list(_names(_dictionary(root.get("/Names")).get("/EmbeddedFiles")))
        drawn_by = _keywords(reader)
    return PdfFile(_carried(names), drawn_by, reader)


def without_spaces(text: str) -> str:
    """Return `text` without what only lays it out: spaces, and ends of lines."""
    return "".join(text.split())


def _keywords(reader: PdfReader) -> str:
    """Return what drew the file by both of its descriptions, which must not differ."""
    said = str(_dictionary(reader.metadata).get("/Keywords", ""))
    described = reader.xmp_metadata
    if described is None or described.pdf_keywords != said:
        raise PdfUnreadable(Breach("/Info/Keywords", "must be those of the metadata"))
    return said


def _names(tree: PdfObject | None) -> Iterator[tuple[str, DictionaryObject]]:
    """Yield the names of a tree of one level, as all of ours are, with what they name."""
    node = _dictionary(tree)
    if "/Kids" in node:
        raise PdfUnreadable(Breach("/Root/Names/EmbeddedFiles", "must be one list"))
    listed = node.get("/Names", ArrayObject()).get_object()
    if not isinstance(listed, ArrayObject) or len(listed) > 2 * MOST_NAMES:
        raise PdfUnreadable(Breach("/Root/Names/EmbeddedFiles", "must be a short list"))
    for place in range(0, len(listed) - 1, 2):
        yield str(listed[place]), _dictionary(listed[place + 1])


def _carried(names: list[tuple[str, DictionaryObject]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, entry in names:
        place = f"attachment {name}"
        if name in found:
            raise PdfUnreadable(Breach(place, "must be there once"))
        with _at(place):
            if str(entry.get("/UF", name)) != name or str(entry.get("/F", name)) != name:
                raise PdfUnreadable(Breach(place, "must have one name"))
            files = [each.get_object() for each in _dictionary(entry["/EF"]).values()]
            stream = files[0]
            if not isinstance(stream, StreamObject):
                raise PdfUnreadable(Breach(place, "must be a file"))
            if any(each is not stream for each in files):
                raise PdfUnreadable(Breach(place, "must be one file, whoever reads it"))
            found[name] = _unpacked(stream, place)
    return found


def _unpacked(stream: StreamObject, place: str) -> bytes:
    """Return the content of a stream, of one that is too long only enough to be refused."""
    filters = stream.get("/Filter")
    packed = stream._data
    if filters is None:
        content, is_whole = packed[: LONGEST_CARRIED + 1], True
    elif filters == "/FlateDecode" and "/DecodeParms" not in stream:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, LONGEST_CARRIED + 1)
        is_whole = unpacker.eof
    else:
        raise PdfUnreadable(Breach(place, "must be packed by FlateDecode or not at all"))
    if len(content) > LONGEST_CARRIED or not is_whole:
        raise PdfUnreadable(Breach(place, f"must be whole and at most {LONGEST_CARRIED} bytes"))
    return content


def _dictionary(value: object) -> DictionaryObject:
    resolved = value.get_object() if isinstance(value, PdfObject) else None
    return resolved if isinstance(resolved, DictionaryObject) else DictionaryObject()


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Turn whatever the reader of the format runs into here into one answer."""
    try:
        with apply_configuration(_LIMITS):
            yield
    except _BROKEN as error:
        kind = type(error).__name__
        raise PdfUnreadable(Breach(place, f"must be readable as a PDF ({kind})")) from None
