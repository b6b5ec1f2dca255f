"""`firstry failures`: what fails, alike failures together."""

from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import opened_operators
from firstry.cli.show import table
from firstry.cli.table import PAGE_ROWS, ListFormat, print_table, refuse_unless_whole
from firstry.domain.instant import iso
from firstry.ports.store import PAGE_LIMIT

app = typer.Typer(no_args_is_help=True, help="What fails, alike failures together.")


@app.command("list")
def list_failures(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most; 100 if left out.")
    ] = None,
    format_: ListFormat = None,
) -> None:
    """List failures of unfinished milestones in groups of alike ones, the largest first."""
    from firstry.insight.listing import failure_table
    from firstry.insight.shape import failure_json

    output: Output = context.obj
    with opened_operators() as seen:
        groups = seen.watch.overview().failures
    if format_ is not None:
        refuse_unless_whole(output, "", limit)
        print_table(failure_table(groups), format_)
        return
    shown = groups[: limit or PAGE_ROWS]
    rows = [
        (
            group.fingerprint,
            str(group.count),
            f"{group.code}: {group.message}",
            iso(group.last_at),
            group.filter_text,
        )
        for group in shown
    ]
    text = table(("fingerprint", "count", "error", "last", "filter"), rows)
    document = {"failures": [failure_json(group) for group in shown], "groups": len(groups)}
    output.show(document, text if rows else "Nothing fails.")
