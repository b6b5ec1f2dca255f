"""Which characters the fonts that come along can show.

Only text that is not ASCII asks for it. Read from the fonts themselves (their
`cmap` tables), so that a font that is added or taken away needs no list beside it.
"""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SUFFIX = ".ttf"


def can_show(cluster: str, folder: Path) -> bool:
    """Return whether one font in `folder` has all of a letter with its marks."""
    points = frozenset(map(ord, cluster))
    return any(points <= font for font in _coverage(folder))


@cache
def _coverage(folder: Path) -> tuple[frozenset[int], ...]:
    """Return for each font in `folder` the code points for which it has a glyph."""
    fonts = sorted(folder.glob(f"*{SUFFIX}"))
    return tuple(frozenset(_points(font.read_bytes())) for font in fonts)


def _points(font: bytes) -> Iterator[int]:
    """Yield the code points of a TrueType font (OpenType 1.9, `cmap`, formats 4 and 12)."""
    (tables,) = struct.unpack_from(">H", font, 4)
    records = (struct.unpack_from(">4s4xII", font, 12 + 16 * number) for number in range(tables))
    [start] = [offset for tag, offset, _ in records if tag == b"cmap"]
    (count,) = struct.unpack_from(">2xH", font, start)
    for number in range(count):
        _, _, offset = struct.unpack_from(">HHI", font, start + 4 + 8 * number)
        (form,) = struct.unpack_from(">H", font, start + offset)
        if form == 4:
            yield from _segments(font, start + offset)
        elif form == 12:
            yield from _groups(font, start + offset)


def _segments(font: bytes, at: int) -> Iterator[int]:
    (double,) = struct.unpack_from(">6xH", font, at)
    form = f">{double // 2}H"
    ends = struct.unpack_from(form, font, at + 14)
    starts = struct.unpack_from(form, font, at + 16 + double)
    deltas = struct.unpack_from(form, font, at + 16 + 2 * double)
    places = at + 16 + 3 * double
    offsets = struct.unpack_from(form, font, places)
    for number, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for point in range(first, last + 1):
            glyph = point
            if offsets[number]:
                place = places + 2 * number + offsets[number] + 2 * (point - first)
                (glyph,) = struct.unpack_from(">H", font, place)
                if glyph == 0:
                    continue
            if (glyph + deltas[number]) % 0x10000:
                yield point


def _groups(font: bytes, at: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">12xI", font, at)
    for number in range(count):
        first, last, glyph = struct.unpack_from(">III", font, at + 16 + 12 * number)
        yield from range(first if glyph else first + 1, last + 1)
