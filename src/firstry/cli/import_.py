"""`firstry import`: take over what the predecessor stored, without repeating a report."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from firstry.cli.output import Output
from firstry.cli.session import opened_store
from firstry.domain.display import displayed
from firstry.domain.errors import InputInvalid
from firstry.stores.clock import HostClock

if TYPE_CHECKING:
    from firstry.lifecycle.import_tenants import Summary

_ALLOCATIONS = 50_000
"""After so many new objects that stay, Python looks for cycles during an import."""


def import_file(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="One JSON object {storage key: value}, as dumped."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come of it, and write nothing.")
    ] = False,
) -> None:
    """Import a dump of the predecessor's storage; what was done there is never made again."""
    from firstry.lifecycle.import_tenants import MANY_WRITERS, ONE_WRITER, import_dump
    from firstry.wiring.policy import policy_of

    output: Output = context.obj
    now = HostClock().now()
    with _opened(file) as dump, opened_store() as (settings, store), _rare_collections():
        summary = import_dump(
            store,
            dump,
            now,
            policy_of(settings),
            pace=ONE_WRITER if settings.database_url.startswith("sqlite:") else MANY_WRITERS,
            is_dry_run=dry_run,
            tell=_tell,
        )
    output.show(_document(summary, is_dry_run=dry_run), _text(summary, is_dry_run=dry_run))


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have Python look for cycles seldom: an import makes none, and looking takes an eighth."""
    often = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS)
    try:
        yield
    finally:
        gc.set_threshold(*often)


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InputInvalid(
            f"{displayed(str(file))} cannot be read ({error.strerror})",
            "name a file with the dump as one JSON object",
        ) from None


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr)


def _document(summary: "Summary", *, is_dry_run: bool) -> dict[str, object]:
    from firstry.domain.imported import Met

    return {
        "is_dry_run": is_dry_run,
        "keys": {
            "read": summary.keys_read,
            "of_other_parts": summary.keys_of_other_parts,
            "refused": summary.keys_refused,
        },
        "tenants": {
            "recorded": summary.tenants[Met.RECORDED],
            "recorded_without_evidence": summary.tenants[Met.RECORDED_WITHOUT_EVIDENCE],
            "known_already": summary.tenants[Met.KNOWN],
            "left_out": summary.tenants[Met.LEFT_OUT],
        },
        "milestones": {"armed": summary.milestones_armed, "done": summary.milestones_done},
        "refused": [{"key": each.key, "reason": each.reason} for each in summary.refused],
    }


def _text(summary: "Summary", *, is_dry_run: bool) -> str:
    counts = (
        f"{summary.keys_read:,} read, {summary.keys_of_other_parts:,} of other parts, "
        f"{summary.keys_refused:,} refused"
    )
    done = f"{summary.milestones_done:,} done by the predecessor"
    lines = ["nothing was written; an import would come to this:"] if is_dry_run else []
    lines += [
        f"keys         {counts}",
        "tenants      " + ", ".join(f"{n:,} {met}" for met, n in summary.tenants.items()),
        f"milestones   {summary.milestones_armed:,} armed, {done}",
    ]
    lines += [f"refused      {displayed(each.key)}: {each.reason}" for each in summary.refused]
    if (unlisted := summary.keys_refused - len(summary.refused)) > 0:
        lines.append(f"and {unlisted:,} more that are refused")
    return "\n".join(lines)
