"""A process of its own that writes in batches.

`python -m support.noter KIND PLACE SEED COUNT CLOUD_ID...`

Prints `ready`, waits for a line, then adds a note to the ledgers of several of the
tenants at once, COUNT times, each time to other ones and asked for in another order.
Prints how many notes it got into each ledger: `CLOUD_ID NOTES`.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from random import Random

from firstry.domain.errors import StoreUnavailable
from firstry.domain.ledger import SCHEDULER, Entry
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store
from support.backing import open_place
from support.domain import at

NOTE = "NOTE"


def noted(record: TenantRecord | None, now: datetime) -> Change[int]:
    """Return the change that adds one note to a ledger, and the note's sequence."""
    assert record is not None
    after, sealed = ledgered(record, [Entry(NOTE, now, SCHEDULER, {})])
    return Change(after.head.sequence, after, sealed)


def write_notes(store: Store, everybody: Sequence[Tenant], rng: Random, count: int) -> Counter[str]:
    """Add notes in `count` batches over tenants drawn at random; return those that are there.

    A store that is too busy is asked again: it has written nothing of that batch.
    """
    written: Counter[str] = Counter()
    for number in range(count):
        chosen = rng.sample(everybody, rng.randint(1, len(everybody)))
        now = at(12, seconds=number)
        while True:
            try:
                work = {who: lambda record: noted(record, now) for who in chosen}  # noqa: B023
                answers = store.transact_many(now, work)
            except StoreUnavailable:
                continue
            break
        written.update(who.cloud_id for who in answers)
    return written


def main(kind: str, place: str, seed: str, count: str, *cloud_ids: str) -> None:
    """Write when the word is given."""
    store = open_place(kind, place)
    everybody = [Tenant.from_row(cloud_id) for cloud_id in cloud_ids]
    print("ready", flush=True)
    sys.stdin.readline()
    for cloud_id, notes in write_notes(store, everybody, Random(seed), int(count)).items():
        print(cloud_id, notes, flush=True)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
