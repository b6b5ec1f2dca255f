"""Columns of values as PostgreSQL's binary arrays, for the statements of a batch.

psycopg looks at the type of each element anew. Here the type of a column is known,
so a hundred rows cost a tenth of it. The layout is that of `array_send` in
PostgreSQL: dimensions, whether there are NULLs, the element's type, the length of
the one dimension and its lower bound, then each element behind its length.
"""

import struct
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_HEADER = struct.Struct(">iiIii")
_NUMBER = struct.Struct(">iq")
_LENGTH = struct.Struct(">i")
_NULL = _LENGTH.pack(-1)


class Column(list[Any]):
    """The values of one column, NULL as None. A statement names one of the kinds below."""


class Numbers(Column):
    """Whole numbers, for BIGINT."""


class Texts(Column):
    """Strings, for TEXT."""


class Bytes(Column):
    """Bytes, for BYTEA."""


class _ColumnDumper(Dumper):
    """Writes a column. `element` is PostgreSQL's number for the type of its values."""

    format = Format.BINARY
    element: int

    def dump(self, obj: Column) -> bytes:
        nulls = obj.count(None)
        header = _HEADER.pack(1, nulls > 0, self.element, len(obj), 1)
        return header + (_NULL * nulls if nulls == len(obj) else b"".join(self.pieces(obj)))

    @abstractmethod
    def pieces(self, values: Column) -> Iterable[bytes]:
        """Return each value behind its length."""


class _NumbersDumper(_ColumnDumper):
    oid, element = 1016, 20

    def pieces(self, values: Column) -> Iterable[bytes]:
        pack = _NUMBER.pack
        return [_NULL if each is None else pack(8, each) for each in values]


class _TextsDumper(_ColumnDumper):
    oid, element = 1009, 25

    def pieces(self, values: Column) -> Iterable[bytes]:
        return _pieces([None if each is None else each.encode() for each in values])


class _BytesDumper(_ColumnDumper):
    oid, element = 1001, 17

    def pieces(self, values: Column) -> Iterable[bytes]:
        return _pieces(values)


def register(adapters: AdaptersMap) -> None:
    """Let a connection send columns."""
    adapters.register_dumper(Numbers, _NumbersDumper)
    adapters.register_dumper(Texts, _TextsDumper)
    adapters.register_dumper(Bytes, _BytesDumper)


def _pieces(values: Iterable[bytes | None]) -> list[bytes]:
    pack = _LENGTH.pack
    return [_NULL if each is None else pack(len(each)) + each for each in values]
