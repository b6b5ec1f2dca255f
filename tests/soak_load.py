"""A whole service under load for minutes: workers killed, PostgreSQL restarted (T14).

    python tests/soak_load.py                         10 minutes on PostgreSQL
    python tests/soak_load.py --store sqlite --minutes 3

Sites install the app, live through a short day and come to their end, 500 a minute;
3 of 10 invocations come twice, Jira answers badly for some, a worker is killed every
10 seconds and PostgreSQL restarted every 60, both without warning. In the end every
tenant is judged from the database, beside the service. Ends with 1 if anything that
must not be was found, or if what was to go wrong did not.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from firstry.sim.jira_fault import FaultKind
from firstry.sim.platform_key import KeyRing
from support.load import FAULTS, LAST, Load, Often, Result, ShortDay
from support.load_crowd import Pace
from support.load_place import LoadedPlace, postgres_place, sqlite_place
from support.load_process import Flatness, flatness_of

TENANTS_A_MINUTE = 500
KILL_SECONDS = 10.0
RESTART_SECONDS = 60.0
TELL_SECONDS = 30.0
TICK_SECONDS = 15.0
PATIENCE_SECONDS = 300.0
FAULTY = 0.15
WARM_UP_SAMPLES = 90
"""One a second, until the first sites are through their day and as many live as ever will."""
GROWTH = 0.10
SPARE_BYTES = 10_000_000
SPARE_HANDLES = 40
"""What a process may hold in its last third over the first. Its pools fill as they are needed, so
a few handles more are no leak; one for each of thousands of calls would be."""
MOST_THREADS = 80
"""The pools of a process are filled when they are first needed: 32 and 16, and a few more."""
SHOWN = 20
"""How many findings are shown."""
DAY = ShortDay(
    first_age="20s", last_age="60s", lease="20s", generation_timeout="15s", backoff="3s,6s,12s"
)
PLACES: Mapping[str, Callable[[], LoadedPlace]] = {
    "postgres": postgres_place,
    "sqlite": sqlite_place,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, let the load run, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", choices=sorted(PLACES), default="postgres")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long sites arrive")
    parser.add_argument("--tenants", type=int, help="how many sites (500 a minute)")
    options = parser.parse_args(arguments)
    tenants = options.tenants or round(TENANTS_A_MINUTE * options.minutes)
    with tempfile.TemporaryDirectory(prefix="firstry-soak-") as folder:
        place = PLACES[options.store]()
        try:
            return _soak(Path(folder), place, 60 * options.minutes, tenants)
        finally:
            place.close()


def _soak(folder: Path, place: LoadedPlace, seconds: float, tenants: int) -> int:
    pace = Pace(arriving_seconds=seconds, tick_seconds=TICK_SECONDS, last_trigger=LAST)
    with Load(folder, KeyRing(), place, DAY, pace, tenants) as load:
        load.let_go_wrong(FAULTY)
        troubles = [
            Often(KILL_SECONDS, load.gang.kill_one),
            Often(TELL_SECONDS, lambda: _tell(load)),
        ]
        if place.disturb is not None:
            troubles.append(Often(RESTART_SECONDS, load.disturb))
        load.run(seconds, *troubles)
        flat = [flatness_of(process, WARM_UP_SAMPLES) for process in load.gang.survivors]
        load.await_ends(PATIENCE_SECONDS)
        result = load.judge()
    rows = list(_rows(load, result, flat))
    width = max(len(name) for name, _ in rows)
    print(f"\nsoak on {place.kind}, {seconds / 60:g} minutes, {tenants} tenants")
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    findings = [*result.all_breaches, *_not_flat(flat), *_not_hit(load, result, seconds)]
    print("\n".join(findings[:SHOWN]) or "no invariant was broken")
    return 1 if findings else 0


def _tell(load: Load) -> None:
    heard = load.crowd.heard
    print(
        f"{len(heard.installed)} installed, {load.crowd.living} living, "
        f"{len(heard.completions)} completions heard of, {load.gang.kills} kills, "
        f"{len(load.outages)} restarts",
        flush=True,
    )


def _rows(load: Load, result: Result, flat: Sequence[Flatness]) -> Iterator[tuple[str, str]]:
    heard, found = load.crowd.heard, result.verdict
    yield "tenants judged", str(found.tenants)
    yield "invocations", f"{heard.invocations}, and {heard.duplicates} of them twice"
    yield "answers", _listed({str(status): n for status, n in heard.statuses.items()})
    yield "causes of a 500", _listed(result.refusals)
    yield "slowest answer", f"{heard.slowest_seconds:.2f} s"
    yield "workers killed", str(load.gang.kills)
    longest = max(load.outages, default=0.0)
    yield "store restarted", f"{len(load.outages)}, the longest took {longest:.1f} s"
    yield "faults of Jira", _listed(result.faults)
    told = ("attempt_claimed", "attempt_settled", "attempt_fenced", "settle_retried")
    yield "attempts", _listed({name: result.events[name] for name in told})
    yield "reports", f"{found.reports}, for {found.starts} attempts that were begun"
    yield "ends", _listed(found.ends)
    yield "acknowledged", f"{result.acknowledged} completions, {len(found.lost)} of them lost"
    yield "broken invariants", str(len(result.all_breaches))
    for each in flat:
        first, last = (size / 1e6 for size in each.resident_bytes)
        held = f"{first:.1f} MB, {last:.1f} MB; handles {_both(each.handles)}"
        yield f"{each.name}, first and last third", f"{held}; threads {_both(each.threads)}"


def _both(numbers: tuple[float, float]) -> str:
    return f"{numbers[0]:.0f}, {numbers[1]:.0f}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "none"


def _not_flat(flat: Sequence[Flatness]) -> Iterator[str]:
    for each in flat:
        yield from each.growth(GROWTH, SPARE_BYTES, SPARE_HANDLES)
        if max(each.threads) > MOST_THREADS:
            yield f"{each.name} had {max(each.threads):.0f} threads"


def _not_hit(load: Load, result: Result, seconds: float) -> Iterator[str]:
    """Yield every trouble that did not come about: then the soak proves nothing about it."""
    if load.gang.kills < seconds // KILL_SECONDS - 2:
        yield f"only {load.gang.kills} workers were killed"
    if load.place.disturb is not None and len(load.outages) < seconds // RESTART_SECONDS - 1:
        yield f"the store was restarted only {len(load.outages)} times"
    for fault in FAULTS:
        if not result.faults[FaultKind(fault.kind).value]:
            yield f"Jira was never {fault.kind}"
    if load.crowd.heard.duplicates < 0.2 * load.crowd.heard.invocations:
        yield "too few invocations came twice"
    if result.verdict.tenants < len(load.sites):
        yield f"only {result.verdict.tenants} of {len(load.sites)} sites were ever installed"


if __name__ == "__main__":
    sys.exit(main())
