"""A process of its own that upgrades: `python -m support.upgrader PATH`, at a word on stdin."""

import sys
from pathlib import Path

from firstry.stores.sql.sqlite.migration import upgrade


def main(path: str) -> None:
    """Upgrade when the word is given, and print the names of the steps that were applied."""
    print("ready", flush=True)
    sys.stdin.readline()
    print(*upgrade(Path(path)))


if __name__ == "__main__":
    main(*sys.argv[1:])
