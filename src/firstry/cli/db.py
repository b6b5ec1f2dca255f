"""`firstry db`: the schema of the store."""

import typer

from firstry.cli.output import Output
from firstry.config import load

app = typer.Typer(no_args_is_help=True, help="The schema of the store.")


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the database to the schema of this version; a SQLite file is created if needed."""
    from firstry.stores.place import Place

    output: Output = context.obj
    settings = load()
    by_url = settings.migrate_database_url or settings.database_url
    applied = Place(by_url).upgrade(settings.database_url, settings.erase_database_url)
    text = f"applied {', '.join(applied)}" if applied else "the schema is up to date"
    output.show({"applied": applied}, text)


@app.command()
def check(context: typer.Context) -> None:
    """Say whether the database has the schema that this version needs."""
    from firstry.stores.place import Place

    output: Output = context.obj
    Place(load().database_url).open().close()
    output.show({"status": "ok"}, "the schema is up to date")
