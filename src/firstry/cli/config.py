"""`firstry config show`: every setting, its value and where it comes from."""

import typer

from firstry.cli.output import Output
from firstry.cli.show import table
from firstry.config import PREFIX, explain

app = typer.Typer(no_args_is_help=True, help="The settings in force.")


@app.command()
def show(context: typer.Context) -> None:
    """Show every setting with its value (secrets hidden) and its source."""
    output: Output = context.obj
    rows = explain()
    document = {
        "settings": [
            {"name": PREFIX + row.name, "value": row.value, "source": row.source} for row in rows
        ]
    }
    shown = [(PREFIX + row.name, row.value or "", row.source) for row in rows]
    output.show(document, table(("setting", "value", "source"), shown))
