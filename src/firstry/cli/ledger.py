"""`firstry ledger`: what happened, over all tenants and the service itself."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import opened_operators
from firstry.cli.show import table
from firstry.cli.table import PAGE_ROWS, ListFormat, print_table, refuse_unless_whole
from firstry.domain.instant import iso
from firstry.domain.tenant import Tenant
from firstry.ports.store import PAGE_LIMIT

if TYPE_CHECKING:
    from firstry.ports.insight import Line

app = typer.Typer(no_args_is_help=True, help="What happened, the newest first.")


@app.command("list")
def list_entries(
    context: typer.Context,
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    kind: Annotated[str, typer.Option(help="Only of this kind, as in RETRY_REQUESTED.")] = "",
    actor: Annotated[str, typer.Option(help="Only by this one, as in operator:ops-laptop.")] = "",
    after: Annotated[str, typer.Option(help="Go on behind the `next` of a page.")] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most; 100 if left out.")
    ] = None,
    format_: ListFormat = None,
) -> None:
    """List ledger entries of all tenants and of the service, the newest first."""
    from firstry.insight.listing import entry_table
    from firstry.insight.paging import cursor_behind, place_in
    from firstry.insight.shape import line_json
    from firstry.ports.insight import LineQuery

    output: Output = context.obj
    who = Tenant.from_operator(tenant) if tenant else None
    query = LineQuery(who, kind or None, actor or None)
    before = place_in(query, after)
    rows = limit or PAGE_ROWS
    with opened_operators() as seen:
        insight = seen.insight.insight
        if format_ is not None:
            refuse_unless_whole(output, after, limit)
            print_table(entry_table(insight, query), format_)
            return
        lines = insight.lines(query, before, rows)
    following = cursor_behind(query, lines[-1]) if len(lines) == rows else None
    entries = [line_json(line, json.loads(line.body)) for line in lines]
    more = f"\nmore: the same with --after {following}" if following else ""
    output.show({"entries": entries, "next": following}, _text(lines) + more)


def _text(lines: Sequence["Line"]) -> str:
    from firstry.insight.timeline import moment_of

    rows = []
    for line in lines:
        moment = moment_of(line)
        whose = line.place.cloud_id or "service"
        told = f"{moment.trigger} {moment.sentence}".strip()
        rows.append((iso(moment.at), whose, moment.kind, moment.actor, told))
    columns = ("at", "tenant", "kind", "actor", "what")
    return table(columns, rows) if rows else "There is no such entry."
