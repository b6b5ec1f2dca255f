"""One process that drains: claims what is due in batches and settles a prepared report.

`python -m bench.drainer URL` says `ready`, waits for a line, drains until nothing is
due, and says how many reports it stored.
"""

import sys
from collections.abc import Mapping
from random import Random

from bench.ground import DUE, POLICY, opened
from firstry.domain.claim import Claim, claim
from firstry.domain.due import Quiet, due_query
from firstry.domain.outcome import Completed
from firstry.domain.record import Change, Decide, StoredReport, TenantRecord
from firstry.domain.settle import Fenced, Settled, settle
from firstry.domain.tenant import Tenant
from firstry.stores.sql.store import SqlStore

BATCH = 100
BODY = Random(1).randbytes(1024).hex().encode()
"""The 2 KB that each job writes, here and in the raw loop."""


def drain(store: SqlStore) -> int:
    """Claim and settle until nothing is due; return the number of reports that counted."""
    done = 0
    while due := store.claimable(due_query(DUE, POLICY), BATCH):
        held = store.transact_many(DUE, dict.fromkeys(due, _claim), skip_locked=True)
        done += _settle(store, held)
    return done


def _claim(record: TenantRecord | None) -> Change[Claim | Quiet]:
    return claim(record, DUE, POLICY)


def _settle(store: SqlStore, held: Mapping[Tenant, Claim | Quiet]) -> int:
    work = {tenant: _settled(c) for tenant, c in held.items() if isinstance(c, Claim)}
    answers = store.transact_many(DUE, work) if work else {}
    return sum(isinstance(answer, Settled) for answer in answers.values())


def _settled(held: Claim) -> Decide[Settled | Fenced]:
    report = StoredReport(
        f"r-{held.tenant.cloud_id}-{held.trigger}",
        held.tenant,
        held.trigger,
        held.revision,
        DUE,
        "sha256:" + "0" * 64,
        BODY,
        b"e" * 300,
    )
    return lambda record: settle(record, held, Completed(report, ()), DUE, POLICY)


def main() -> None:
    """Drain at a word."""
    store = opened(sys.argv[1])
    store.claimable(due_query(DUE, POLICY), 1)
    print("ready", flush=True)
    sys.stdin.readline()
    print(drain(store), flush=True)
    store.close()


if __name__ == "__main__":
    main()
