"""`make bench-peers`: peers at their defaults beside ours, at the same work in one run.

One-off unique jobs that are due already; each writes one JSON row of 2 KB. What a
peer needs is pinned in a file of its name here and installed at the first run. A
peer that cannot be had is told and left out.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.drain import drained_alone
from bench.ground import Ground, grounds
from bench.row import Row, in_turn

JOBS = 1_000
PEERS = {
    "PostgreSQL": ("pgqueuer", "procrastinate"),
    "SQLite": ("huey", "apscheduler"),
}
GOALS = {"PostgreSQL": ">= 2", "SQLite": ">= 4"}
HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / "build" / "peers"


def main() -> None:
    """Print one row for each peer."""
    with tempfile.TemporaryDirectory() as folder, grounds(Path(folder)) as all_grounds:
        print(Row.heading())
        for ground in all_grounds:
            for row in _rows(ground):
                print(row.line(), flush=True)


def _rows(ground: Ground) -> Iterator[Row]:
    for peer in PEERS[ground.name]:
        try:
            python = _environment(peer)
        except subprocess.CalledProcessError as error:
            print(f"{peer} cannot be had: {error.stderr[-200:]}", file=sys.stderr)
            continue
        ours, theirs = in_turn(partial(drained_alone, ground), partial(_run, python, peer, ground))
        what = f"drain on {ground.name}"
        yield Row("perf-1", what, "jobs/s", ours, peer, theirs, GOALS[ground.name])


def _environment(peer: str) -> Path:
    """Return the Python that has the peer, made if needed."""
    folder = ENVIRONMENTS / peer
    python = folder / "bin" / "python"
    done = folder / ".installed"
    if not done.exists():
        _quietly([sys.executable, "-m", "venv", "--clear", str(folder)])
        pins = str(HERE / f"{peer}.txt")
        _quietly([str(python), "-m", "pip", "install", "--quiet", "--requirement", pins])
        done.touch()
    return python


def _quietly(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _run(python: Path, peer: str, ground: Ground) -> float:
    """Return the jobs per second of a peer in a new database."""
    if ground.cluster is None:
        place = str(Path(tempfile.mkdtemp(dir=ground.folder)) / "peer.db")
        return _speed(python, peer, place)
    with ground.cluster.database() as database:
        return _speed(python, peer, database.url)


def _speed(python: Path, peer: str, place: str) -> float:
    script = str(HERE / f"{peer}_peer.py")
    return JOBS / float(_quietly([str(python), script, place, str(JOBS)]).split()[-1])


if __name__ == "__main__":
    main()
