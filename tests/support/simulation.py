"""Many simulated worlds, in as many processes as there are cores, summed up."""

import os
import shlex
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from firstry.sim.platform_key import KeyRing
from firstry.sim.world import Kind, Run, run
from firstry.sim.world_fault import Mishap, Tally, missed
from support.judge import WorldJudge
from support.postgres_service import new_service_database

IN_MEMORY = Path("/dev/shm")
"""Where a database costs no disk, on machines that have it: no world outlives its process."""


@dataclass(slots=True)
class Sum:
    """What came of many worlds."""

    worlds: int = 0
    hours: float = 0.0
    tally: Tally = field(default_factory=Tally)
    findings: list[str] = field(default_factory=list)

    def add(self, happened: Run) -> None:
        """Add one world."""
        self.worlds += 1
        self.hours += happened.hours
        self.tally += happened.tally
        for finding in happened.findings:
            self.findings.append(f"seed {happened.seed}, {happened.kind}: {finding}")
        if happened.findings:
            self.findings.append(f"  again: {again(happened.seed, happened.kind)}")

    def shortcomings(self, least: int = 1) -> list[str]:
        """Return all findings, and everything that was hit less often than `least`."""
        return [*self.findings, *(f"hit too rarely: {name}" for name in missed(self.tally, least))]


def kind_of(seed: int) -> Kind:
    """Return the store beneath the world of a seed: every fourth has SQLite, which costs twice."""
    return Kind.SQLITE if seed % 4 == 3 else Kind.MEMORY


def again(seed: int, kind: Kind) -> str:
    """Return the command that has one world happen again, with its notes."""
    words = ["python", "tests/simulate.py", "--seed", str(seed), "--kind", kind.value, "--trace"]
    return shlex.join(words)


def world(
    seed: int,
    kind: Kind,
    *,
    keeps_notes: bool = False,
    only: Mapping[Mishap, float] | None = None,
) -> Run:
    """Let one world happen, in a folder of its own."""
    place = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="firstry-world-", dir=place) as folder,
        _url(kind) as url,
    ):
        keys, judge = _keys(), WorldJudge()
        return run(
            seed, kind, Path(folder), keys, judge, keeps_notes=keeps_notes, only=only, url=url
        )


@contextmanager
def _url(kind: Kind) -> Iterator[str]:
    """Lend a database with the schema where the kind of store needs one."""
    if kind is not Kind.POSTGRES:
        yield ""
        return
    database = new_service_database()
    try:
        yield database.url
    finally:
        database.cluster.drop(database.name)


def worlds(seeds: Iterable[int], processes: int | None = None) -> Sum:
    """Let the worlds of these seeds happen, several at a time."""
    total = Sum()
    size = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(size, mp_context=get_context("spawn")) as pool:
        for happened in pool.map(_guarded, seeds):
            total.add(happened)
    return total


def _guarded(seed: int) -> Run:
    """Let one world happen; what it raises is a finding like any other."""
    kind = kind_of(seed)
    try:
        return world(seed, kind)
    except Exception:
        return Run(seed, kind, "", 0.0, Tally(), (traceback.format_exc(),), (), ())


@cache
def _keys() -> KeyRing:
    return KeyRing()
