"""Whatever people and sites write, no cell of a table acts, and nothing of it is lost.

Texts go in through the doors that take them, or stand in the store as an older version
might have left them, and come out as CSV and NDJSON over HTTP. What a spreadsheet does
with a file is judged here by a rule of its own.
"""

import csv
import json
import re
import unicodedata
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from firstry.domain.access import Role
from firstry.insight.table import LONGEST_CELL, cell
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_event import upgraded_event
from support.call import UPGRADE
from support.operator_call import Operator, operator
from support.service import World

SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\u200b=1",
    "\u202e=1", "\ufeff=cmd|' /C calc'!A0", "\x00=1", "\uff1d1", "\uff0d1", "\ufe621",
    "x;=1", "x; @y", '=HYPERLINK("http://x.example","y")', "'=1", ";;-1", "\u3000=1",
)  # fmt: skip
"""What acts, where a spreadsheet meets it at the begin of a cell."""
NAMES = (
    "<b>x</b>",
    "#set page()",
    "a\u202eb",
    "a\x00b",
    "a,b",
    'a"b',
    "x" * 10_000,
    "\u05d0\u05d1",
)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
hostile = st.one_of(
    st.text(max_size=80),
    st.builds("".join, st.lists(st.sampled_from([*FORMULAS, *NAMES, ";", " ", "\n"]), max_size=5)),
)


def require_harmless(text: str) -> None:
    """Require that neither a spreadsheet nor a terminal does anything at this cell."""
    assert not {unicodedata.category(c) for c in text} & UNSEEN, ascii(text)
    for piece in text.split(";"):
        first = unicodedata.normalize("NFKC", piece.strip())[:1]
        assert first not in tuple("=+-@"), ascii(text)


def restored(text: str) -> str:
    """Return a cell without what was put into it."""
    whole = ";".join(piece.removeprefix("'") for piece in text.split(";"))
    return re.sub(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})", lambda m: chr(int(m[1] or m[2], 16)), whole)


def _table(ops: Operator, path: str) -> list[dict[str, str]]:
    answer = ops.get(path)
    assert answer.status == 200, answer.body
    lines = list(csv.reader(StringIO(answer.body.decode(), newline=""), strict=True))
    assert len({len(line) for line in lines}) == 1, "a text has become columns"
    for line in lines:
        for each in line:
            require_harmless(each)
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def _objects(ops: Operator, path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ops.get(path).body.decode().split("\n")[:-1]]


@dataclass(frozen=True, slots=True)
class Yard:
    """A world with a site whose report has failed once, and somebody who looks after it."""

    world: World
    site: JiraSite
    ops: Operator


@pytest.fixture(scope="module")
def yard(shared: World) -> Yard:
    site = shared.installed("fuzzed")
    shared.clock.advance(hours=12)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    shared.told(site, "GENERATION_FAILED", 202)
    return Yard(shared, site, operator(shared, Role.ADMIN))


@SETTINGS
@given(text=hostile)
def test_any_text_as_a_cell(text: str) -> None:
    """Read back it is one cell, it does not act, and the text can be told from it."""
    line = StringIO(newline="")
    csv.writer(line).writerow([cell(text), "end"])
    (back,) = csv.reader(StringIO(line.getvalue(), newline=""), strict=True)
    assert back[1:] == ["end"]
    require_harmless(back[0])
    if len(text) < LONGEST_CELL - 200 and not re.search(r"\\|'", text):
        assert restored(back[0]) == text


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert "'" in cell(text)
    require_harmless(cell(text))


def test_what_is_too_long_says_so() -> None:
    shown = cell("=" + "x" * (LONGEST_CELL + 9))
    assert shown.startswith("'=x")
    assert shown.endswith("x... (11 more characters)")


@SETTINGS
@given(reason=hostile)
@example(reason='=HYPERLINK("http://x.example","y")')
@example(reason='x; =1,"2"')
def test_any_reason_of_an_operator(yard: Yard, reason: str) -> None:
    """Taken or refused at the door; taken, it is whole in both files and acts in none."""
    ops, who = yard.ops, yard.site.cloud_id
    (tenant,) = _objects(ops, f"/tenants?format=ndjson&filter=site%3D{who}")
    act = "resume" if tenant["paused"] else "pause"
    answer = ops.post(f"/tenants/{who}/{act}", reason=reason)
    assert answer.status in (200, 400), answer.body
    newest = _objects(ops, f"/ledger?format=ndjson&tenant={who}")[0]
    shown = _table(ops, f"/ledger?format=csv&tenant={who}")[0]
    if answer.status == 200:
        assert newest["detail"]["reason"] == reason.strip()
        assert json.loads(restored(shown["detail"])) == newest["detail"] or "'" in reason


@SETTINGS
@given(version=hostile)
def test_any_version_that_the_platform_names(yard: Yard, version: str) -> None:
    event = upgraded_event(yard.site)
    assert isinstance(event["app"], dict)
    body = event | {"app": event["app"] | {"version": version}}
    answer = yard.world.door.invoke(yard.site, UPGRADE, body, at=yard.world.now())
    assert answer.status in (200, 400), answer.body
    _table(yard.ops, f"/ledger?format=csv&tenant={yard.site.cloud_id}")


@SETTINGS
@given(message=hostile)
@example(message="=1\x00\u202e;+2")
def test_any_error_that_stands_in_the_store(yard: Yard, message: str) -> None:
    """Our own messages are tame; a table does not count on it."""
    text = message.encode(errors="replace").decode()
    with yard.world.database.connected() as connection:
        connection.execute(
            "UPDATE milestone SET error_message = ? WHERE error_code IS NOT NULL", (text,)
        )
    lines = _table(yard.ops, "/tenants?format=csv&filter=state%3Dbackoff")
    (shown,) = [line["error_message"] for line in lines if line["error_code"]]
    (row,) = _objects(yard.ops, "/tenants?format=ndjson&filter=state%3Dbackoff")
    (error,) = [m["last_error"] for m in row["milestones"] if m["last_error"]]
    assert error["message"] == text
    if not re.search(r"\\|'", text):
        assert restored(shown) == text
    yard.world.operators.watch.forget()
    (failure,) = _table(yard.ops, "/failures?format=csv")
    assert failure["code"] == "JIRA_UNAVAILABLE"
