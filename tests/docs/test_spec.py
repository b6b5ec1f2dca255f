"""The model in `spec/` is of this code: the same states, acts, transitions and transactions.

`spec/check.py` proves the model and compares its transactions with `spec/turns.txt`; here the
real functions are asked the same questions and have to give the same answers. So neither can
change alone.
"""

import ast
import re
from collections import Counter

from docs.page import ROOT, Page, code, codes
from docs.turn import FREE, POLICY, UNIT, played, turns
from firstry.domain.milestone import TRANSITIONS, Act, State
from firstry.domain.policy import DeferralKind

SPEC = ROOT / "spec"
PAGE = Page("spec/README.md", (SPEC / "README.md").read_text("utf-8"))


def _text(*names: str) -> str:
    return "".join((SPEC / name).read_text("utf-8") for name in names)


def _seeded() -> dict[str, str]:
    """Return mutant -> what it is found by, as `check.py` runs them."""
    calls = [node for node in ast.walk(ast.parse(_text("check.py"))) if isinstance(node, ast.Call)]
    seeded = [call.args for call in calls if ast.unparse(call.func) == "_mutant"]
    return {ast.literal_eval(name): ast.literal_eval(wanted) for name, wanted, *_ in seeded}


def _laws() -> set[str]:
    named = re.search(r"^hidden byte (I1_[^;]*);", _text("row.pml"), re.MULTILINE)
    assert named is not None
    return {law.strip() for law in named[1].split(",")}


def test_states_and_acts() -> None:
    found = re.findall(r"^mtype = \{([^}]*)\}", _text("row.pml"), re.MULTILINE)
    states, acts, _ = ([name.strip() for name in names.split(",")] for names in found)
    assert states == [state.value for state in State]
    assert acts == [act.value for act in Act]


def test_transitions() -> None:
    lines = re.findall(r":: act == (\w+) && (.+) -> leads_to = (\w+)", _text("row.pml"))
    told = {
        act: (frozenset(re.findall(r"from == (\w+)", guard)) - {"absent"}, target)
        for act, guard, target in lines
    }
    there = {
        act.value: (frozenset(state.value for state in before), after.value)
        for act, (before, after) in TRANSITIONS.items()
    }
    assert told == there


def test_sizes_are_those_that_are_played() -> None:
    text = _text("size.pml")
    sizes = dict(re.findall(r"^#define (\w+) (\d+)\b", text, re.MULTILINE))
    assert int(sizes["LEASE"]) == POLICY.lease // UNIT
    assert int(sizes["ATTEMPTS"]) == POLICY.max_attempts
    free = f"(kind == TOKEN -> {FREE[DeferralKind.TOKEN]} : {FREE[DeferralKind.QUOTA]})"
    assert f"#define DEFERRALS_OF(kind) {free}" in text
    waits = " : ".join(str(wait // UNIT) for wait in POLICY.waits)
    assert f"#define WAIT_AFTER(attempt) (attempt <= 1 -> {waits})" in text


def test_the_code_does_what_the_model_does() -> None:
    strayed = [
        f"{line}\n  the code: {row} {answer}"
        for line, turn in turns()
        if (found := played(turn)) != (turn.after, turn.answer)
        for row, answer in [found]
    ]
    assert not strayed, f"{len(strayed)} turns differ, the first:\n" + "\n".join(strayed[:5])


def test_what_is_played_shows_every_act_and_answer() -> None:
    asked = Counter(turn.asked for _, turn in turns())
    outcomes = {"COMPLETED", "FAILED", "TOKEN", "QUOTA"}
    assert asked.keys() == outcomes | {"CLAIMED", "RESET", "RETRY_REQUESTED", "CANCELLED"}
    answers = Counter(turn.answer for _, turn in turns())
    assert answers.keys() == {"-", "FENCED", "COMPLETED", "FAILED", "DEFERRED"}
    changes = {(t.before.state, t.after.state) for _, t in turns() if t.before != t.after}
    acts = {(source.value, to.value) for sources, to in TRANSITIONS.values() for source in sources}
    assert changes == acts
    assert any(
        {turn.before.kind, turn.asked} == {"TOKEN", "QUOTA"} and turn.answer == "FAILED"
        for _, turn in turns()
    ), "a change of kind is charged"


def test_every_mutant_is_run_and_told() -> None:
    defined = re.findall(r"^#define (\w+) \d+ +/\*", _text("mutant.pml"), re.MULTILINE)
    assert list(_seeded()) == defined
    rows = PAGE.table("mutant", "what is wrong", "found by").rows
    assert {code(row[0]): code(row[2]) for row in rows} == _seeded()


def test_every_law_is_told_and_broken_by_a_mutant() -> None:
    used = re.findall(r"LAW\((I\d+_\w+)", _text("row.pml", "act.pml", "milestone.pml"))
    assert set(used) == _laws()
    told = [law for row in PAGE.table("invariant", "laws").rows for law in codes(row[1])]
    assert sorted(told) == sorted([*_laws(), "ends", "completes"])
    unbroken = (_laws() | {"ends"}) - set(_seeded().values())
    assert not unbroken, f"no mutant breaks {sorted(unbroken)}"
