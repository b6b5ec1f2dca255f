"""What operators ask for, with 100,000 tenants of which 5 % fail (ops-1 to ops-4)."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.row import Row
from firstry.domain.arm import armed
from firstry.domain.claim import Claim, claim
from firstry.domain.due import Quiet
from firstry.domain.filter_text import parse_filter
from firstry.domain.job import BulkAct
from firstry.domain.ledger import OPERATOR, PLATFORM, Entry, genesis
from firstry.domain.outcome import Failed
from firstry.domain.phase import scene_at
from firstry.domain.policy import Policy
from firstry.domain.record import (
    Change,
    Decide,
    Installation,
    InstallationSource,
    Order,
    SealedToken,
    TenantRecord,
    ledgered,
)
from firstry.domain.settle import Fenced, Settled, settle
from firstry.domain.tenant import Tenant
from firstry.insight.concern import concerns
from firstry.insight.overview import overview
from firstry.lifecycle import bulk
from firstry.ports.insight import LineQuery
from firstry.stores.clock import HostClock
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from firstry.wiring.operators import Operators, operators_of

TENANTS = 100_000
EVERY_FAILING = 20
BATCH = 1000
ROUNDS = 3
PAGE = 51
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
POLICY = Policy()
FILTERS = (
    "",
    "state=backoff",
    "backoff>2h",
    "state=due",
    "state=waiting",
    "state=running",
    "state=missed",
    "state!=scheduled",
    "error=JIRA_UNAVAILABLE",
    "error=NONE_SUCH",
    "site~f00",
    "site~none",
    "paused=yes",
    "installed<7d",
    "tick>3d",
    "late>1h",
    "due<2h",
    "attempts>2",
    "trigger=AUTO_12H state=backoff installed<7d",
)


def rows(place: Path) -> list[Row]:
    """Fill a SQLite store once, and measure each thing on it; the slowest filter counts."""
    path = Path(tempfile.mkdtemp(dir=place)) / "operators.db"
    upgrade(path)
    store = SqliteStore(path)
    _fill(store)
    seen = operators_of(store, HostClock(), POLICY)
    pages = max((_best(_page(seen, text)), text) for text in FILTERS)
    lists = max(_best(_list(seen, query)) for query in QUERIES)
    numbers = _best(lambda: concerns(overview(seen.insight, NOW)))
    retried = _retry_all(seen)
    store.close()
    return [
        _row("ops-1", f"slowest first page ({pages[1] or 'all'})", "ms", pages[0], 100),
        _row("ops-2", "overview and attention, made anew", "ms", numbers, 200),
        _row("ops-3", "newest 50 of all ledgers", "ms", lists, 100),
        _row("ops-4", f"bulk retry of {TENANTS // EVERY_FAILING:,}", "s", retried, 30),
    ]


QUERIES = (LineQuery(), LineQuery(kind="FAILED"), LineQuery(actor="operator:nobody"))


def _row(goal: str, what: str, unit: str, ours: float, limit: float) -> Row:
    return Row(goal, what, unit, ours, f"the limit, {TENANTS:,} tenants", limit, "<= 1")


def _best(work: Callable[[], object]) -> float:
    """Return the milliseconds of the quickest of a few rounds: the others met somebody else."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def _page(seen: Operators, text: str) -> Callable[[], object]:
    wanted, scene = parse_filter(text), scene_at(NOW, POLICY)
    return lambda: seen.insight.insight.tenants(wanted, scene, None, PAGE)


def _list(seen: Operators, query: LineQuery) -> Callable[[], object]:
    return lambda: seen.insight.insight.lines(query, None, PAGE)


def _retry_all(seen: Operators) -> float:
    """Return the seconds from the order to the end of the job."""
    scene, ordered = scene_at(NOW, POLICY), Order("bench", OPERATOR, NOW)
    wanted = parse_filter("state=backoff")
    began = time.perf_counter()
    count = bulk.preview(seen.bulk, BulkAct.RETRY, wanted, scene)
    bulk.order(seen.bulk, "j-1", BulkAct.RETRY, wanted, count, order=ordered, scene=scene)
    assert bulk.work_once(seen.bulk, "bench", lambda: False, lambda _: None)
    seconds = time.perf_counter() - began
    job = seen.bulk.jobs.job("j-1")
    assert job is not None
    assert (job.done, job.failed) == (TENANTS // EVERY_FAILING, 0)
    return seconds


def _fill(store: SqliteStore) -> None:
    for first in range(0, TENANTS, BATCH):
        numbers = range(first, first + BATCH)
        store.transact_many(NOW, {_named(n): _installed(n) for n in numbers})
        failing = [n for n in numbers if n % EVERY_FAILING == 0]
        for hours in (1, 0.5) if first % 2000 else (0.25,):
            _fail(store, [_named(n) for n in failing], NOW - timedelta(hours=hours))


def _named(number: int) -> Tenant:
    return Tenant.from_row(f"{number * 2654435761 % 2**32:08x}-2222-4333-8444-{number:012x}")


def _installed(number: int) -> Decide[None]:
    """Most tenants are young; the failing ones are due for an hour."""
    age = timedelta(hours=13 if number % EVERY_FAILING == 0 else number % 11)
    found = Installation(NOW - age, InstallationSource.LIFECYCLE, "i")
    token = SealedToken(b"x" * 400, "k", NOW + timedelta(hours=3))

    def decide(_: TenantRecord | None) -> Change[None]:
        tenant = _named(number)
        record = TenantRecord(tenant, found, genesis(tenant), last_tick_at=NOW)
        names = [name for name, _ in POLICY.triggers]
        record = armed(record, names, found.installed_at, POLICY)
        after, sealed = ledgered(record, [Entry("INSTALLED", NOW - age, PLATFORM, {})])
        return Change(None, replace(after, token_expires_at=token.expires_at), sealed, token=token)

    return decide


def _fail(store: SqliteStore, tenants: list[Tenant], at: datetime) -> None:
    """Let an attempt of each tenant fail at an instant, if it may be claimed then."""

    def claimed(record: TenantRecord | None) -> Change[Claim | Quiet]:
        return claim(_now(record), at, POLICY)

    begun = store.transact_many(NOW, dict.fromkeys(tenants, claimed))
    held: Mapping[Tenant, Claim] = {t: c for t, c in begun.items() if isinstance(c, Claim)}
    error = Failed("JIRA_UNAVAILABLE", "Jira answered 503")

    def settled(mine: Claim) -> Decide[Settled | Fenced]:
        return lambda record: settle(record, mine, error, at, POLICY)

    store.transact_many(NOW, {each: settled(mine) for each, mine in held.items()})


def _now(record: TenantRecord | None) -> TenantRecord | None:
    """Return the record as if the store's clock stood still; the filling goes back in time."""
    return replace(record, store_clock_at=None) if record is not None else None
