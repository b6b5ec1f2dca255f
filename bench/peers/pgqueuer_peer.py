# mypy: disable-error-code="import-not-found, untyped-decorator"
"""PgQueuer: enqueue due jobs, drain them in one process, say what came of it."""

import asyncio
import json
import sys
import time
from contextlib import suppress

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

BODY = '{"report": "' + "x" * 2034 + '"}'


async def main(url: str, jobs: int, limit_seconds: float) -> dict[str, float]:
    """Return the seconds of the drain, the jobs done and those done again."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    results = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await results.execute("CREATE TABLE result (id BIGINT, body JSONB)")
    driver = PsycopgDriver(connection)
    await Queries(driver).install()
    numbers = [str(n).encode() for n in range(jobs)]
    await Queries(driver).enqueue(["report"] * jobs, numbers, [0] * jobs)
    queue = PgQueuer(driver)
    ended: list[float] = []

    @queue.entrypoint("report")
    async def report(job: Job) -> None:
        assert job.payload is not None
        await results.execute("INSERT INTO result VALUES (%s, %s)", (int(job.payload), BODY))
        ended.append(time.perf_counter())

    began = time.perf_counter()
    with suppress(TimeoutError):
        await asyncio.wait_for(queue.run(mode=QueueExecutionMode.drain), limit_seconds)
    seconds = max(ended, default=began + limit_seconds) - began  # after the last it waits for more
    counted = await results.execute("SELECT count(*), count(DISTINCT id) FROM result")
    runs, done = await counted.fetchone() or (0, 0)
    return {"seconds": seconds, "done": done, "again": runs - done}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
