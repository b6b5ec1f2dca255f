"""`--format csv|ndjson`: a whole list on stdout, to be kept in a file or piped on.

Every row that is meant comes, page by page; `--after` and `--limit` are for pages that
people read, and `--json` promises one object, so none of them goes with it.
"""

import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.domain.errors import InputInvalid
from firstry.insight.table import Table, TableFormat, written

PAGE_ROWS = 100
ListFormat = Annotated[
    TableFormat | None,
    typer.Option("--format", help="Instead of a page: every row, as csv or ndjson."),
]


def refuse_unless_whole(output: Output, after: str, limit: int | None) -> None:
    """Raise InputInvalid where a part was asked for, or one object."""
    if after or limit is not None or output.is_json:
        raise InputInvalid(
            "--format gives every row, and --after, --limit and --json something else",
            "leave one of them out",
        )


def print_table(table: Table, format_: TableFormat) -> None:
    """Write the whole list to stdout; a reader that has had enough ends it quietly."""
    try:
        _print(written(table, format_))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(pieces: Iterable[bytes]) -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    for piece in pieces:
        sys.stdout.write(piece.decode())
    sys.stdout.flush()
