"""`firstry demo`: 24 hours of a simulated platform in about 15 seconds."""

import typer


def demo(context: typer.Context) -> int:
    """Watch reports being made, over real HTTP, on a real SQLite file."""
    raise typer.BadParameter("not built yet")
