# mypy: disable-error-code="import-not-found, untyped-decorator"
"""Huey on a SQLite file: enqueue due jobs, drain them in one process, say what came of it."""

import json
import sqlite3
import sys
import time

from huey import SqliteHuey

BODY = '{"report": "' + "x" * 2034 + '"}'


def main(path: str, jobs: int, limit_seconds: float) -> dict[str, float]:
    """Return the seconds of the drain, the jobs done and those done again."""
    huey = SqliteHuey(filename=path, fsync=True, results=False)
    results = sqlite3.connect(path + ".results")
    results.execute("PRAGMA journal_mode = wal")
    results.execute("CREATE TABLE result (id INTEGER, body TEXT)")

    @huey.task()
    def report(number: int) -> None:
        with results:
            results.execute("INSERT INTO result VALUES (?, ?)", (number, BODY))

    for number in range(jobs):
        report(number)
    began = time.perf_counter()
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
        if time.perf_counter() - began > limit_seconds:
            break
    seconds = time.perf_counter() - began
    runs, done = results.execute("SELECT count(*), count(DISTINCT id) FROM result").fetchone()
    return {"seconds": seconds, "done": done, "again": runs - done}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
