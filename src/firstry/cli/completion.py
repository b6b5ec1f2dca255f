"""`firstry completion`: what a shell has to read so that the tab key completes commands."""

import io
from contextlib import redirect_stdout
from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_inspect_parameters, shell_complete

from firstry.cli.output import Output

VARIABLE = "_FIRSTRY_COMPLETE"
"""The shell sets it when it asks for completions, and typer answers in our place."""


class Shell(StrEnum):
    """The shells that can be completed in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register() -> None:
    """Let typer know the shells; by itself it does so together with options we do not have."""
    get_completion_inspect_parameters()


def completion(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script that a shell reads to complete commands and options."""
    output: Output = context.obj
    command = context.find_root().command
    told = io.StringIO()
    with redirect_stdout(told):
        shell_complete(command, {}, "firstry", VARIABLE, f"source_{shell}")
    script = told.getvalue().strip()
    output.show({"shell": shell.value, "script": script}, script)
