"""Check the model of the protocol with Spin: right as it is, wrong with every seeded bug.

Each case is one search over all states of one scene. As the protocol stands the search must be
complete and find no error, in every scene; with a seeded bug, or without an assumption that
liveness rests on, it must find the error that is expected. A search that was cut short by depth,
memory or time is no pass. Standard library only; needs `spin` and a C compiler.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MODEL = FOLDER / "milestone.pml"
TABLE = FOLDER / "row.pml"
NOTES = FOLDER / "count.pml"
TURN_FILE = FOLDER / "turns.txt"

DEPTH = 200_000  # steps of one run; the deepest found so far is below 1,000
MEMORY_MIB = 6_000  # of one search; each state takes about 100 bytes

Sizes = Mapping[str, int | str]

ATTEMPTS: Sizes = {"ROWS": 1, "ATTEMPTS": 3, "WINDOW": 7, "SILENCES": 1}
OPEN: Sizes = {"ROWS": 1, "WINDOW": "NEVER"}
OPERATOR: Sizes = {"ROWS": 2, "RESETS": 1, "RETRIES": 1}
UNINSTALL: Sizes = {"ROWS": 2, "UNINSTALLATIONS": 1, "SILENCES": 1, "KINDS": 1}
MANUAL: Sizes = {"ROWS": 2, "AUTO": 1, "REQUESTS": 2, "KINDS": 1}
POLLED: Sizes = {"ROWS": 1, "IS_POLLED": 1, "EXPIRIES": 1}
ENDLESS: Sizes = {**POLLED, **OPEN}
LEAVING: Sizes = {"ROWS": 2, "IS_POLLED": 1, "UNINSTALLATIONS": 1, "KINDS": 1}
FEW_FAULTS: Sizes = {**ENDLESS, "FAULTS": 1}


TURN: Sizes = {"TURNS": 1, "ROWS": 1}
ORDERS: Sizes = {"RESETS": 1, "RETRIES": 1, "UNINSTALLATIONS": 1, "SILENCES": 1, "KINDS": 1}


@dataclass(frozen=True, slots=True)
class Case:
    """One search. `wanted` is the law or the LTL claim to be broken, None: no error at all.

    `claim` names the LTL claim of a liveness search; a safety search has none.
    """

    name: str
    sizes: Sizes
    claim: str | None = None
    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to. `broken` is the law, the claim, or what stopped the search."""

    case: Case
    broken: str | None
    states: int
    depth: int
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    turns: frozenset[str] = frozenset()

    def is_wanted(self) -> bool:
        """Whether the search ended as its case wants it."""
        return self.broken == self.case.wanted

    def verdict(self) -> str:
        """Say in a few words how it ended."""
        if self.is_wanted():
            return "holds" if self.broken is None else f"found: {self.broken}"
        return f"NOT AS WANTED: {self.broken or 'no error'}"


def _mutant(name: str, wanted: str, sizes: Sizes = ATTEMPTS, claim: str | None = None) -> Case:
    return Case(name, {**sizes, "MUTANT": name}, claim, wanted)


