# mypy: disable-error-code="import-not-found, untyped-decorator"
"""Huey on a SQLite file: enqueue due jobs, drain them in one process, say the seconds."""

import sqlite3
import sys
import time

from huey import SqliteHuey

BODY = '{"report": "' + "x" * 2034 + '"}'


def main(path: str, jobs: int) -> float:
    """Return the seconds of the drain."""
    huey = SqliteHuey(filename=path, fsync=True, results=False)
    results = sqlite3.connect(path + ".results")
    results.execute("PRAGMA journal_mode = wal")
    results.execute("CREATE TABLE result (id INTEGER PRIMARY KEY, body TEXT)")

    @huey.task()
    def report(number: int) -> None:
        with results:
            results.execute("INSERT INTO result VALUES (?, ?)", (number, BODY))

    for number in range(jobs):
        report(number)
    began = time.perf_counter()
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
    seconds = time.perf_counter() - began
    assert results.execute("SELECT count(*) FROM result").fetchone() == (jobs,)
    return seconds


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
