# mypy: disable-error-code="import-not-found, untyped-decorator"
"""Procrastinate: enqueue due jobs, drain them in one process, say what came of it."""

import asyncio
import json
import sys
import time
from contextlib import suppress

import procrastinate
import psycopg

BODY = '{"report": "' + "x" * 2034 + '"}'


async def main(url: str, jobs: int, limit_seconds: float) -> dict[str, float]:
    """Return the seconds of the drain, the jobs done and those done again."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    results = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await results.execute("CREATE TABLE result (id BIGINT, body JSONB)")

    @app.task(name="report")
    async def report(number: int) -> None:
        await results.execute("INSERT INTO result VALUES (%s, %s)", (number, BODY))

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await report.batch_defer_async(*({"number": n} for n in range(jobs)))
        began = time.perf_counter()
        work = app.run_worker_async(wait=False, concurrency=10, install_signal_handlers=False)
        with suppress(TimeoutError):
            await asyncio.wait_for(work, limit_seconds)
        seconds = time.perf_counter() - began
    counted = await results.execute("SELECT count(*), count(DISTINCT id) FROM result")
    runs, done = await counted.fetchone() or (0, 0)
    await results.close()
    return {"seconds": seconds, "done": done, "again": runs - done}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
