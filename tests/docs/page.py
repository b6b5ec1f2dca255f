"""The documentation, read for what can be compared: blocks, tables, headings, names.

Only as much Markdown as our pages use: fenced blocks, tables with a rule below the
header, headings with `#`, code in backticks, inline links.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import stages

ROOT = stages.ROOT
_FENCE = re.compile(r"^\s*(```+)(\w*)\s*$")
_NOT_RUN = re.compile(r"^\s*<!-- not run: (.{10,}) -->$")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block with its first and last line. `excuse` is why it is not run.

    `follows` is the last line of the block before.
    """

    language: str
    text: str
    line: int
    end: int
    excuse: str | None
    follows: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its header and rows, each cell as written, under `heading`."""

    heading: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int

    def column(self, name: str) -> list[str]:
        """Return the cells below `name`."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `path` is relative to the root, with slashes."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def blocks(self) -> list[Block]:
        """Return the fenced blocks in order."""
        found: list[Block] = []
        opened: tuple[int, str] | None = None
        closed: int | None = None
        for number, line in enumerate(self.lines, 1):
            fence = _FENCE.match(line)
            if fence is None:
                continue
            if opened is None:
                opened = number, fence[2]
                continue
            begin, language = opened
            text = textwrap.dedent("\n".join(self.lines[begin : number - 1]))
            found.append(Block(language, text, begin, number, self._excuse(begin), closed))
            opened, closed = None, number
        assert opened is None, f"{self.path}:{opened}: a block without an end"
        return found

    def _excuse(self, begin: int) -> str | None:
        above = self.lines[begin - 2] if begin > 1 else ""
        excuse = _NOT_RUN.match(above)
        return excuse[1] if excuse else None

    def prose(self) -> list[tuple[int, str]]:
        """Return the numbered lines outside of fenced blocks."""
        inside, kept = False, []
        for number, line in enumerate(self.lines, 1):
            if _FENCE.match(line):
                inside = not inside
            elif not inside:
                kept.append((number, line))
        return kept

    def tables(self) -> list[Table]:
        """Return the tables in order."""
        found, heading = [], ""
        prose = self.prose()
        for place, (number, line) in enumerate(prose):
            if line.startswith("#"):
                heading = line.lstrip("# ")
            rule = prose[place + 1][1] if place + 1 < len(prose) else ""
            if line.startswith("|") and re.fullmatch(r"\|(?:-+\|)+", rule):
                rows = []
                for _, row in prose[place + 2 :]:
                    if not row.startswith("|"):
                        break
                    rows.append(_cells(row))
                found.append(Table(heading, _cells(line), tuple(rows), number))
        return found

    def table(self, *header: str) -> Table:
        """Return the one table whose header begins so."""
        found = [t for t in self.tables() if t.header[: len(header)] == header]
        assert len(found) == 1, f"{self.path} has {len(found)} tables with the header {header}"
        return found[0]

    def headings(self) -> list[str]:
        """Return the headings' texts in order."""
        return [line.lstrip("# ") for _, line in self.prose() if line.startswith("#")]

    def anchors(self) -> set[str]:
        """Return what a link may name behind `#`, as forges make it of headings."""
        kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in self.headings())
        return {heading.replace(" ", "-") for heading in kept}

    def names(self) -> Iterator[tuple[int, str]]:
        """Yield each piece of code in backticks with its line."""
        for number, line in self.prose():
            for found in _CODE.finditer(line):
                yield number, found[1]

    def links(self) -> Iterator[tuple[int, str]]:
        """Yield the target of each inline link with its line."""
        for number, line in self.prose():
            for found in _LINK.finditer(line):
                yield number, found[1]


def _cells(row: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1])


def code(cell: str) -> str:
    """Return what a cell holds between backticks; the cell must hold nothing else."""
    found = _CODE.fullmatch(cell)
    assert found is not None, f"{cell!r} is to be one piece of code in backticks"
    return found[1]


def codes(cell: str) -> list[str]:
    """Return every piece of code in a cell."""
    return _CODE.findall(cell)


@cache
def pages() -> dict[str, Page]:
    """Return every page of ours by its path."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "spec" / "README.md"]
    found = {path.relative_to(ROOT).as_posix(): path for path in sorted(paths)}
    return {name: Page(name, path.read_text("utf-8")) for name, path in found.items()}


def page(path: str) -> Page:
    """Return the page at `path`."""
    return pages()[path]


def source_of(path: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / Path(path)).read_text("utf-8")
