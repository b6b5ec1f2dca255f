"""Import a dump of the predecessor's storage, however large, as often as need be.

First the whole dump is read and judged, and nothing is written: what is broken
stops the import here. Then tenants are written in batches, in the order of their
cloudIds, each batch in one transaction. An import that is cut off is made again:
what it wrote is found and left as it is (`domain.imported`, P8).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import BinaryIO

from firstry.domain.import_key import Refused, parse_key
from firstry.domain.import_value import Told, facts_of
from firstry.domain.imported import AGES, Met, Taken, imported
from firstry.domain.policy import Policy
from firstry.domain.record import Decide
from firstry.domain.tenant import Tenant
from firstry.lifecycle.import_dump import entries
from firstry.lifecycle.import_spool import Row, Spool
from firstry.ports.store import Store

SHOWN = 100
"""How many refused keys are listed; all are counted."""
TOLD_EVERY = 20_000
"""Progress is told after so many keys or tenants."""
_NO_TENANT = " "
"""Begins the name of an entry that is of no tenant; no cloudId holds it."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How many tenants go into one transaction, and how many transactions go on at once."""

    batch: int
    lanes: int


ONE_WRITER = Pace(1000, 1)
"""For a store with one writer, which waits for its disk at the end of every transaction."""
MANY_WRITERS = Pace(500, 2)
"""For a database server, which works on one transaction while the next is made ready; it
looks through the names of a transaction for every row, so the transactions are not too large."""


@dataclass(frozen=True, slots=True)
class RefusedKey:
    """A key of the predecessor that was not used, and why."""

    key: str
    reason: str


@dataclass(slots=True)
class Summary:
    """What an import found and did. Tenants and milestones count what this import wrote."""

    keys_read: int = 0
    keys_of_other_parts: int = 0
    keys_refused: int = 0
    refused: list[RefusedKey] = field(default_factory=list)
    tenants: dict[Met, int] = field(default_factory=lambda: dict.fromkeys(Met, 0))
    milestones_armed: int = 0
    milestones_done: int = 0

    def count(self, taken: Taken) -> None:
        """Count what was taken over of one tenant."""
        self.tenants[taken.met] += 1
        self.milestones_armed += taken.armed
        self.milestones_done += taken.done

    def refuse(self, key: str, reason: str) -> None:
        """Count a refused key, and list it among the first."""
        self.keys_refused += 1
        if len(self.refused) < SHOWN:
            self.refused.append(RefusedKey(key, reason))


def import_dump(
    store: Store,
    file: BinaryIO,
    now: datetime,
    policy: Policy,
    *,
    pace: Pace = ONE_WRITER,
    is_dry_run: bool = False,
    tell: Tell = lambda _: None,
) -> Summary:
    """Take over what the dump in `file` says, and return what came of it.

    With `is_dry_run` the store is only read. Raises InputInvalid, with nothing
    written, where the dump is broken or names a key twice. Whatever else is
    raised leaves whole batches behind; the import may be made again.
    """
    summary = Summary()
    with Spool() as spool:
        _read(file, spool, summary, now, policy, tell)
        spool.refuse_repeats()

        def write(batch: Mapping[Tenant, Told]) -> Iterable[Taken]:
            work = {
                tenant: partial(imported, tenant, told, now, policy)
                for tenant, told in batch.items()
            }
            return _taken(store, now, work, is_dry_run=is_dry_run)

        done = 0
        for answers in _in_lanes(write, _batches(spool, pace.batch), pace.lanes):
            for taken in answers:
                summary.count(taken)
                done += 1
                if done % TOLD_EVERY == 0:
                    tell(f"{done:,} tenants done")
    return summary


def _in_lanes(
    write: Callable[[Mapping[Tenant, Told]], Iterable[Taken]],
    batches: Iterable[Mapping[Tenant, Told]],
    lanes: int,
) -> Iterator[Iterable[Taken]]:
    """Write batches, so many at once and no more held than that; yield their answers in order."""
    if lanes == 1:
        yield from map(write, batches)
        return
    with ThreadPoolExecutor(lanes, thread_name_prefix="import") as threads:
        under_way: deque[Future[Iterable[Taken]]] = deque()
        for batch in batches:
            under_way.append(threads.submit(write, batch))
            if len(under_way) > lanes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _read(
    file: BinaryIO, spool: Spool, summary: Summary, now: datetime, policy: Policy, tell: Tell
) -> None:
    """Put every entry of the dump into the spool, and count and list what is refused."""
    triggers = AGES.keys() | {name for name, _ in policy.triggers}
    for place, text, value in entries(file):
        key = parse_key(text, triggers)
        found = key if key is None or isinstance(key, Refused) else facts_of(key, value, now)
        if key is None:
            summary.keys_of_other_parts += 1
        if isinstance(found, Refused):
            summary.refuse(text, found.reason)
        entry = hash(text)
        if isinstance(key, Refused) or key is None:
            spool.add(Row(f"{_NO_TENANT}{entry}", entry, place, []))
        else:
            facts = [] if isinstance(found, Refused) or found is None else found
            spool.add(Row(key.cloud_id, entry, place, facts))
        summary.keys_read += 1
        if summary.keys_read % TOLD_EVERY == 0:
            tell(f"{summary.keys_read:,} keys read")


def _batches(spool: Spool, size: int) -> Iterator[dict[Tenant, Told]]:
    """Yield what is told of so many tenants at a time, in the order of their cloudIds."""
    tenants = _tenants(spool)
    while batch := dict(islice(tenants, size)):
        yield batch


def _tenants(spool: Spool) -> Iterator[tuple[Tenant, Told]]:
    for name, rows in spool.groups():
        if not name.startswith(_NO_TENANT):
            told = Told()
            for row in rows:
                for fact in row[3]:
                    told.add(fact)
            yield Tenant.from_operator(name), told


def _taken(
    store: Store, now: datetime, work: Mapping[Tenant, Decide[Taken]], *, is_dry_run: bool
) -> Iterable[Taken]:
    """Write a batch, or find out what it would write."""
    if is_dry_run:
        return [decide(store.read(tenant)).answer for tenant, decide in work.items()]
    return store.transact_many(now, work).values()
