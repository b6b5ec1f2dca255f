"""A PDF as tests look at it: texts, tags, fonts, metadata and what it carries, by pypdf.

And a few ways to change one, as somebody would who wants it to say something else.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, StreamObject


@dataclass(frozen=True)
class Paper:
    """A PDF that was read."""

    content: bytes

    @cached_property
    def reader(self) -> PdfReader:
        """The file as pypdf has it, which must find nothing to mend."""
        return PdfReader(io.BytesIO(self.content), strict=True)

    @property
    def root(self) -> Any:
        """The document catalogue."""
        return self.reader.trailer["/Root"]

    @cached_property
    def pages(self) -> list[str]:
        """The text of each page."""
        return [page.extract_text() for page in self.reader.pages]

    @property
    def text(self) -> str:
        """All text, without spaces and ends of lines, which only lay it out."""
        return squeezed("".join(self.pages))

    def fonts(self) -> Mapping[str, Any]:
        """Return the descriptor of every font by the font's name."""
        found: dict[str, Any] = {}
        for page in self.reader.pages:
            for each in resources(page).get("/Font", {}).values():
                font = each.get_object()
                [inner] = font.get("/DescendantFonts", [font])
                descriptor = inner.get_object().get("/FontDescriptor")
                found[font["/BaseFont"]] = descriptor and descriptor.get_object()
        return found

    def tags(self) -> Iterator[str]:
        """Yield the structure of the document, tag by tag in the order of reading."""
        left = [self.root["/StructTreeRoot"]]
        while left:
            node = left.pop().get_object()
            if not hasattr(node, "get"):
                continue
            if "/S" in node:
                yield node["/S"].removeprefix("/")
            children = node.get("/K", [])
            children = children.get_object() if hasattr(children, "get_object") else children
            left += reversed(children if isinstance(children, list) else [children])

    def carried(self) -> dict[str, bytes]:
        """Return what the file carries, by its name."""
        return {name: contents[0] for name, contents in self.reader.attachments.items()}


def resources(page: Any) -> Any:
    """Return the fonts and other things that a page is drawn with."""
    return page["/Resources"].get_object()


def squeezed(text: str) -> str:
    """Return `text` without what only lays it out."""
    return "".join(text.split())


def rewritten(content: bytes, change: Callable[[PdfWriter], object]) -> bytes:
    """Return a PDF that was taken apart, changed and written anew, as an editor does it."""
    writer = PdfWriter(clone_from=io.BytesIO(content))
    change(writer)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def page_content(writer: PdfWriter, number: int) -> StreamObject:
    """Return the content of a page that is about to be written."""
    stream = writer.pages[number][NameObject("/Contents")].get_object()
    assert isinstance(stream, StreamObject)
    return stream
