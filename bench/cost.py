"""What a piece of work takes: time on the clock, and time of the processors.

The clock tells what a user waits for. Processor time, of this process and of the
database server with all its helpers, tells more where others use the machine too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from os import sysconf
from pathlib import Path

from bench.ground import Ground


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one of many equal pieces of work."""

    per_second: float
    cpu_microseconds: float


def cost_of(ground: Ground, count: int, work: Callable[[], object]) -> Cost:
    """Do `count` pieces of work, in this process and on the server of `ground`."""
    cpu, began = _cpu_seconds(ground), time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return Cost(count / seconds, (_cpu_seconds(ground) - cpu) * 1e6 / count)


def _cpu_seconds(ground: Ground) -> float:
    mine = time.process_time()
    if ground.cluster is None:
        return mine
    ticks = sum(_ticks(each, ground.cluster.pid) for each in Path("/proc").glob("[0-9]*"))
    return mine + ticks / sysconf("SC_CLK_TCK")


def _ticks(process: Path, parent: int) -> int:
    """Return the ticks that a child of `parent` has used; 0 for any other process."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12]) if int(fields[1]) == parent else 0
