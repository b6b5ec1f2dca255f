"""How long a command takes to start (perf-8)."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.row import ROUNDS, Row

FIRSTRY = str(Path(sys.executable).with_name("firstry"))


@dataclass(frozen=True, slots=True)
class Run:
    """What one or several runs of a command took: on the clock, and of the processors."""

    seconds: float
    cpu_seconds: float


def rows() -> list[Row]:
    """Measure `firstry version` beside an interpreter that does nothing."""
    ours, bare = runs_in_turn([FIRSTRY, "version"], [sys.executable, "-c", ""])
    what, against = "firstry version", "python -c ''"
    return [
        Row("perf-8", what, "s", ours.seconds, against, bare.seconds, "<= 0.25 s"),
        Row(
            "perf-8",
            f"{what}, processor time",
            "s",
            ours.cpu_seconds,
            against,
            bare.cpu_seconds,
            "",
        ),
    ]


def runs_in_turn(ours: Sequence[str], theirs: Sequence[str], **environ: str) -> tuple[Run, Run]:
    """Return the medians of two commands, measured A B A B, under these variables."""
    pairs = [(_run(ours, environ), _run(theirs, environ)) for _ in range(ROUNDS)]
    return _median([a for a, _ in pairs]), _median([b for _, b in pairs])


def _median(runs: Sequence[Run]) -> Run:
    return Run(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
    )


def _run(command: Sequence[str], environ: dict[str, str]) -> Run:
    cpu, began = _cpu_seconds(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | environ)
    return Run(time.perf_counter() - began, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
