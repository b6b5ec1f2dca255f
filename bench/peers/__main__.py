"""`make bench-peers`: peers at their defaults beside ours, at the same work in one run.

One-off unique jobs that are due already; each writes one JSON row of 2 KB. What a
peer needs is pinned in a file of its name here and installed at the first run. A
peer that cannot be had is told and left out; one that does not finish in time is
told with what it had done by then.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.drain import drained_alone
from bench.ground import Ground, grounds
from bench.row import ROUNDS

JOBS = int(os.environ.get("BENCH_PEER_JOBS", "1000"))
LIMIT_SECONDS = 60.0
"""How long the jobs of one run may take."""

SETTING_UP_SECONDS = 120.0
"""How long a peer may take beyond that, for its schema and for enqueueing."""

PEERS = {
    "PostgreSQL": ("pgqueuer", "procrastinate"),
    "SQLite": ("huey", "apscheduler"),
}
GOALS = {"PostgreSQL": 2, "SQLite": 4}
HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / "build" / "peers"


@dataclass(frozen=True, slots=True)
class Drained:
    """What came of a run: the jobs that were done, and how many were done again."""

    seconds: float
    done: int
    again: int

    @property
    def per_second(self) -> float:
        """Jobs in a second."""
        return self.done / self.seconds


def main() -> None:
    """Print one line for each peer."""
    print(
        f"{'peer':<16}{'store':<12}{'jobs/s':>9}{'done twice':>12}{'ours, jobs/s':>14}"
        f"{'ratio':>8}  {'goal':<6}{JOBS:,} jobs each"
    )
    with tempfile.TemporaryDirectory() as folder, grounds(Path(folder)) as all_grounds:
        for ground in all_grounds:
            for line in _lines(ground):
                print(line, flush=True)


def _lines(ground: Ground) -> Iterator[str]:
    for peer in PEERS[ground.name]:
        try:
            yield _line(ground, peer, _environment(peer))
        except subprocess.CalledProcessError as error:
            yield f"{peer:<16}cannot be had or does not run: {error.stderr[-200:].strip()}"
        except subprocess.TimeoutExpired as error:
            yield f"{peer:<16}gave no answer within {error.timeout:.0f} s"


def _line(ground: Ground, peer: str, python: Path) -> str:
    """Measure ours and the peer in turn, the peer once only if it does not finish."""
    ours, theirs = [drained_alone(ground)], [_run(python, peer, ground)]
    while len(theirs) < ROUNDS and theirs[-1].done == JOBS:
        ours.append(drained_alone(ground))
        theirs.append(_run(python, peer, ground))
    mine = statistics.median(ours)
    speed = statistics.median(each.per_second for each in theirs)
    again, last = sum(each.again for each in theirs), theirs[-1]
    unfinished = (
        f"did not finish {JOBS:,} jobs in {last.seconds:.0f} s: {last.done:,} done"
        if last.done < JOBS
        else ""
    )
    return (
        f"{peer:<16}{ground.name:<12}{speed:>9,.0f}{again:>12}{mine:>14,.0f}"
        f"{mine / speed if speed else 0:>8.1f}  {f'>= {GOALS[ground.name]}':<6}{unfinished}"
    )


def _environment(peer: str) -> Path:
    """Return the Python that has the peer, made if needed."""
    folder = ENVIRONMENTS / peer
    python = folder / "bin" / "python"
    done = folder / ".installed"
    pins = HERE / f"{peer}.txt"
    if not done.exists() or done.read_text() != pins.read_text():
        _quietly([sys.executable, "-m", "venv", "--clear", str(folder)], 300)
        install = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(pins)]
        _quietly(install, 600)
        done.write_text(pins.read_text())
    return python


def _quietly(command: list[str], seconds: float) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds)
    return done.stdout


def _run(python: Path, peer: str, ground: Ground) -> Drained:
    """Let a peer work in a new database."""
    if ground.cluster is None:
        return _drained(python, peer, str(Path(tempfile.mkdtemp(dir=ground.folder)) / "peer.db"))
    with ground.cluster.database() as database:
        return _drained(python, peer, database.url)


def _drained(python: Path, peer: str, place: str) -> Drained:
    script = str(HERE / f"{peer}_peer.py")
    command = [str(python), script, place, str(JOBS), str(LIMIT_SECONDS)]
    said = _quietly(command, LIMIT_SECONDS + SETTING_UP_SECONDS)
    return Drained(**json.loads(said.splitlines()[-1]))


if __name__ == "__main__":
    main()
