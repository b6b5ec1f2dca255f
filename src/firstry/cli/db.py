"""`firstry db`: the schema of the store."""

import typer

from firstry.cli.output import Output
from firstry.config import load

app = typer.Typer(no_args_is_help=True, help="The schema of the store.")


@app.command()
def upgrade(context: typer.Context) -> None:
    """Create the database if needed and bring it to the schema of this version."""
    from firstry.stores.sql.migration import upgrade as apply
    from firstry.wiring import database_path

    output: Output = context.obj
    applied = apply(database_path(load()))
    text = f"applied {', '.join(applied)}" if applied else "the schema is up to date"
    output.show({"applied": applied}, text)


@app.command()
def check(context: typer.Context) -> None:
    """Say whether the database has the schema that this version needs."""
    from firstry.stores.sql.store import SqliteStore
    from firstry.wiring import database_path

    output: Output = context.obj
    store = SqliteStore(database_path(load()))
    try:
        store.check()
    finally:
        store.close()
    output.show({"status": "ok"}, "the schema is up to date")
