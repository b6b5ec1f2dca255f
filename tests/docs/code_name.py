"""Names of code in prose, and what they stand for.

A name is looked up only where it looks like one of ours: it begins with a package
or module that stands in `src/firstry`. So every such name in the documentation
either exists or fails a test.
"""

import importlib
import re
from datetime import timedelta
from typing import Any

from docs.page import ROOT

SOURCE = ROOT / "src" / "firstry"
TOP_LEVEL = frozenset(
    path.stem
    for path in SOURCE.iterdir()
    if path.suffix == ".py" or (path / "__init__.py").exists()
) - {"__init__"}
_DOTTED = re.compile(r"([a-z_]+)(\.\w+)+(\(\))?")
_PATH = re.compile(r"([a-z_]+)(/[\w.]+)*/?")
_AMOUNT = re.compile(r"(\d+) ?(s|m|h|d|KiB|MiB)?")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "KiB": 1024, "MiB": 1024 * 1024}


def is_dotted(name: str) -> bool:
    """Whether `name` looks like a dotted name of ours."""
    found = _DOTTED.fullmatch(name)
    return found is not None and found[1] in TOP_LEVEL and not name.endswith((".py", ".sql"))


def is_path(name: str) -> bool:
    """Whether `name` looks like a path below `src/firstry`."""
    found = _PATH.fullmatch(name)
    return found is not None and "/" in name and found[1] in TOP_LEVEL


def resolved(name: str) -> Any:
    """Return what a dotted name below `firstry` stands for, or raise LookupError."""
    parts = name.removesuffix("()").split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(["firstry", *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not _has(found, part):
                raise LookupError(f"{name}: there is no {part}")
            found = getattr(found, part, None)
        return found
    raise LookupError(f"{name}: there is no such module")


def _has(owner: Any, name: str) -> bool:
    """Whether `owner` has `name`; a field without a default is an annotation only."""
    return hasattr(owner, name) or name in getattr(owner, "__annotations__", {})


def amount(text: str) -> float:
    """Return what an amount such as `30m`, `8 MiB` or `100` is in seconds, bytes or pieces."""
    found = _AMOUNT.fullmatch(text)
    assert found is not None, f"{text!r} is no amount"
    return int(found[1]) * _UNITS.get(found[2] or "", 1)


def plain(value: object) -> float:
    """Return a constant as a plain number: instants of time in seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    assert isinstance(value, int | float), f"{value!r} is no amount"
    return value
