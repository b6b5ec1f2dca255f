"""Run the stages of the gate, each under its own time cap, and say what happened.

`make test` runs all of them, `make check` the fast ones, names pick some. It can
not pass short: a stage that hits its cap fails, a folder in which no test passes
fails, and a stage whose tool is missing is NOT RUN, says how to get it, and is
red where CI=true. Two stages run at a time where there are two cores. Standard
library only, so that it starts wherever Python does.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SEARCH_PATH = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
IN_CI = os.environ.get("CI") == "true"
PYTEST = ("pytest", "--quiet", "--durations=5", "--durations-min=0.5")
AT_ONCE = min(2, os.cpu_count() or 1)
GRACE_SECONDS = 10  # between the interrupt that lets a stage say where it was, and the kill

_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")
_CLOSING = re.compile(r"^(=+ )?(\d+ \w+|no tests ran)\b.* in \d+(\.\d+)?s\b")
_DURATION = re.compile(r"^(\d+\.\d+)s (?:call|setup|teardown) +(\S.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of the gate. `remedy` says how to get `tool` where it is missing."""

    name: str
    command: tuple[str, ...]
    cap_seconds: int
    is_fast: bool = False
    is_pytest: bool = False
    tool: str = "python"
    remedy: str = "run make setup"


@dataclass(frozen=True, slots=True)
class Result:
    """What one stage came to. A stage that is not pytest counts as one test."""

    stage: Stage
    verdict: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    slowest: tuple[tuple[float, str], ...] = ()
    note: str = ""


def _tool(name: str, cap: int, *command: str) -> Stage:
    return Stage(name, command, cap, is_fast=True, tool=command[0])


def _tests(name: str, cap: int, *where: str, is_fast: bool = False) -> Stage:
    command = (*PYTEST, *(where or [f"tests/{name}"]))
    return Stage(name, command, cap, is_fast, is_pytest=True, tool="pytest")


def _holds_code(path: str) -> bool:  # a folder with leftovers of a cache only is no stage
    return any((ROOT / path).rglob("*.py"))


