"""The reference of the command line, written from the commands themselves.

python tests/docs/cli_reference.py    writes docs/cli-reference.md anew
"""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer.main

from firstry.cli.main import app

FILE = Path(__file__).resolve().parents[2] / "docs" / "cli-reference.md"
HEAD = """# Reference of the command line

Made from the commands by `python tests/docs/cli_reference.py`; a test compares it with them. Do not
edit it by hand. [cli.md](cli.md) explains the commands, with examples that are run.
"""

_KINDS = {int: "NUMBER", Path: "PATH"}


def reference() -> str:
    """Return the page: each command with its usage, its words, and every option."""
    return HEAD + "".join(_section(words, each) for words, each in _below("firstry", _root()))


def _root() -> Any:
    return typer.main.get_command(app)


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if not children:
        yield name, command
        return
    for word, child in sorted(children.items()):
        if not child.hidden:
            yield from _below(f"{name} {word}", child)


def _section(words: str, command: Any) -> str:
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    usage = " ".join([words, *(_usage(each) for each in shown)])
    rows = "".join(f"| `{_line(_name(each))}` | {_line(each.help or '')} |\n" for each in shown)
    table = f"\n| argument or option | meaning |\n|---|---|\n{rows}" if rows else ""
    return f"\n## `{words}`\n\n{_line(command.help or '')}\n\n```text\n{usage}\n```\n{table}"


def _usage(parameter: Any) -> str:
    name = _name(parameter)
    return name if parameter.required else f"[{name}]"


def _name(parameter: Any) -> str:
    """Return an argument by its metavar, an option with what it takes."""
    if not parameter.opts[0].startswith("-"):
        return str(parameter.metavar or parameter.name.upper())
    return (
        str(parameter.opts[0]) if parameter.is_flag else f"{parameter.opts[0]} {_taken(parameter)}"
    )


def _taken(parameter: Any) -> str:
    taken = parameter.type_descriptor.annotation
    if isinstance(taken, type) and issubclass(taken, Enum):
        return "|".join(str(each.value) for each in taken)
    return str(parameter.metavar or _KINDS.get(taken, "TEXT"))


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(reference(), "utf-8")
