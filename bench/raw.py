"""The raw limit: claim and complete in a table of two columns, by the same driver.

What a queue costs that keeps no ledger, no fence, no markers and no walls: the least
that each job costs on this machine, with the same durability and the same 2 KB.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import apsw
import psycopg

from bench.cost import Cost, cost_of
from bench.ground import Ground
from firstry.stores.sql.sqlite.connection import connect, journal_mode

_CLAIM = """
UPDATE job SET state = 'held', fence = fence + 1 WHERE id IN (
    SELECT id FROM job WHERE state = 'due' ORDER BY due LIMIT {limit} {lock}) RETURNING id
"""
_TABLES = """
CREATE TABLE job (id BIGINT PRIMARY KEY, state TEXT, due BIGINT, fence BIGINT);
CREATE INDEX job_due ON job (due) WHERE state = 'due';
CREATE TABLE result (id BIGINT PRIMARY KEY, body {bytes})
"""
_FILL = "INSERT INTO job SELECT n, 'due', n, 0 FROM generate_series(1, {}) n"


def raw_drain(ground: Ground, jobs: int, body: bytes, batch: int) -> Cost:
    """Return what a job costs one process that claims and completes in batches."""
    if ground.cluster is None:
        return _on_sqlite(ground, jobs, body, batch)
    return _on_postgres(ground, jobs, body, batch)


def _until_empty(batch: Callable[[], int]) -> None:
    while batch():
        pass


def _on_sqlite(ground: Ground, jobs: int, body: bytes, batch: int) -> Cost:
    connection = connect(Path(tempfile.mkdtemp(dir=ground.folder)) / "raw.db", create=True)
    connection.pragma("journal_mode", journal_mode())
    connection.execute(_TABLES.format(bytes="BLOB"))
    with connection:
        connection.executemany(
            "INSERT INTO job VALUES (?, 'due', ?, 0)", [(n, n) for n in range(jobs)]
        )
    claim = _CLAIM.format(limit=batch, lock="")
    cost = cost_of(
        ground, jobs, lambda: _until_empty(lambda: _sqlite_batch(connection, claim, body))
    )
    connection.close()
    return cost


def _sqlite_batch(connection: apsw.Connection, claim: str, body: bytes) -> int:
    with connection:
        ids = [row[0] for row in connection.execute(claim)]
    with connection:
        connection.executemany("UPDATE job SET state = 'done' WHERE id = ?", [(i,) for i in ids])
        connection.executemany("INSERT INTO result VALUES (?, ?)", [(i, body) for i in ids])
    return len(ids)


def _on_postgres(ground: Ground, jobs: int, body: bytes, batch: int) -> Cost:
    with psycopg.connect(ground.service_database().admin_url) as connection:
        for statement in (*_TABLES.format(bytes="BYTEA").split(";"), _FILL.format(jobs), "ANALYZE"):
            connection.execute(statement.encode())
        connection.commit()
        claim = _CLAIM.format(limit=batch, lock="FOR UPDATE SKIP LOCKED").encode()
        return cost_of(
            ground, jobs, lambda: _until_empty(lambda: _postgres_batch(connection, claim, body))
        )


def _postgres_batch(connection: psycopg.Connection, claim: bytes, body: bytes) -> int:
    ids = [row[0] for row in connection.execute(claim).fetchall()]
    connection.commit()
    connection.execute("UPDATE job SET state = 'done' WHERE id = ANY(%b)", (ids,))
    connection.execute(
        "INSERT INTO result SELECT * FROM unnest(%b::bigint[], %b::bytea[])",
        (ids, [body] * len(ids)),
    )
    connection.commit()
    return len(ids)
