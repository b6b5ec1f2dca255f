"""Play every order of the statements of two sessions on PostgreSQL (T4, in full).

    python tests/interleave.py                    all scenes, all pairs, all statements
    python tests/interleave.py --scene stale      one scene
    python tests/interleave.py --sample 20        so many orders of each pair, at random

Ends with 1 if anything was found.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from support.interleaving import Stage, everywhere
from support.postgres_service import new_service_database
from support.race import SCENES, Scene, races


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and play."""
    parser = argparse.ArgumentParser()
    names = [_short(scene) for scene in SCENES]
    parser.add_argument("--scene", choices=names, action="append", help="these only")
    parser.add_argument("--sample", type=int, default=None, help="so many orders of each pair")
    options = parser.parse_args(arguments)
    chosen = [scene for scene in SCENES if _short(scene) in (options.scene or names)]
    with Stage(new_service_database(), everywhere) as stage:
        findings = sum(_played(stage, scene, options.sample) for scene in chosen)
    print("nothing was found" if not findings else f"{findings} findings")
    return 1 if findings else 0


def _played(stage: Stage, scene: Scene, sample: int | None) -> int:
    """Play one scene, print what came of it, and return the number of findings."""
    found = 0
    print(scene.name)
    for pair in scene.pairs():
        began, count, waits = time.monotonic(), 0, 0
        for judged in races(stage, scene, pair, sample):
            count += 1
            waits += judged.played.waits > 0
            found += len(judged.findings)
            for finding in judged.findings:
                order = "".join(str(choice.went) for choice in judged.played.choices)
                print(f"  found in order {order}: {finding}")
        seconds = time.monotonic() - began
        print(f"{count:6} orders, {waits:6} with a wait, {seconds:6.1f} s  {' x '.join(pair)}")
        sys.stdout.flush()
    return found


def _short(scene: Scene) -> str:
    return scene.name.partition(":")[0]


if __name__ == "__main__":
    sys.exit(main())
