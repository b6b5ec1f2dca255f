"""A process of its own that does what is due: `python -m support.drainer KIND PLACE HOURS`.

Prints `ready`, waits for a line, then two workers attempt all that is due, each with
a store of its own. Prints each tenant whose report it made, as soon as that is stored.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from firstry.domain.tenant import Tenant
from firstry.ports.telemetry import Event
from firstry.scheduler.runner import Runner
from firstry.scheduler.settler import GroupSettler
from firstry.scheduler.worker import run_once
from support.attempt import Bench, HandClock, Notebook
from support.backing import open_place
from support.domain import at

WORKERS = 2
SLOTS = 4


class Crier(Notebook):
    """Telemetry that says which attempts were settled."""

    def emit(self, event: Event, tenant: Tenant | None = None, **fields: object) -> None:
        """Print the tenant of a report that is stored."""
        if event is Event.ATTEMPT_SETTLED and tenant is not None:
            line = f"{tenant.cloud_id} {fields['outcome']}\n"
            print(line, end="", flush=True)  # in one piece, for several threads speak


def drain(kind: str, place: str, hours: float) -> None:
    """Be one worker until nothing is due any more."""
    store = open_place(kind, place)
    bench = Bench(store, HandClock(at(hours)), notebook=Crier())
    parts = replace(bench.parts, settle=GroupSettler(store, bench.policy).settle)
    runner = Runner(parts, SLOTS)
    run_once(parts, runner)
    runner.close()
    store.close()


def main(kind: str, place: str, hours: str) -> None:
    """Work when the word is given."""
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(WORKERS) as threads:
        workers = [threads.submit(drain, kind, place, float(hours)) for _ in range(WORKERS)]
    for worker in workers:
        worker.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
