"""How long a command takes to start (perf-8)."""

import subprocess
import sys
import time
from pathlib import Path

from bench.row import Row, in_turn

FIRSTRY = str(Path(sys.executable).with_name("firstry"))


def rows() -> list[Row]:
    """Measure `firstry version` beside an interpreter that does nothing."""
    ours, bare = in_turn(
        lambda: _seconds([FIRSTRY, "version"]), lambda: _seconds([sys.executable, "-c", ""])
    )
    return [Row("perf-8", "firstry version", "s", ours, "python -c ''", bare, "<= 0.25 s")]


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
