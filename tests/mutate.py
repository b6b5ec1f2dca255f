"""Break the domain's rules one at a time, and show that a test notices each (T13).

    python tests/mutate.py                                   the rules, by unit tests
    python tests/mutate.py --only domain/ledger.py           other files of FLOORS
    python tests/mutate.py --depth 3                         survivors by further stages, too

Ends with 1 if a condition of the domain can be
broken unnoticed, if fewer than 95 % of the mutants are noticed, or if a test fails
without a mutant.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.mutation import Mutant, mutants_of
from support.mutation_equivalent import EQUIVALENT
from support.mutation_run import ROOT, Yard

PACKAGE = ROOT / "src/firstry"
LEAST_SHARE = 0.95
FLOORS = ("domain", "scheduler", "lifecycle")
PROTOCOL = ("arm", "cancel", "claim", "due", "milestone", "outcome", "settle", "wake")
"""What decides that a report is made once, in time and not before."""
AROUND = (
    "phase", "plan", "policy", "evidence", "instant", "canonical", "errors", "import_key",
    "import_value", "imported", "erasure", "flag", "job", "reason", "tenant", "access",
    "console_session", "public_key", "service_ledger", "filter", "filter_text", "display",
)  # fmt: skip
"""What decides who is meant, who may do what, and what is taken over, erased or planned."""
RULES = tuple(f"domain/{name}.py" for name in (*PROTOCOL, *AROUND))


@dataclass(slots=True)
class Score:
    """What came of the mutants of one file. `mutants` is without the equivalent ones."""

    path: str
    mutants: int = 0
    equivalent: int = 0
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many were noticed."""
        return self.mutants - len(self.survivors)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants of the chosen files, print the table, and return 0 if all is well."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", metavar="FILE", help="these files of the package")
    parser.add_argument("--depth", type=int, default=1, help="how many stages of tests")
    options = parser.parse_args(arguments)
    known = _paths()
    if unknown := sorted(set(options.only or ()) - set(known)):
        parser.error(f"these are not among the files: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix="firstry-mutants-") as folder:
        yard = Yard(Path(folder), options.depth)
        scores = [_score(yard, path) for path in options.only or RULES]
        failed = yard.failed
    return _verdict(scores, failed)


def _paths() -> list[str]:
    files = [file for floor in FLOORS for file in PACKAGE.glob(f"{floor}/*.py")]
    return sorted(file.relative_to(PACKAGE).as_posix() for file in files)


def _score(yard: Yard, path: str) -> Score:
    """Try every mutant of one file, and print the survivors as they are found."""
    score, began = Score(path), time.monotonic()
    untold = {key for key in EQUIVALENT if key[0] == path}
    for mutant in mutants_of(path, (yard.package / path).read_text()):
        key = (path, mutant.place, mutant.change)
        if key in EQUIVALENT:
            untold.discard(key)
            score.equivalent += 1
            continue
        score.mutants += 1
        if yard.killer(mutant) is None:
            score.survivors.append(mutant)
            print(f"survived: {_told(mutant)}", flush=True)
    if untold:
        raise RuntimeError(f"these equivalent mutants are gone from {path}: {sorted(untold)}")
    seconds = time.monotonic() - began
    print(f"{path}: {score.killed} of {score.mutants} killed, {seconds:.0f} s", flush=True)
    return score


def _told(mutant: Mutant) -> str:
    where = f"{mutant.path}:{mutant.line} {mutant.place or 'module'}"
    return f"{where}: {mutant.kind}{' (guard)' if mutant.is_guard else ''}: {mutant.change}"


def _verdict(scores: list[Score], failed: list[str]) -> int:
    print(f"\n{'file':<30}{'mutants':>8}{'killed':>8}{'equivalent':>12}{'survivors':>11}")
    for score in scores:
        if score.mutants:
            print(
                f"{score.path:<30}{score.mutants:8}{score.killed:8}"
                f"{score.equivalent:12}{len(score.survivors):11}"
            )
    mutants = sum(score.mutants for score in scores)
    killed = sum(score.killed for score in scores)
    survivors = [mutant for score in scores for mutant in score.survivors]
    share = killed / mutants if mutants else 1.0
    print(f"{killed} of {mutants} killed: {share:.1%}")
    for mutant in survivors:
        print(f"survived: {_told(mutant)}")
    for name in failed:
        print(f"failed without a mutant, so not used: {name}")
    is_well = share >= LEAST_SHARE and not failed and not any(m.is_guard for m in survivors)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
