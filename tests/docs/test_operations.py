"""docs/operations.md tells every event, field, finding and error code, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs.code_name import SOURCE
from docs.page import Table, code, codes, page
from firstry.cli.output import Exit, exit_of
from firstry.domain.errors import FirstryError
from firstry.domain.policy import DeferralKind
from firstry.insight.concern import Code
from firstry.observe.log import FIELDS
from firstry.ports.telemetry import Event, told_if_it_fails
from firstry.wiring.web import build_web

PAGE = "docs/operations.md"
CONSOLE_ONLY = {
    "USAGE": Exit.USAGE,
    "SERVICE_DOWN": Exit.UNAVAILABLE,
    "INTERRUPTED": Exit.INTERRUPTED,
}


def _table(*header: str) -> Table:
    return page(PAGE).table(*header)


def test_events_and_fields_of_the_log() -> None:
    table = _table("event", "fields")
    assert sorted(code(cell) for cell in table.column("event")) == sorted(e.value for e in Event)
    told = {name for cell in table.column("fields") for name in codes(cell)}
    spare = set(
        re.findall(r"^`(\w+)` is an allowed field that no event uses", _text(), re.MULTILINE)
    )
    assert told | spare == FIELDS
    assert not told & spare


def test_each_event_is_told_with_the_fields_that_it_is_emitted_with() -> None:
    told = {code(row[0]): set(codes(row[1])) for row in _table("event", "fields").rows}
    emitted: dict[str, set[str]] = {}
    for event, fields in _emitted():
        emitted.setdefault(event, set()).update(fields)
    assert {e: f for e, f in told.items() if e in emitted} == emitted
    unused = {event.value for event in Event} - emitted.keys()
    rows = {code(row[0]): row[2] for row in _table("event", "fields").rows}
    assert {event for event, meaning in rows.items() if meaning == "not used"} == unused


def _emitted() -> Iterator[tuple[str, set[str]]]:
    """Yield each event of the source with its fields, read from the calls of `emit`.

    `told_if_it_fails` emits the event that it is called with, and only that.
    """
    for path in SOURCE.rglob("*.py"):
        for call in _calls(path):
            if isinstance(call.func, ast.Name) and call.func.id == told_if_it_fails.__name__:
                yield Event[ast.unparse(call.args[1]).rpartition(".")[2]].value, {
                    "error_code", "detail",
                }  # fmt: skip
            elif isinstance(call.func, ast.Attribute) and call.func.attr == "emit" and call.args:
                if ast.unparse(call.args[0]) == "event":
                    assert path == SOURCE / "ports/telemetry.py"
                    continue
                event = Event[ast.unparse(call.args[0]).rpartition(".")[2]]
                fields = {"cloud_id"} if len(call.args) > 1 else set()
                for keyword in call.keywords:
                    named = {"trigger", "revision", "attempt", "fence"}
                    fields |= named if keyword.arg is None else {keyword.arg}
                yield event.value, fields


def _calls(path: Path) -> Iterator[ast.Call]:
    tree = ast.parse(path.read_text("utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_error_codes_and_their_exits() -> None:
    told = {code(row[0]): int(row[1]) for row in _table("code", "exit").rows}
    assert callable(build_web), "with the whole service every kind of error is loaded"
    kinds = list(_kinds(FirstryError))
    assert told == {kind.code: exit_of(kind.__new__(kind)).value for kind in kinds} | CONSOLE_ONLY
    literal = {word for word in _first_words("fail") if word.isupper()}
    assert literal == CONSOLE_ONLY.keys() | {"DEFECT"}


def _kinds(base: type[FirstryError]) -> Iterator[type[FirstryError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def test_codes_of_failed_attempts() -> None:
    table = _table("code", "meaning", "what to do if it stays")
    told = [code(cell) for cell in table.column("code")]
    by_name = {f"DEFERRED_TOO_OFTEN_{kind.name}" for kind in DeferralKind}
    literal = set(_first_words("Failed", "Unreadable", "LastError"))
    assert sorted(told) == sorted(literal | by_name | {"REPORT_VALIDATION_FAILED"})


def test_findings_of_doctor() -> None:
    told = {code(cell) for cell in _table("code", "meaning", "what to do").column("code")}
    literal = set(_first_words("Finding"))
    errors = {"SETTING_INVALID", "STORE_UNAVAILABLE", "STORE_UNFIT"}
    assert told == literal | errors | {each.value for each in Code}


def test_attention_list_of_the_api_page() -> None:
    told = page("docs/api.md").table("code", "when", "what to do").column("code")
    assert sorted(code(cell) for cell in told) == sorted(each.value for each in Code)


def _first_words(*names: str) -> Iterator[str]:
    """Yield the codes that calls of these names begin with, where they are written out."""
    for path in SOURCE.rglob("*.py"):
        if "sim" in path.parts:
            continue
        for call in _calls(path):
            called = ast.unparse(call.func).rpartition(".")[2]
            if called in names and call.args:
                first = call.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def _text() -> str:
    return page(PAGE).text
