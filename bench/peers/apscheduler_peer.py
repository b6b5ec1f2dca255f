# mypy: disable-error-code="import-not-found, untyped-decorator"
"""APScheduler on a SQLite file: add due jobs, let one process run them, say what came of it."""

import json
import os
import sqlite3
import sys
import threading
import time
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

BODY = '{"report": "' + "x" * 2034 + '"}'
_left = threading.Semaphore(0)
_lock = threading.Lock()
_results = sqlite3.connect(sys.argv[1] + ".results", check_same_thread=False)


def report(number: int) -> None:
    """Do one job."""
    with _lock, _results:
        _results.execute("INSERT INTO result VALUES (?, ?)", (number, BODY))
    _left.release()


def main(path: str, jobs: int, limit_seconds: float) -> dict[str, float]:
    """Return the seconds of the drain, the jobs done and those done again."""
    _results.execute("PRAGMA journal_mode = wal")
    _results.execute("CREATE TABLE result (id INTEGER, body TEXT)")
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=f"sqlite:///{path}")},
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"misfire_grace_time": None},
    )
    scheduler.start(paused=True)
    due = datetime.now().astimezone() - timedelta(seconds=1)
    for number in range(jobs):
        scheduler.add_job(report, "date", run_date=due, args=[number], id=str(number))
    began = time.perf_counter()
    scheduler.resume()
    for _ in range(jobs):
        if not _left.acquire(timeout=max(0.0, began + limit_seconds - time.perf_counter())):
            break
    seconds = time.perf_counter() - began
    with _lock:
        runs, done = _results.execute("SELECT count(*), count(DISTINCT id) FROM result").fetchone()
    return {"seconds": seconds, "done": done, "again": runs - done}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))), flush=True)
    os._exit(0)  # it would go on with what is left
