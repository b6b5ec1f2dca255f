"""What operators ask for over HTTP, with 100,000 tenants of which 5 % fail (ops-1 to ops-6).

Each request goes to a served process with a real token, and is measured from its
sending to the last byte of the answer. The slowest of a group is its row.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from bench.asked import Known, api_pages, first_pages, screens
from bench.ground import Ground, opened
from bench.population import FAILING, FAILING_SHARE, populate, tenant_named
from bench.row import Row
from bench.served import ROUNDS, Served
from bench.waiting import TENANTS
from firstry.insight.overview import STALE_SECONDS
from firstry.ports.store import PAGE_LIMIT
from firstry.web.api.call import BASE as API
from firstry.web.console.visit import BASE as CONSOLE

FEW = 1_000
METRICS = "/metrics"
POLL_SECONDS = 0.1
_WAITING = f"state=backoff error={FAILING}"
ACTS = (
    ("pause", _WAITING),
    ("resume", f"paused=yes {_WAITING}"),
    ("retry", _WAITING),
    ("reset", "installed>19h installed<22h state=completed trigger=AUTO_12H"),
)
"""In an order in which each leaves what the next one is about: 5 % of all, each time."""


def rows(ground: Ground) -> Iterator[Row]:
    """Fill a store once, and measure each thing on it."""
    now = datetime.now(UTC).replace(microsecond=0)
    url, report_ids = _filled(ground, TENANTS, now)
    with Served(ground.folder, url, f"operators-{ground.name}") as served:
        first = served.once(METRICS, {})
        yield _row(ground, "ops-5", "first /metrics of a process", "ms", first, 100)
        first = served.once(f"{API}/health", served.headers)
        yield _row(ground, "ops-4", "first overview of a process", "ms", first, 200)
        job_id = _order(served, "pause", f"site={tenant_named(99).cloud_id}", 1)
        known = Known(tenant_named(0).cloud_id, report_ids, job_id, now)
        yield _slowest(ground, "ops-1", "first page", served, first_pages(), served.headers, 100)
        pages = api_pages(served, known)
        yield _slowest(ground, "ops-2", "API page", served, pages, served.headers, 200)
        yield _slowest(ground, "ops-3", "screen", served, screens(known), served.cookies, 200)
        overview = min(_after_an_act(served, number) for number in range(ROUNDS))
        yield _row(ground, "ops-4", "overview after an act", "ms", overview, 200)
        scraped = max(_after_a_while(served, METRICS) for _ in range(ROUNDS))
        yield _row(ground, "ops-5", "/metrics after a while, the slowest", "ms", scraped, 100)
        yield _flatness(ground, served, now)
        yield from _bulk(ground, served)


def _filled(ground: Ground, tenants: int, now: datetime) -> tuple[str, list[str]]:
    """Return the URL of a store in which so many tenants live, and the ids of its reports."""
    url = ground.fresh()
    store = opened(url)
    populate(store, tenants, now)
    ids: list[str] = []
    while page := store.reports(None, ids[-1] if ids else None, PAGE_LIMIT):
        ids += [each.report_id for each in page]
    store.close()
    ground.look_over(url)
    return url, ids


def _row(ground: Ground, goal: str, what: str, unit: str, ours: float, limit: float) -> Row:
    against = f"the limit, {TENANTS:,} tenants"
    return Row(goal, f"{ground.name}: {what}", unit, ours, against, limit, "<= 1")


def _slowest(
    ground: Ground,
    goal: str,
    what: str,
    served: Served,
    paths: Iterable[str],
    headers: Mapping[str, str],
    limit: float,
) -> Row:
    """Measure each path once, and again those that may be the slowest, for the best of a few."""
    asked = sorted(((served.once(path, headers), path) for path in paths), reverse=True)
    slowest, where = 0.0, ""
    for once, path in asked:
        if once <= slowest:
            break
        best = min(once, served.best(path, headers))
        slowest, where = max((slowest, where), (best, path))
    shown = where.removeprefix(API).removeprefix(CONSOLE)
    return _row(ground, goal, f"{what} of {len(asked)} ({shown})", "ms", slowest, limit)


def _after_an_act(served: Served, number: int) -> float:
    path = f"{API}/tenants/{tenant_named(98).cloud_id}/{('pause', 'resume')[number % 2]}"
    served.ask("POST", path, served.headers, {"reason": "bench"})
    return served.once(f"{API}/health", served.headers)


def _after_a_while(served: Served, path: str) -> float:
    served.hang_up()
    time.sleep(STALE_SECONDS)
    return served.once(path, {})


def _flatness(ground: Ground, served: Served, now: datetime) -> Row:
    """Hold a scrape against one of a store with few tenants, in turn, once both were read."""
    served.hang_up()
    url, _ = _filled(ground, FEW, now)
    with Served(ground.folder, url, f"few-{ground.name}") as few:
        for each in (served, few):
            each.once(METRICS, {})
        time.sleep(1)  # what the first scrapes began to read in the background has ended by then
        pairs = [(served.best(METRICS, {}), few.best(METRICS, {})) for _ in range(ROUNDS)]
    many, least = (min(side) for side in zip(*pairs, strict=True))
    what = f"{ground.name}: /metrics"
    return Row("ops-5", what, "ms", many, f"with {FEW:,} tenants", least, "<= 1.5 (flat)")


def _bulk(ground: Ground, served: Served) -> Iterator[Row]:
    """Order each act on 5 % of all tenants, while a worker works beside."""
    worker = served.process("worker", f"worker-{ground.name}")
    served.hang_up()
    try:
        for act, wanted in ACTS:
            began = time.perf_counter()
            count = _count(served, act, wanted)
            if count != int(TENANTS * FAILING_SHARE):
                raise RuntimeError(f"{wanted!r} means {count} targets")
            counted = time.perf_counter() - began
            if act == "retry":
                yield _row(ground, "ops-6", "count before it", "ms", counted * 1000, 200)
            _finish(served, _order(served, act, wanted, count))
            seconds = time.perf_counter() - began
            yield _row(ground, "ops-6", f"bulk {act} of {count:,}", "s", seconds, 30)
    finally:
        worker.kill()


def _count(served: Served, act: str, wanted: str) -> int:
    page = served.page(f"{API}/tenants", filter=wanted, count="true", limit="1")
    count: int = page["count"]["tenants" if act in ("pause", "resume") else "milestones"]
    return count


def _order(served: Served, act: str, wanted: str, count: int) -> str:
    order = {"act": act, "filter": wanted, "reason": "bench", "expected_count": count}
    job: dict[str, str] = served.told("POST", f"{API}/bulk", order)["job"]
    return job["job_id"]


def _finish(served: Served, job_id: str) -> None:
    """Wait for the end of a job, and see that it did everything."""
    while (job := served.page(f"{API}/bulk/{job_id}")["job"])["state"] != "done":
        time.sleep(POLL_SECONDS)
    if job["failed"]:
        raise RuntimeError(f"{job['failed']} of {job['total']}: {job['errors'][:1]}")
