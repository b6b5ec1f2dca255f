"""A disk that is full from a chosen write on, under SQLite and under nothing else.

A VFS of our own stands between SQLite and the files of this process. It counts
every write and, once the disk is full, refuses each with SQLITE_FULL, as a file
system without space does. What SQLite makes of that (a half-written log, a commit
that cannot be finished, a connection that has to be given up) is SQLite's own.
"""

import threading
from types import TracebackType
from typing import Self

import apsw


class SmallDisk(apsw.VFS):
    """The disk of this process while the context lasts; connections made before keep theirs.

    `writes` counts what was written since `fill_after` was last called.
    """

    def __init__(self) -> None:
        self.writes = 0
        self.refused = 0
        self._room: int | None = None
        self._lock = threading.Lock()
        self.real = apsw.vfs_names()[0]  # the default until now
        super().__init__("small-disk", self.real, True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unregister()

    def fill_after(self, writes: int | None) -> None:
        """Have room for that many more writes; None: there is room again."""
        with self._lock:
            self.writes = self.refused = 0
            self._room = writes

    def take(self) -> None:
        """Count one write, or refuse it."""
        with self._lock:
            if self._room is not None and self.writes >= self._room:
                self.refused += 1
                raise apsw.FullError("the disk is full")
            self.writes += 1

    def xOpen(  # noqa: N802  (SQLite's name)
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """See SQLite's `sqlite3_vfs`."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(
        self, disk: SmallDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._disk = disk
        super().__init__(disk.real, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  (SQLite's name)
        """Write, unless the disk is full."""
        self._disk.take()
        super().xWrite(data, offset)
