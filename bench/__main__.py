"""`make bench`: ours beside the raw limit, in one run. Only the ratios mean anything.

Each row is measured several times in turn with what it is held against, so that
a machine whose speed drifts moves both.
"""

import tempfile
from pathlib import Path

from bench import drain, idle, start
from bench.row import Row


def main() -> None:
    """Print one row for each measured goal."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        rows = [
            *start.rows(),
            *drain.rows(place),
            *idle.rows(place),
        ]
    print(Row.heading())
    for row in rows:
        print(row.line())


if __name__ == "__main__":
    main()
