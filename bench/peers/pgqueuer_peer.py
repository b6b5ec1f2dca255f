# mypy: disable-error-code="import-not-found, untyped-decorator"
"""PgQueuer: enqueue due jobs, drain them in one process, say the seconds."""

import asyncio
import sys
import time

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

BODY = '{"report": "' + "x" * 2034 + '"}'


async def main(url: str, jobs: int) -> float:
    """Return the seconds of the drain."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    results = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await results.execute("CREATE TABLE result (id BIGINT PRIMARY KEY, body JSONB)")
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
    await queue.run(mode=QueueExecutionMode.drain)
    seconds = max(ended) - began  # it goes on waiting for more after the last job
    found = await (await results.execute("SELECT count(*) FROM result")).fetchone()
    assert found == (jobs,), found
    return seconds


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
