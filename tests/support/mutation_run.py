"""Run the tests that reach a mutant, in a copy of the repository, until one fails.

The copy is made once, so work that goes on in the repository changes nothing here.
A first run without any mutant notes which test enters which function and how long
it takes. Each mutant is then written into the copied package, and a process of its
own runs the tests that enter its function, the shortest first. That process checks
that what it imported is the mutant. A mutant outside of functions meets every test.
"""

import importlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

import pytest

from support.mutation import Mutant, Span, place_of, spans_of

ROOT = Path(__file__).resolve().parents[2]
STAGES = (
    ("tests/unit", "tests/conformance/test_plan.py"),
    ("tests/conformance", "tests/property"),
    ("tests/scenario", "tests/security"),
)
"""The tests, the quickest first; a later stage sees only what survived the ones before.

The rules of a plan are told by the days of a tenant, which are quick in memory, too.
"""
LONGEST_SECONDS = 15.0
"""A test that takes longer without a mutant is not used."""
TRIAL_SECONDS = 300
FIRST_RUN_SECONDS = 2400
SURVIVED, KILLED, NOT_THE_MUTANT = 0, 1, 97
_COPIED = ("src", "tests")
_LEFT_OUT = frozenset({".git", "build"})


class Known:
    """The tests of one stage: which functions each enters, how long it takes, which fail."""

    def __init__(self, told: dict[str, dict[str, object]], package: Path) -> None:
        self.failed = sorted(name for name, each in told.items() if not each["passed"])
        self._seconds: dict[str, float] = {}
        self._entering: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        spans: dict[str, list[Span]] = {}
        for name, each in told.items():
            seconds, entered = each["seconds"], each["entered"]
            assert isinstance(seconds, float)
            assert isinstance(entered, list)
            if not each["passed"] or seconds > LONGEST_SECONDS:
                continue
            self._seconds[name] = seconds
            for path, line in entered:
                if path not in spans:
                    spans[path] = spans_of((package / path).read_text())
                self._entering[path, place_of(line, spans[path])].add(name)

    def of(self, mutant: Mutant) -> list[list[str]]:
        """Return batches of the tests that can notice a mutant, in each the shortest first.

        A function that no test enters runs while modules are imported: every test sees it,
        those that enter another function of its file first.
        """
        entering = self._entering.get((mutant.path, mutant.place)) if mutant.place else None
        if entering:
            return _batches(self._ordered(entering))
        near = {
            name
            for (path, _), names in self._entering.items()
            if path == mutant.path
            for name in names
        }
        far = self._ordered(self._seconds.keys() - near)
        return [*_batches(self._ordered(near)), *([far] if far else [])]

    def _ordered(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: self._seconds[name])