SCENES = (
    Case("attempts", ATTEMPTS),
    Case("operator", OPERATOR),
    Case("uninstallation", UNINSTALL),
    Case("manual", MANUAL),
    Case("an end comes", POLLED, "ends"),
    Case("an end comes without a window", ENDLESS, "ends"),
    Case("an end comes after uninstallation", LEAVING, "ends"),
    Case("kinds of deferral alternate", {**ENDLESS, "WORKERS": 1, "ATTEMPTS": 3}, "ends"),
    Case("few faults: completed", FEW_FAULTS, "completes"),
)
TURNS = (
    Case("turns of two workers", {**TURN, "WINDOW": 2, "SILENCES": 1}),
    Case("turns within a window", {**TURN, **ORDERS, "WINDOW": 3, "WORKERS": 1}),
    Case("turns of both kinds", {**TURN, "WINDOW": "NEVER", "WORKERS": 1}),
    Case("turns without a window", {**TURN, **ORDERS, "WINDOW": "NEVER", "WORKERS": 1}),
)
FULL = (
    Case("attempts, 3 workers", {**ATTEMPTS, "WORKERS": 3}),
    Case("operator, 3 workers", {**OPERATOR, "WORKERS": 3, "KINDS": 1}),
    Case("operator, 2 resets", {**OPERATOR, "RESETS": 2}),
    Case("uninstallation, 3 workers", {**UNINSTALL, "WORKERS": 3}),
    Case("uninstallation and reset", {**UNINSTALL, "RESETS": 1}),
    Case("manual, 3 workers", {**MANUAL, "WORKERS": 3}),
    Case("manual, 2 revisions", {**MANUAL, "ROWS": 3}),
    Case("an end comes, 3 workers", {**POLLED, "WORKERS": 3}, "ends"),
    Case("an end comes, operator", {**POLLED, "EXPIRIES": 0, "RESETS": 1, "RETRIES": 1}, "ends"),
    Case("two faults of three: completed", {**FEW_FAULTS, "FAULTS": 2, "ATTEMPTS": 3}, "completes"),
)
ASSUMPTIONS = (
    Case("no worker lasts", {**POLLED, "NOBODY_LASTS": 1}, "ends", "ends"),
    Case("as many faults as attempts", {**FEW_FAULTS, "FAULTS": 2}, "completes", "completes"),
)
MUTANTS = (
    _mutant("STATE_ONLY", "I5_only_the_claim_in_force_is_settled"),
    _mutant("FENCE_ONLY", "I3_only_the_table_s_transitions"),
    _mutant("COMPLETE_TWICE", "I1_one_report_and_marker"),
    _mutant("UNFENCED_FAILURE", "I5_only_the_claim_in_force_is_settled"),
    _mutant("REPEAT_IS_UNKNOWN", "I2_only_what_is_stored_is_answered"),
    _mutant("REPORT_BEFORE_MARKER", "I2_report_marker_and_state_together"),
    _mutant("LEDGER_AFTERWARDS", "I15_every_act_has_its_entry"),
    _mutant("WINDOW_ENDS_AT_SETTLE", "I5_the_claim_in_force_counts"),
    _mutant("STALE_CLAIM", "I4_no_fence_is_handed_out_twice", OPEN),
    _mutant("STALE_RESCUE", "I3_final_never_changes"),
    _mutant("CLAIM_KEEPS_THE_FENCE", "I4_every_claim_raises_the_fence"),
    _mutant("COUNT_AFTER_THE_WORK", "I6_counted_before_the_work"),
    _mutant("CLAIM_AGAIN", "I7_no_claim_within_a_lease"),
    _mutant("CRASH_WITHOUT_BACKOFF", "I7_no_claim_within_a_wait"),
    _mutant("CRASH_IS_STUCK", "ends", ENDLESS, "ends"),
    _mutant("DISCARD_NOTHING", "I6_attempts_within_the_limit"),
    _mutant("MISS_NOTHING", "I8_not_after_the_window"),
    _mutant("MISS_THE_RUNNING", "I10_no_end_under_a_lease"),
    _mutant("DEFER_GIVES_BACK_THE_START", "I6_starts_never_fall"),
    _mutant("DEFER_CHARGES", "I6_every_claim_is_charged_once"),
    _mutant("DEFER_FOR_EVER", "I10_bounded_starts", OPEN),
    _mutant("ALTERNATE_FOR_EVER", "I10_bounded_starts", OPEN),
    _mutant("RESET_LOWERS_THE_FENCE", "I4_fence_never_falls", OPERATOR),
    _mutant("RESET_KEEPS_THE_FENCE", "I4_every_reset_raises_the_fence", OPERATOR),
    _mutant("RESET_EDITS_THE_FINISHED", "I3_final_never_changes", OPERATOR),
    _mutant("RETRY_THE_CLAIMED", "I7_no_claim_within_a_lease", {**OPEN, "RETRIES": 1}),
    _mutant("RETRY_EARLY", "I8_not_early", OPERATOR),
    _mutant("UNINSTALL_FORGETS_THE_RUNNING", "I10_nothing_waits_forever",
            {**OPEN, "UNINSTALLATIONS": 1}),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return 0 if all came out as wanted."""
    parser = argparse.ArgumentParser(description="Check the model of the protocol with Spin.")
    parser.add_argument("names", nargs="*", metavar="CASE", help="run these scenes or mutants only")
    parser.add_argument("--full", action="store_true", help="also three workers and more acts")
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time (default: 2)")
    parser.add_argument("--write", action="store_true", help=f"write {TURN_FILE.name} anew")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what Spin made here")
    options = parser.parse_args(arguments)
    missing = [tool for tool in ("spin", "cc", "cpp") if shutil.which(tool) is None]
    if missing:
        print(f"missing: {', '.join(missing)} (Debian: apt-get install spin gcc libc6-dev)")
        return 2
    cases = [*SCENES, *TURNS, *(FULL if options.full else ()), *ASSUMPTIONS, *MUTANTS]
    if unknown := set(options.names) - {case.name for case in cases}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = [case for case in cases if not options.names or case.name in options.names]
    print(f"{'case':<38}{'property':<11}{'states':>11}{'depth':>7}{'seconds':>9}  verdict")
    with ThreadPoolExecutor(options.jobs) as threads, _folder(options.keep) as folder:
        found = []
        for each in threads.map(lambda case: search(case, folder), chosen):
            found.append(each)
            print(_row(each), flush=True)
    faults = [] if options.names else [*_unmet(found), *_strayed(found, options.write)]
    for fault in faults:
        print(fault)
    failed = sum(not each.is_wanted() for each in found) + len(faults)
    print(_summary(found, failed))
    return 1 if failed else 0


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="firstry-spec-") as temporary:
        yield Path(temporary)


def search(case: Case, folder: Path) -> Found:
    """Generate, compile and run the verifier of one case in a folder of its own."""
    place = folder / re.sub(r"\W+", "-", case.name)
    place.mkdir(exist_ok=True)
    started = time.monotonic()
    sizes = [f"-D{name}={value}" for name, value in case.sizes.items()]
    generated = _output(place, "spin", "-a", *sizes, str(MODEL))
    if not (place / "pan.c").exists() or "Error" in generated:
        return Found(case, f"spin: {generated.strip()[-300:]}", 0, 0, 0.0)
    kind = ["-DSAFETY"] if case.claim is None else ["-DNFAIR=3"]
    level = "-O1" if case.wanted is None else "-O0"  # what finds an error finds it at once
    compiled = _output(place, "cc", level, "-w", f"-DMEMLIM={MEMORY_MIB}", *kind, "-opan", "pan.c")
    if not (place / "pan").exists():
        return Found(case, f"cc: {compiled.strip()[-300:]}", 0, 0, 0.0)
    claim = [] if case.claim is None else ["-a", "-f", "-N", case.claim]
    told = _output(place, str(place / "pan"), f"-m{DEPTH}", "-w22", *claim)
    return _read(case, told, time.monotonic() - started)


def _output(place: Path, tool: str, *arguments: str) -> str:
    command = [shutil.which(tool) or tool, *arguments]
    done = subprocess.run(
        command, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, env=os.environ | {"LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout


def _read(case: Case, told: str, seconds: float) -> Found:
    """Read the verifier's report; whatever is not a complete search is an error of its own."""
    counts = Counter(
        {f"{kind} {what}": int(times)
         for kind, what, times in re.findall(r"^(step|note) (.+) (\d+)$", told, re.MULTILINE)}
    )  # fmt: skip
    states = _number(r"^ *(\d+) states, stored", told)
    depth = _number(r"depth reached (\d+)", told)
    turns = frozenset(re.findall(r"^turn (.+)$", told, re.MULTILINE))
    return Found(case, _broken(case, told), states, depth, seconds, counts, turns)


def _broken(case: Case, told: str) -> str | None:
    if law := re.search(r"assertion violated .*\|\|(\w+)\)", told):
        return law.group(1)
    if "acceptance cycle (at depth" in told:
        return case.claim
    if stopped := re.search(
        r"^(?:pan: ?\S*|error:) *(.*(?:at depth|too small|memory).*)", told, re.MULTILINE
    ):
        return stopped.group(1)
    is_whole = "Full statespace search for" in told and "errors: 0" in told
    if not is_whole or "not completed" in told or "too small" in told:
        return f"the search was not completed: {told.strip()[-300:]}"
    return None


def _number(pattern: str, told: str) -> int:
    found = re.search(pattern, told, re.MULTILINE)
    return int(found.group(1)) if found else 0


def _unmet(found: Sequence[Found]) -> Iterator[str]:
    """Yield the transitions and faults that the searches without an error never met."""
    met = sum((each.counts for each in found if each.case.wanted is None), Counter[str]())
    for event in sorted(expected_events() - met.keys()):
        yield f"NOT MET: no search came across {event}"


def _strayed(found: Sequence[Found], is_to_write: bool) -> Iterator[str]:
    """Compare the turns of the model with the file by which the tests hold the code to them."""
    turns = "".join(f"{line}\n" for line in sorted(frozenset().union(*(f.turns for f in found))))
    if is_to_write:
        TURN_FILE.write_text(turns, "utf-8")
    if not TURN_FILE.exists() or TURN_FILE.read_text("utf-8") != turns:
        yield f"STRAYED: the model has other turns than {TURN_FILE.name}; see --write"


def expected_events() -> set[str]:
    """Return every line of the transition table, and every fault, as the counts name them."""
    steps = set()
    for act, guard in re.findall(r":: act == (\w+) && (.+) -> ", TABLE.read_text("utf-8")):
        for state in re.findall(r"from == (\w+)", guard):
            steps.add(f"step {act} {'-' if state == 'absent' else state}")
    named = re.search(
        r"^mtype = \{([^}]*)\};\nhidden mtype noted", NOTES.read_text("utf-8"), re.MULTILINE
    )
    assert named is not None, "count.pml declares the events that are noted"
    return steps | {f"note {name.strip()}" for name in named.group(1).split(",")}


def _row(found: Found) -> str:
    case = found.case
    what = "safety" if case.claim is None else f"<>{case.claim}"
    numbers = f"{found.states:>11,}{found.depth:>7}{found.seconds:>9.1f}"
    return f"{case.name:<38}{what:<11}{numbers}  {found.verdict()}"


def _summary(found: Sequence[Found], failed: int) -> str:
    killed = sum(each.is_wanted() for each in found if "MUTANT" in each.case.sizes)
    seeded = sum("MUTANT" in each.case.sizes for each in found)
    whole = [each for each in found if each.case.wanted is None]
    met = sum((each.counts for each in whole), Counter[str]())
    states = sum(each.states for each in whole)
    rarest = min(met.values(), default=0)
    return (
        f"\n{len(found)} searches, {failed} not as wanted; {killed} of {seeded} mutants found; "
        f"{states:,} states without an error;\n{len(met)} transitions and faults met, "
        f"the rarest {rarest:,} times"
    )


if __name__ == "__main__":
    sys.exit(main())
