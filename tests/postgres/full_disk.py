"""A PostgreSQL server without room: on a file system of its own, or under a limit on its files.

A small file system needs root. The limit (RLIMIT_FSIZE: no file may grow past it)
needs nothing, so there is always one way, and nothing is ever skipped. Either
can strike one chosen table: what is left of room in its pages is used up first,
and any other table has enough.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from postgres.bad_day import pids_of
from support.postgres import Cluster
from support.postgres_binaries import TEMPORARY, as_account, newest
from support.postgres_service import ServiceDatabase

DISK_MEBIBYTES = 256
LIMIT_BYTES = 16 * 2**20
"""As large as a file of the write-ahead log, so that only a table meets it."""
LOG_LIMIT_BYTES = 8 * 2**20
NO_LIMIT = 2**62
WIDTHS = (1500, 200, 8, 0)
SETTINGS = {
    "min_wal_size": "'32MB'",
    "max_wal_size": "'48MB'",
    "autovacuum": "off",
}
FILLERS: Mapping[str, str] = {
    "tenant": """INSERT INTO tenant (cloud_id, installed_at, source, app_version, head_sequence,
        head_hash) SELECT {name}, 0, 'X', {wide}, 0, '' """,
    "token": """INSERT INTO token (cloud_id, ciphertext, key_id, expires_at)
        SELECT {name}, {wide}::bytea, '', 0 """,
    "milestone": """INSERT INTO milestone (cloud_id, trigger_name, revision, state, installed_at,
        due_at, next_due, attempts, starts, fence, deferrals, error_message)
        SELECT {name}, 'X', 1, 'cancelled', 0, 0, 0, 0, 0, 0, 0, {wide} """,
    "ledger": """INSERT INTO ledger (cloud_id, sequence, body, hash)
        SELECT {name}, 1, '{{}}', {wide} """,
    "report": """INSERT INTO report (report_id, cloud_id, trigger_name, revision, generated_at,
        digest, body, envelope) SELECT {name}, {name}, 'X', 1, 0, {wide}, '', 'x' """,
    "marker": """INSERT INTO marker (cloud_id, trigger_name, revision, completed_at, report_id,
        digest) SELECT {name}, 'X', 1, 0, '', {wide} """,
}
NAME = "'filler-' || gen_random_uuid()"
TOO_FULL = (psycopg.errors.DiskFull, psycopg.errors.InternalError_, psycopg.errors.IoError)


class Disk:
    """A server and the room that it has. `way` is `mount` or `limit`."""

    def __init__(self, way: str) -> None:
        self.way = way
        self._mounted = _mounted() if way == "mount" else None
        self.cluster = Cluster(newest(), self._mounted, durable=False, settings=SETTINGS)
        self.cluster.start()

    def remove(self) -> None:
        """Stop the server and take the file system away."""
        self.cluster.remove()
        if self._mounted is not None:
            subprocess.run(["umount", "--lazy", self._mounted], check=True)
            self._mounted.rmdir()

    @contextmanager
    def full(self, database: ServiceDatabase, table: str) -> Iterator[None]:
        """Let one table not grow by a single row."""
        _make_room(database, table)
        with self._exhausted(LIMIT_BYTES):
            _fill(database, table)
            yield

    @contextmanager
    def full_log(self, database: ServiceDatabase) -> Iterator[None]:
        """Let the write-ahead log not grow: the server crashes, and may not come up again."""
        with self._exhausted(LOG_LIMIT_BYTES):
            _write_until_it_ends(database)
            yield
        if self.cluster.is_running:
            self.cluster.stop("immediate")
        self.cluster.start()

    @contextmanager
    def _exhausted(self, limit: int) -> Iterator[None]:
        if self._mounted is None:
            self._limit(limit)
        else:
            _write_until_full(self._mounted / "filler")
        try:
            yield
        finally:
            if self._mounted is None:
                self._limit(NO_LIMIT)
            else:
                (self._mounted / "filler").unlink()

    def _limit(self, limit: int) -> None:
        if self.cluster.is_running:
            for pid in reversed(pids_of(self.cluster)):  # its first one hands it on to new ones
                command = ["prlimit", f"--pid={pid}", f"--fsize={limit}:"]  # the soft one alone
                done = subprocess.run(command, capture_output=True, check=False, **as_account())
                assert done.returncode == 0 or not Path(f"/proc/{pid}").exists(), done.stderr


def ways() -> list[str]:
    """Return the ways that this machine allows, the truer one first; the limit always works."""
    if os.geteuid() != 0:
        return ["limit"]
    folder = Path(tempfile.mkdtemp(dir=TEMPORARY))
    tried = _mount(folder, 1)
    if tried.returncode == 0:
        subprocess.run(["umount", folder], check=True)
    folder.rmdir()
    return ["limit"] if tried.returncode else ["mount", "limit"]


def _mounted() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="firstry-disk-", dir=TEMPORARY))
    _mount(folder, DISK_MEBIBYTES).check_returncode()
    return folder


def _mount(folder: Path, mebibytes: int) -> subprocess.CompletedProcess[bytes]:
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False)


def _write_until_full(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    assert shutil.disk_usage(filler.parent).free == 0


@contextmanager
def _unruled(database: ServiceDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def _make_room(database: ServiceDatabase, struck: str) -> None:
    """Give every table but one enough empty pages, and let that one use its pages whole."""
    with _unruled(database) as admin:
        for table in FILLERS:
            if table != struck:
                _insert(admin, table, 400, rows=400)
                admin.execute(f"DELETE FROM {table} WHERE cloud_id LIKE 'filler-%'".encode())
                admin.execute(f"VACUUM (TRUNCATE false) {table}".encode())
        admin.execute(f"ALTER TABLE {struck} SET (fillfactor = 100)".encode())
        admin.execute(f"VACUUM {struck}".encode())


def _fill(database: ServiceDatabase, table: str) -> None:
    """Put rows into a table, ever smaller ones, until not even the smallest fits."""
    with _unruled(database) as admin:
        for width in WIDTHS:
            rows = 2000
            while rows:
                try:
                    _insert(admin, table, width, rows)
                except TOO_FULL:
                    rows //= 8


def _insert(admin: psycopg.Connection, table: str, width: int, rows: int) -> None:
    text = FILLERS[table].format(name=NAME, wide=f"repeat('x', {width})")
    admin.execute(f"{text} FROM generate_series(1, {rows})".encode())


def _write_until_it_ends(database: ServiceDatabase) -> None:
    admin = psycopg.connect(database.admin_url, autocommit=True)
    message = sql.SQL("SELECT pg_logical_emit_message(false, '', repeat('x', 65536))")
    try:
        for _ in range(16 * DISK_MEBIBYTES):
            admin.execute(message)
    except psycopg.Error:
        assert admin.closed
    else:
        raise AssertionError("the log had room for everything")
    finally:
        admin.close()