class Yard:
    """A copy of the repository in which mutants are tried by the first `depth` stages."""

    def __init__(self, folder: Path, depth: int = len(STAGES)) -> None:
        self._copy, self._told, self._depth = folder / "copy", folder / "told.json", depth
        self._copy.mkdir()
        for entry in ROOT.iterdir():
            if entry.name in _COPIED:
                shutil.copytree(entry, self._copy / entry.name, symlinks=True)
            elif entry.name not in _LEFT_OUT:
                (self._copy / entry.name).symlink_to(entry)
        self.package = self._copy / "src/firstry"
        self._known: dict[int, Known] = {}

    @property
    def failed(self) -> list[str]:
        """The tests that fail without any mutant, of the stages that were needed."""
        return [name for known in self._known.values() for name in known.failed]

    def killer(self, mutant: Mutant) -> str | None:
        """Return the test or the reason that ended the mutant; None if it survived."""
        for stage in range(self._depth):
            for names in self._stage(stage).of(mutant):
                if by := self._tried(mutant, names):
                    return by
        return None

    def _stage(self, number: int) -> Known:
        if number not in self._known:
            self._told.unlink(missing_ok=True)
            first = _FirstRun(self.package, self._told)
            self._run(lambda: self._pytest(STAGES[number], first), FIRST_RUN_SECONDS)
            if not self._told.exists():
                raise RuntimeError(f"{' '.join(STAGES[number])} did not come to an end")
            told = json.loads(self._told.read_text())
            self._known[number] = Known(told["tests"], self.package)
            _import_all(told["modules"])
        return self._known[number]

    def _tried(self, mutant: Mutant, names: list[str]) -> str | None:
        file = self.package / mutant.path
        source = file.read_text()
        self._told.unlink(missing_ok=True)
        trial = _Trial(file, names, self._told)
        try:
            file.write_text(mutant.text(source))
            _forget_compiled(file)
            paths = tuple(dict.fromkeys(name.partition("::")[0] for name in names))
            code = self._run(lambda: self._pytest(paths, trial, "--exitfirst"), TRIAL_SECONDS)
        finally:
            file.write_text(source)
            _forget_compiled(file)
        if code == NOT_THE_MUTANT:
            raise RuntimeError(f"another module than {file} was imported")
        if code == SURVIVED:
            return None
        if code is None:
            return f"no end after {TRIAL_SECONDS} s"
        return self._told.read_text() if self._told.exists() else "it cannot be imported"

    def _pytest(self, paths: tuple[str, ...], plugin: object, *options: str) -> int:
        """Run in a child process: import from the copy alone, and say how it ended."""
        os.chdir(self._copy)
        sys.path[:] = [p for p in sys.path if not p or not Path(p).is_relative_to(ROOT / "tests")]
        sys.path[:] = [p for p in sys.path if Path(p).resolve() != ROOT / "src"]
        sys.path.insert(0, str(self._copy / "src"))
        for name in [n for n in sys.modules if n.partition(".")[0] in ("support", "firstry")]:
            del sys.modules[name]
        quiet = ("--quiet", "--no-header", "-pno:cacheprovider", f"--rootdir={self._copy}")
        unwarned = "-Wignore::pytest.PytestAssertRewriteWarning"  # the parent has imported them
        return int(pytest.main([*quiet, unwarned, *options, *paths], plugins=[plugin]))

    def _run(self, work: Callable[[], int], seconds: float) -> int | None:
        """Do `work` in a process of its own; return its exit code, None at its time cap."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _be_child(work, self._copy.parent / "output.txt")
        end = time.monotonic() + seconds
        pause = 0.005
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                _end_group(child)
                return os.waitstatus_to_exitcode(status)
            time.sleep(pause)
            pause = min(0.1, pause * 1.5)
        _end_group(child)
        os.waitpid(child, 0)
        return None


class _FirstRun:
    """Notes of every test whether it passes, its seconds, and the functions it enters."""

    def __init__(self, package: Path, told: Path) -> None:
        self._package, self._told = f"{package}/", told
        self._tests: dict[str, dict[str, object]] = {}
        self._entered: set[tuple[str, int]] = set()

    def _trace(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if code.co_filename.startswith(self._package):
            self._entered.add((code.co_filename, code.co_firstlineno))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what needs a PostgreSQL server: the rules are the same on every store."""
        items[:] = [item for item in items if "postgres" not in item.nodeid]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        """Watch one test."""
        self._entered.clear()
        began = time.monotonic()
        self._tests[item.nodeid] = {"passed": True}
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            cut = len(self._package)
            entered = sorted((path[cut:], line) for path, line in self._entered)
            said = {"seconds": time.monotonic() - began, "entered": entered}
            self._tests[item.nodeid] |= said

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure; what is skipped can notice nothing either."""
        if not report.passed:
            self._tests[report.nodeid]["passed"] = False

    def pytest_sessionfinish(self) -> None:
        """Write down all that was seen."""
        ours = ("firstry", "support", "conftest", "tests", "test_")
        modules = [name for name in sys.modules if not name.startswith(ours)]
        self._told.write_text(json.dumps({"tests": self._tests, "modules": modules}))


class _Trial:
    """Keeps the tests to be run, in their order, and notes the first that fails."""

    def __init__(self, file: Path, names: list[str], told: Path) -> None:
        self._file, self._told = file, told
        self._places = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Choose and order, after a look at what is imported."""
        package = next(path for path in self._file.parents if path.name == "firstry")
        dotted = ".".join(self._file.relative_to(package.parent).with_suffix("").parts)
        imported = importlib.import_module(dotted.removesuffix(".__init__"))
        if Path(imported.__file__ or "").resolve() != self._file.resolve():
            os._exit(NOT_THE_MUTANT)
        items[:] = [item for item in items if item.nodeid in self._places]
        items.sort(key=lambda item: self._places[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the failure that ends the run."""
        if report.failed:
            self._told.write_text(report.nodeid)


def _batches(names: list[str]) -> list[list[str]]:
    """Take the file with the most of these tests first: one file is quickly collected."""
    files = Counter(name.partition("::")[0] for name in names)
    if len(files) < 2:
        return [names] if names else []
    first, _ = files.most_common(1)[0]
    within = [name for name in names if name.startswith(f"{first}::")]
    return [within, [name for name in names if not name.startswith(f"{first}::")]]


def _be_child(work: Callable[[], int], output: Path) -> None:
    os.setsid()
    sys.dont_write_bytecode = True
    sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    code = KILLED
    try:
        code = work()
    finally:
        os._exit(code)


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _forget_compiled(file: Path) -> None:
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def _import_all(names: list[str]) -> None:
    """Import what the tests import from elsewhere, so that each child finds it there."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: S112  (a module that only its own package may import)
            continue
