# mypy: disable-error-code="import-not-found, untyped-decorator"
"""Procrastinate: enqueue due jobs, drain them in one process, say the seconds."""

import asyncio
import sys
import time

import procrastinate
import psycopg

BODY = '{"report": "' + "x" * 2034 + '"}'


async def main(url: str, jobs: int) -> float:
    """Return the seconds of the drain."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    results = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await results.execute("CREATE TABLE result (id BIGINT PRIMARY KEY, body JSONB)")

    @app.task(name="report")
    async def report(number: int) -> None:
        await results.execute("INSERT INTO result VALUES (%s, %s)", (number, BODY))

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await report.batch_defer_async(*({"number": n} for n in range(jobs)))
        began = time.perf_counter()
        await app.run_worker_async(wait=False, concurrency=10, install_signal_handlers=False)
        seconds = time.perf_counter() - began
    found = await (await results.execute("SELECT count(*) FROM result")).fetchone()
    assert found == (jobs,), found
    await results.close()
    return seconds


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
