"""Let simulated worlds happen: many for a verdict, or one again for its notes.

    python tests/simulate.py --seeds 2000 --hours 100000 --least 100     a large run
    python tests/simulate.py --seed 17 --trace                           one world, line by line

Ends with 1 if anything was found, or if a fault, a transition or a reason was hit
less often than asked for.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from firstry.sim.world import Kind
from support.simulation import kind_of, world, worlds


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--least", type=int, default=1, help="how often all must be hit")
    parser.add_argument("--hours", type=float, default=0.0, help="how many at least, all told")
    parser.add_argument("--processes", type=int, default=None, help="how many at a time")
    parser.add_argument("--seed", type=int, default=None, help="one world only")
    parser.add_argument("--kind", type=Kind, choices=list(Kind), help="its store")
    parser.add_argument("--trace", action="store_true", help="show its notes")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _one(options.seed, options.kind or kind_of(options.seed), options.trace)
    return _many(range(options.first, options.first + options.seeds), options)


def _one(seed: int, kind: Kind, shows_notes: bool) -> int:
    happened = world(seed, kind, keeps_notes=shows_notes)
    for line in happened.lines:
        print(line)
    print(f"seed {seed}, {kind}: {happened.hours:.0f} hours, digest {happened.digest}")
    for finding in happened.findings:
        print(f"found: {finding}")
    return 1 if happened.findings else 0


def _many(seeds: range, options: argparse.Namespace) -> int:
    began = time.monotonic()
    total = worlds(seeds, options.processes)
    seconds = time.monotonic() - began
    for name, times in sorted(total.tally.items()):
        print(f"{times:9} {name}")
    print(f"{total.worlds} worlds, {total.hours:.0f} simulated hours, {seconds:.0f} s")
    shortcomings = total.shortcomings(options.least)
    if total.hours < options.hours:
        shortcomings.append(f"these are less than {options.hours:.0f} simulated hours")
    print("\n".join(shortcomings) or "nothing was found, and everything was hit")
    return 1 if shortcomings else 0


if __name__ == "__main__":
    sys.exit(main())
