"""docs/cli.md tells every command, every option, every exit code and every setting."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer.main

from docs.page import Page, Table, code, page, pages
from firstry.cli.main import app
from firstry.cli.output import Exit
from firstry.config import SETTINGS, Setting
from firstry.config_source import PREFIX

PAGE = "docs/cli.md"
OPTIONS = ("option", "meaning")
ROOT_OPTIONS = frozenset({"--json", "--help"})


def _commands() -> dict[str, Any]:
    """Return every command that does something by its words, as `tenants add`."""
    return dict(_below("", typer.main.get_command(app)))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children: Mapping[str, Any] = getattr(command, "commands", {})
    if not children:
        yield name, command
    for word, child in children.items():
        yield from _below(f"{name} {word}".strip(), child)


def _names_of(command: Any) -> set[str]:
    """Return arguments by their metavar and options by their long names; hidden ones are not."""
    names = set()
    for parameter in command.params:
        if getattr(parameter, "hidden", False) or "--help" in parameter.opts:
            continue
        is_option = parameter.opts[0].startswith("-")
        names.add(parameter.opts[0] if is_option else parameter.metavar)
    return names


def _sections() -> dict[str, Table | None]:
    """Return the table of options of each section that is headed by a command."""
    told = page(PAGE)
    found = re.findall(r"^### `firstry ([a-z ]+)`$", told.text, re.MULTILINE)
    tables = {t.heading.strip("`"): t for t in told.tables() if t.header == OPTIONS}
    return {words: tables.get(f"firstry {words}") for words in found}


def test_every_command_has_its_section_and_none_is_made_up() -> None:
    assert sorted(_sections()) == sorted(_commands())


@pytest.mark.parametrize("words", _commands())
def test_every_option_is_told(words: str) -> None:
    table = _sections()[words]
    told = [code(cell) for cell in table.column("option")] if table is not None else []
    assert sorted(told) == sorted(_names_of(_commands()[words]))


@pytest.mark.parametrize("words", _commands())
def test_every_command_and_option_explains_itself(words: str) -> None:
    command = _commands()[words]
    assert (command.help or "").strip().endswith(".")
    silent = [p.name for p in command.params if not getattr(p, "help", None)]
    assert silent == []


def test_exit_codes() -> None:
    table = page(PAGE).table("code", "name")
    assert {(int(row[0]), code(row[1])) for row in table.rows} == {(e.value, e.name) for e in Exit}


def test_settings_and_their_defaults() -> None:
    table = page(PAGE).table("name", "default")
    assert [code(cell) for cell in table.column("name")] == [s.name for s in SETTINGS]
    for setting, told in zip(SETTINGS, table.column("default"), strict=True):
        if setting.default is not None:
            assert code(told) == setting.default
        else:
            assert told == ("none; `serve` needs it" if setting.serve_needs_it else "none")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_examples_of_settings_are_right(setting: Setting) -> None:
    rows = {code(row[0]): row for row in page(PAGE).table("name", "default").rows}
    example = code(rows[setting.name][3])
    if setting.is_secret:
        assert example.startswith("@/")
    else:
        setting.parse(example)


def test_the_example_of_a_file_is_right() -> None:
    blocks = [block for block in page(PAGE).blocks() if block.language == "toml"]
    assert blocks
    known = {setting.name: setting for setting in SETTINGS}
    for block in blocks:
        for name, value in tomllib.loads(block.text).items():
            text = ",".join(value) if isinstance(value, list) else str(value)
            if not known[name].is_secret:
                known[name].parse(text)


@pytest.mark.parametrize("each", [pytest.param(p, id=name) for name, p in pages().items()])
def test_every_command_that_is_named_exists(each: Page) -> None:
    """Wherever a page says `firstry ...`, the words are a command and the options are its own."""
    findings = []
    commands = _commands()
    groups = {words.split()[0] for words in commands if " " in words}
    for line, text in _mentions(each):
        words, options = _words_of(text, groups)
        if words in groups and not options:
            continue
        if words not in commands:
            findings.append(f"{each.path}:{line}: firstry {words} is no command")
        elif unknown := options - _names_of(commands[words]) - ROOT_OPTIONS - _hidden(words):
            findings.append(f"{each.path}:{line}: firstry {words} has no {sorted(unknown)}")
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


def _hidden(words: str) -> set[str]:
    params = _commands()[words].params
    return {p.opts[0] for p in params if getattr(p, "hidden", False)}


def _mentions(each: Page) -> Iterator[tuple[int, str]]:
    """Yield what stands behind `firstry` in code and in shell blocks, one command each."""
    for line, name in each.names():
        if name.startswith("firstry ") and not name.startswith("firstry -"):
            yield line, name.removeprefix("firstry ")
    for block in each.blocks():
        if block.language in ("sh", "console"):
            for found in re.finditer(r"\bfirstry ((?:[^|&;)\n\\]|\\\n)+)", block.text):
                yield block.line, found[1]


def _words_of(text: str, groups: set[str]) -> tuple[str, set[str]]:
    parts = re.sub(r'"[^"]*"', "TEXT", text).split()
    plain = [part for part in parts if not part.startswith("-")]
    words = " ".join(plain[:2] if plain and plain[0] in groups else plain[:1])
    return words, {part for part in parts if part.startswith("--")}


def test_settings_are_read_from_the_environment_by_the_prefix() -> None:
    assert f"`{PREFIX}<NAME>`" in page(PAGE).text
