"""Registering installations in bulk by the real `firstry import` (perf-5).

Each run is the whole command in a process of its own: start, reading the dump,
and one transaction for every thousand tenants. Every second tenant was done with
its first report, so each gets two milestones, in one way or the other.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from bench.row import Row, in_turn
from firstry.domain.instant import iso

FIRSTRY = str(Path(sys.executable).with_name("firstry"))
TENANTS = 40_000
FEW = 4_000
GOAL = 10_000
Fresh = Callable[[], str]
"""Returns the DATABASE_URL of an empty database whose schema is at head."""


def rows(place: Path, store: str = "SQLite", fresh: Fresh | None = None) -> list[Row]:
    """Measure an import into empty databases, a SQLite file for each run unless told otherwise."""
    made = fresh or (lambda: f"sqlite:///{tempfile.mkdtemp(dir=place)}/bench.db")
    many, few = _dump(place, TENANTS), _dump(place, FEW)
    runs: list[tuple[float, float]] = []

    def run(dump: Path) -> float:
        runs.append(_imported(place, dump, made()))
        return runs[-1][1]

    ours, theirs = in_turn(lambda: run(many), lambda: run(few))
    speeds = sorted(TENANTS / seconds for seconds, _ in runs[::2])
    return [
        Row(
            "perf-5",
            f"import into {store}",
            "tenants/s",
            speeds[len(speeds) // 2],
            "goal",
            GOAL,
            ">= 1",
        ),
        Row(
            "perf-5",
            f"memory for {TENANTS:,} tenants",
            "MB",
            ours,
            f"for {FEW:,} tenants",
            theirs,
            "<= 1.5 (flat)",
        ),
    ]


def _dump(place: Path, tenants: int) -> Path:
    """Write a dump in which the keys of one tenant lie far apart."""
    path = place / f"dump-{tenants}.json"
    rng = Random(tenants)
    ids = [str(UUID(int=rng.getrandbits(128))) for _ in range(tenants)]
    now = datetime.now(UTC)
    installed_at, done_at = iso(now - timedelta(hours=20)), iso(now - timedelta(hours=8))
    with path.open("w") as file:
        file.write('{"of another part": {}')
        for cloud_id in ids:
            _add(file.write, f"phase4:evidence:installation:{cloud_id}", installed_at=installed_at)
        for cloud_id in ids[::2]:
            _add(file.write, f"phase5:scheduler:{cloud_id}:AUTO_12H:DONE", completed_at=done_at)
        file.write("}")
    return path


def _add(write: Callable[[str], object], key: str, **value: str) -> None:
    write(f", {json.dumps(key)}: {json.dumps(value)}")


def _imported(place: Path, dump: Path, url: str) -> tuple[float, float]:
    """Return the seconds and the megabytes that the command took."""
    environ = os.environ | {"FIRSTRY_DATABASE_URL": url}
    began = time.perf_counter()
    command = [FIRSTRY, "import", str(dump), "--json"]
    process = subprocess.Popen(
        command, cwd=place, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the import ended with {process.returncode}")
    return seconds, used.ru_maxrss / 1024
