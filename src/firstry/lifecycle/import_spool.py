"""Bring together what lies far apart in a dump, in little memory.

Rows are sorted in runs of bounded length; a run that is full goes to a temporary
file, in blocks. To read, one block of every run is held, and what lies up to the
smallest last name among them is complete and can be sorted and handed out.
"""

import json
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple

from firstry.domain.errors import InputInvalid, StoreUnavailable

RUN_ROWS = 50_000
BLOCK_ROWS = 500


class Row(NamedTuple):
    """What one entry of the dump says: whom it is about, which entry it is, and its facts."""

    name: str
    entry: int
    place: int
    facts: list[Any]


_Rows = list[Any]
_name_of = itemgetter(0)


class Spool:
    """Rows that are put in in any order and read by name. Use it as a context manager."""

    def __init__(self, run_rows: int = RUN_ROWS) -> None:
        self._run_rows = run_rows
        self._rows: _Rows = []
        self._file: BinaryIO | None = None
        self._runs: list[list[tuple[int, int]]] = []

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Row) -> None:
        """Put a row in."""
        self._rows.append(row)
        if len(self._rows) >= self._run_rows:
            self._put_aside()

    def groups(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """Yield each name with its rows, in the order of names. May be called again."""
        return groupby(self._in_order(), key=_name_of)

    def refuse_repeats(self) -> None:
        """Raise InputInvalid if an entry of the dump came twice."""
        for _, rows in self.groups():
            seen: dict[int, int] = {}
            for row in rows:
                earlier = seen.setdefault(row[1], row[2])
                if earlier != row[2]:
                    raise InputInvalid(
                        f"the dump has one key twice, at characters {earlier} and {row[2]}; "
                        "nothing was imported",
                        "it is not known which of the two holds; dump the storage again",
                    )

    def _put_aside(self) -> None:
        try:
            self._write_run()
        except OSError as error:
            raise StoreUnavailable(
                f"a temporary file cannot be written ({error.strerror}); nothing was imported",
                "free space in the temporary folder, or name another one in TMPDIR",
            ) from error

    def _write_run(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the spool)
        self._rows.sort(key=_name_of)
        blocks = []
        for begin in range(0, len(self._rows), BLOCK_ROWS):
            content = json.dumps(self._rows[begin : begin + BLOCK_ROWS]).encode()
            blocks.append((self._file.tell(), len(content)))
            self._file.write(content)
        self._runs.append(blocks)
        self._rows = []

    def _in_order(self) -> Iterator[Any]:
        if self._file is None:
            self._rows.sort(key=_name_of)
            return iter(self._rows)
        if self._rows:
            self._put_aside()
        return self._merged(self._file)

    def _merged(self, file: BinaryIO) -> Iterator[Any]:
        runs = [_Run(file, blocks) for blocks in self._runs]
        while runs := [run for run in runs if run.fill()]:
            last = min(run.rows[-1][0] for run in runs)
            ready = [row for run in runs for row in run.take(last)]
            ready.sort(key=_name_of)
            yield from ready


class _Run:
    """One sorted run, of which one block is held."""

    def __init__(self, file: BinaryIO, blocks: list[tuple[int, int]]) -> None:
        self._file = file
        self._blocks = iter(blocks)
        self.rows: _Rows = []

    def fill(self) -> bool:
        """Hold a block if none is held; return whether there is any."""
        if not self.rows:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._file.seek(block[0])
            self.rows = json.loads(self._file.read(block[1]))
        return bool(self.rows)

    def take(self, last: str) -> _Rows:
        """Give away what lies up to the name `last`."""
        if self.rows[-1][0] <= last:
            taken, self.rows = self.rows, []
            return taken
        count = bisect_right(self.rows, last, key=_name_of)
        taken = self.rows[:count]
        if count:
            self.rows = self.rows[count:]
        return taken
