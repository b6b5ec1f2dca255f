"""`make bench`: ours beside the raw limit, in one run. Only the ratios mean anything.

Each row is measured several times in turn with what it is held against, so that
a machine whose speed drifts moves both. Words choose some of the subjects:
`make bench SUBJECTS="drain waiting"`.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import bulk, drain, idle, operators, page, pdf, report, start, waiting
from bench.ground import Ground, grounds
from bench.row import Row

Rows = Callable[[Sequence[Ground]], Iterator[Row]]


def _of_each(measure: Callable[[Ground], Iterable[Row]]) -> Rows:
    def measured(all_grounds: Sequence[Ground]) -> Iterator[Row]:
        for ground in all_grounds:
            yield from measure(ground)

    return measured


def _once(measure: Callable[[], list[Row]]) -> Rows:
    return lambda _: iter(measure())


def _in_folder(measure: Callable[[Path], list[Row]]) -> Rows:
    return lambda all_grounds: iter(measure(all_grounds[0].folder))


SUBJECTS: Mapping[str, Rows] = {
    "start": _once(start.rows),
    "report": _once(report.rows),
    "pdf": _once(pdf.rows),
    "page": _once(page.rows),
    "idle": _of_each(idle.rows),
    "drain": _of_each(drain.rows),
    "bulk": _of_each(lambda ground: bulk.rows(ground.folder, ground.name, ground.fresh)),
    "waiting": _of_each(waiting.rows),
    "operators": _of_each(operators.rows),
}


def main() -> None:
    """Print one row for each measured goal of the subjects."""
    chosen = sys.argv[1:] or list(SUBJECTS)
    if unknown := set(chosen) - set(SUBJECTS):
        sys.exit(f"no subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    with tempfile.TemporaryDirectory() as folder, grounds(Path(folder)) as all_grounds:
        print(Row.heading())
        for subject in chosen:
            for row in SUBJECTS[subject](all_grounds):
                print(row.line(), flush=True)


if __name__ == "__main__":
    main()
