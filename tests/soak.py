"""Run the long sizes of every programme that proves firstry, one after the other.

    python tests/soak.py                      everything: about 75 minutes on two cores
    python tests/soak.py postgres sqlite      some of it
    python tests/soak.py --minutes 30         a longer soak under load

Each part has a time cap, and one that hits it has failed. Everything is shown as
it comes; at the end stands one table. Ends with 1 unless all parts passed.
"""

import argparse
import sys
from collections.abc import Sequence

from stages import PYTEST, Result, Stage, run

MINUTE = 60
SQLITE_SHARE = 0.3
"""The soak on SQLite is so much shorter: it has no server to restart."""


def parts(minutes: float) -> tuple[Stage, ...]:
    """Return every part, with soaks under load of so many minutes."""
    load_cap = round(minutes * MINUTE) + 20 * MINUTE
    sqlite_minutes = max(1.0, round(SQLITE_SHARE * minutes, 1))
    return (
        Stage("model", _python("spec/check.py", "--full"), 60 * MINUTE),
        Stage(
            "simulation",
            _python("tests/simulate.py", "--seeds", "2000", "--hours", "100000", "--least", "100"),
            60 * MINUTE,
        ),
        Stage("interleaving", _python("tests/interleave.py"), 60 * MINUTE),
        Stage("mutation", _python("tests/mutate.py"), 60 * MINUTE),
        _tests("network", "NETWORK_EVERY=1", 60 * MINUTE),
        _tests("restart", "RESTART_ROUNDS=40", 30 * MINUTE),
        Stage("postgres", _load("postgres", minutes), load_cap),
        Stage("sqlite", _load("sqlite", sqlite_minutes), load_cap),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen parts, print the table, and return 0 if all is well."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these parts only")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long a soak lasts")
    options = parser.parse_args(arguments)
    everything = parts(options.minutes)
    known = [part.name for part in everything]
    if not set(options.names) <= set(known):
        parser.error(f"the parts are: {', '.join(known)}")
    names = options.names or known
    results = [run(part, verbose=True) for part in everything if part.name in names]
    print(f"\n{'part':<14}{'result':<10}{'seconds':>8}")
    for result in results:
        note = f"  {result.note}" if result.note else ""
        print(f"{result.stage.name:<14}{result.verdict:<10}{result.seconds:8.0f}{note}")
    return 0 if all(map(_has_passed, results)) else 1


def _has_passed(result: Result) -> bool:
    return result.verdict == "passed"


def _python(*words: str) -> tuple[str, ...]:
    return ("python", *words)


def _load(store: str, minutes: float) -> tuple[str, ...]:
    return _python("tests/soak_load.py", "--store", store, "--minutes", str(minutes))


def _tests(name: str, setting: str, cap_seconds: int) -> Stage:
    command = ("env", setting, *PYTEST, f"tests/{name}")
    return Stage(name, command, cap_seconds, is_pytest=True, tool="pytest")


if __name__ == "__main__":
    sys.exit(main())
