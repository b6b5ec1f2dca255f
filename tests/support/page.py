"""A page as its reader sees it: its texts, its headings, and what it would load."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

HEADINGS = ("h1", "h2", "h3", "h4")
SPOKEN = ("alt", "title", "aria-label", "placeholder")
VOID = ("meta", "br", "hr", "img", "input", "link")


@dataclass(slots=True)
class Element:
    """One element with its attributes and the text directly in it or below."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(slots=True)
class Page:
    """Everything a page holds, in the order in which it stands there."""

    elements: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def all(self, *tags: str) -> list[Element]:
        """Return the elements with one of these names."""
        return [each for each in self.elements if each.tag in tags]

    def headings(self) -> list[str]:
        """Return the text of every heading."""
        return [each.text for each in self.all(*HEADINGS)]

    def facts(self) -> list[tuple[str, str]]:
        """Return every term with its value."""
        terms = [each.text for each in self.all("dt")]
        return list(zip(terms, [each.text for each in self.all("dd")], strict=True))

    def spoken(self) -> list[str]:
        """Return what a reader hears beside the texts."""
        found = [(each.attributes, name) for each in self.elements for name in SPOKEN]
        return [attributes[name] for attributes, name in found if name in attributes]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.page.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop().tag != tag:
            self.page.faults.append(f"</{tag}> closes another element")

    def handle_data(self, content: str) -> None:
        text = " ".join(content.split())
        if text and not any(each.tag in ("style", "script") for each in self._open):
            self.page.texts.append(text)
        for each in self._open:
            each.text = f"{each.text} {text}".strip()

    def handle_comment(self, content: str) -> None:
        self.page.faults.append(f"a comment: {content}")


def read_page(html: str) -> Page:
    """Return what `html` shows. Every element must be closed where it was opened."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.faults += [f"<{each.tag}> is never closed" for each in reader._open]
    return reader.page
