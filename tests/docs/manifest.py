"""The app's manifest, read without a YAML library: the few forms that it is written in.

Mappings, lists with `- `, scalars without quotes, whole-line comments, two spaces a
level. Anything else fails, so the file stays as simple as its reader.
"""

import re
from typing import Any

from docs.page import source_of

PATH = "forge-app/manifest.yml"
_KEY = re.compile(r"([A-Za-z]+(?::[A-Za-z]+)?):(?: (.+))?")
_SCALARS = {"true": True, "false": False}


def manifest() -> dict[str, Any]:
    """Return the manifest."""
    lines = [line for line in source_of(PATH).splitlines() if line.strip()]
    found, rest = _value([line for line in lines if not line.lstrip().startswith("#")], 0)
    assert not rest
    assert isinstance(found, dict)
    return found


def _value(lines: list[str], depth: int) -> tuple[Any, list[str]]:
    """Read the value that begins at `depth` spaces; return it and the lines behind it."""
    found: Any = [] if lines[0].lstrip().startswith("- ") else {}
    while lines and _depth(lines[0]) == depth:
        text = lines[0].strip()
        if isinstance(found, list):
            assert text.startswith("- "), text
            item, lines = _item(text.removeprefix("- "), lines[1:], depth)
            found.append(item)
            continue
        key = _KEY.fullmatch(text)
        assert key is not None, f"{text!r} is no key"
        assert key[1] not in found, f"{key[1]} stands twice"
        found[key[1]], lines = _below(key[2], lines[1:], depth)
    assert not lines or _depth(lines[0]) < depth, f"{lines[0]!r} is indented otherwise"
    return found, lines


def _item(text: str, behind: list[str], depth: int) -> tuple[Any, list[str]]:
    if _KEY.fullmatch(text) is None:
        return _SCALARS.get(text, text), behind
    return _value([" " * (depth + 2) + text, *behind], depth + 2)


def _below(text: str | None, behind: list[str], depth: int) -> tuple[Any, list[str]]:
    if text is not None:
        assert not set(text) & set("\"'{}[]#&*"), f"{text!r} needs a real YAML reader"
        return _SCALARS.get(text, text), behind
    assert behind, "a key without a value"
    assert _depth(behind[0]) > depth, "a key without a value"
    return _value(behind, _depth(behind[0]))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