CODE = tuple(path for path in ("src", "tests", "bench", "spec") if _holds_code(path))
FOLDERS = (
    _tests("tidy", 60, is_fast=True),
    _tests("unit", 90, is_fast=True),
    _tests("conformance", 600),
    _tests("property", 400),
    _tests("integration", 500),
    _tests("network", 300),
    _tests("postgres", 600),
    _tests("interleaving", 180),
    _tests("restart", 400),
    _tests("scenario", 600),
    _tests("security", 450),
    _tests("report", 400),
    replace(
        _tests("alerts", 300),
        tool="promtool",
        remedy="install prometheus (Debian: make system)",
    ),
    replace(
        _tests("pdf", 60),
        tool="qpdf",
        remedy="install qpdf and poppler-utils (Debian: make system)",
    ),
    _tests("sim", 240),
    _tests("crash", 600),
    _tests("simulation", 900),
    replace(
        _tests("browser", 900), tool="chromium", remedy="install chromium (Debian: make system)"
    ),
    _tests("docs", 300),
)
STAGES = (
    _tool("format", 30, "ruff", "format", "--check", "."),
    _tool("lint", 30, "ruff", "check", "."),
    _tool("types", 240, "mypy", *CODE),
    _tool("imports", 60, "lint-imports", "--no-logo"),
    _tests("doctest", 60, "--doctest-modules", "src", is_fast=True),
    Stage(
        "spec",
        ("python", "spec/check.py"),
        400,
        tool="spin",
        remedy="install spin and gcc (Debian: make system)",
    ),
    Stage(
        "forge-app",
        ("npm", "--prefix", "forge-app", "run", "--silent", "gate"),
        600,
        tool="npm",
        remedy="install Node.js 20.19 or newer with npm",
    ),
    *(stage for stage in FOLDERS if _holds_code(f"tests/{stage.name}")),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen stages, print the table, and return 0 if all is well."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these stages only")
    parser.add_argument("--fast", action="store_true", help="run the stages of make check")
    parser.add_argument("-v", "--verbose", action="store_true", help="show all output as it comes")
    options = parser.parse_args(arguments)
    known = [stage.name for stage in STAGES if stage.is_fast or not options.fast]
    if not set(options.names) <= set(known):
        parser.error(f"the stages here are: {', '.join(known)}")
    names = options.names or known
    chosen = [stage for stage in STAGES if stage.name in names]
    with ThreadPoolExecutor(1 if options.verbose else AT_ONCE) as threads:
        begun = [threads.submit(run, stage, options.verbose) for stage in chosen]
        try:
            results = [each.result() for each in begun]
        except BaseException:
            _interrupted.set()
            threads.shutdown(cancel_futures=True)
            raise
    _print_table(results)
    failed = sum(result.failed for result in results)
    print(f"\n{sum(result.passed for result in results)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


_interrupted = threading.Event()
_printing = threading.Lock()


def run(stage: Stage, verbose: bool) -> Result:
    """Run one stage; print one line, and its output if it failed or was asked for."""
    if shutil.which(stage.tool, path=SEARCH_PATH) is None:
        note = f"{stage.tool} is missing: {stage.remedy}"
        missing = Result(stage, "NOT RUN", failed=int(IN_CI), note=note)
        _print(stage, missing)
        return missing
    started = time.monotonic()
    with tempfile.NamedTemporaryFile() as log:
        exit_code = _execute(stage, log.name, sys.stdout.write if verbose else None)
        output = Path(log.name).read_text(errors="replace")
    result = _judge(stage, exit_code, output, time.monotonic() - started)
    _print(stage, result, "" if verbose else output)
    return result


def _print(stage: Stage, result: Result, output: str = "") -> None:
    with _printing:
        print(f"{stage.name:<12}{_summary(result)}", flush=True)
        if result.failed and output:
            print(output.rstrip(), flush=True)


def _execute(stage: Stage, log: str, echo: Callable[[str], object] | None) -> int | None:
    """Run the command into the file `log`; return its exit code, or None at the cap."""
    with Path(log).open("w") as sink, Path(log).open(errors="replace") as source:
        process = subprocess.Popen(
            stage.command, cwd=ROOT, env=os.environ | {"PATH": SEARCH_PATH, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + stage.cap_seconds
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if _interrupted.is_set():
                    raise KeyboardInterrupt
                time.sleep(0.05)
                if echo:
                    echo(source.read())
            return process.poll()
        finally:
            if process.poll() is None:
                _stop(process)
            if echo:
                echo(source.read())


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group of a running stage: an interrupt first, then the kill."""
    os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _judge(stage: Stage, exit_code: int | None, output: str, seconds: float) -> Result:
    """Turn an exit code (None: the cap was hit) and the closing line into a result."""
    closing = [line for line in output.splitlines() if _CLOSING.match(line)][-1:]
    tally = Counter({"passed": int(exit_code == 0 and not stage.is_pytest)})
    for number, word in _COUNT.findall("".join(closing) if stage.is_pytest else ""):
        tally["passed" if word == "xfailed" else word] += int(number)
    passed, skipped = tally["passed"], tally["skipped"]
    failed = sum(tally[word] for word in ("failed", "error", "errors", "xpassed"))
    verdict = "passed" if exit_code == 0 and passed and not failed else "FAILED"
    failed = max(failed, int(verdict == "FAILED"))
    note = "" if passed or not stage.is_pytest else "no test passed"
    if exit_code is None:
        note = f"stopped at its cap of {stage.cap_seconds} s"
    slowest = tuple((float(number), test) for number, test in _DURATION.findall(output))
    return Result(stage, verdict, passed, failed, skipped, seconds, slowest, note)


def _summary(result: Result) -> str:
    counts = {"passed": result.passed, "failed": result.failed, "skipped": result.skipped}
    words = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    return f"{result.verdict:<8} {words:<34} {result.seconds:6.1f} s  {result.note}".rstrip()


def _print_table(results: Sequence[Result]) -> None:
    print(f"\n{'stage':<12}{'result':<8} {'tests':<34} {'seconds':>8}\n" + "-" * 64)
    for result in results:
        print(f"{result.stage.name:<12}{_summary(result)}")
    slowest = sorted((entry for result in results for entry in result.slowest), reverse=True)[:5]
    for seconds, test in slowest:
        print(f"{seconds:6.1f} s  {test}")


if __name__ == "__main__":
    sys.exit(main())
