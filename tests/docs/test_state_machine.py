"""docs/state-machine.md and the code say the same, in both directions."""

import ast
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from docs.code_name import resolved
from docs.page import ROOT, Table, code, codes, page
from firstry.domain.claim import Claim
from firstry.domain.due import Reason
from firstry.domain.errors import FirstryError
from firstry.domain.milestone import LIVE, TRANSITIONS, State
from firstry.domain.outcome import Failed
from firstry.domain.policy import DEFERRALS_BY_TURNS, DEFERRALS_IN_A_ROW, DeferralKind
from firstry.domain.settle import Settled
from firstry.lifecycle.install import Recorded
from firstry.stores.memory import MemoryStore
from firstry.web.remote.answer import STATUS
from support.domain import at, claim_at, install, known, milestone_of, settle_at, won

PAGE = "docs/state-machine.md"


def _table(*header: str) -> Table:
    return page(PAGE).table(*header)


def test_states() -> None:
    table = _table("state", "final")
    told = {code(state): final for state, final, _ in table.rows}
    assert told == {s.value: "no" if s in LIVE else "yes" for s in State}


def test_transitions() -> None:
    told = {
        code(act): (frozenset(codes(before)), code(after))
        for act, before, after, _ in _table("act", "from", "to").rows
    }
    there = {
        act.value: (frozenset(state.value for state in before), after.value)
        for act, (before, after) in TRANSITIONS.items()
    }
    assert told == there


def test_reasons_of_a_tick() -> None:
    rows = _table("reason", "status", "due_trigger").rows
    assert {code(reason): int(status) for reason, status, _, _ in rows} == {
        reason.value: status for reason, status in STATUS.items()
    }
    assert {code(row[0]) for row in rows} == {reason.value for reason in Reason}
    without = {code(row[0]) for row in rows if row[2] == "no"}
    assert without == {"NOT_DUE", "PAUSED", "INSTALLATION_UNKNOWN", "CLOCK_BEHIND"}


def test_reasons_of_lifecycle_calls() -> None:
    told = {code(row[0]) for row in _table("reason", "meaning").rows}
    assert told == {recorded.value for recorded in Recorded} | {"UNINSTALL_RECORDED"}


def test_refusals() -> None:
    """Every code in `refusal(...)` and every error that the Forge routes answer is told."""
    told = {code(row[0]): int(row[1]) for row in _table("error_code", "status").rows}
    sources = [
        (ROOT / "src/firstry/web" / name).read_text("utf-8")
        for name in ("app.py", "remote/endpoint.py", "remote/answer.py")
    ]
    named = {name for text in sources for name in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', text)}
    reasons = {reason.value for reason in Reason} | {"UNINSTALL_RECORDED"}
    errors = {kind.code for kind in FirstryError.__subclasses__()}
    by_error = {"TENANT_CONTEXT_UNAVAILABLE", "INVOCATION_TOKEN_INVALID"}
    assert by_error <= errors
    assert told.keys() == (named - reasons) | by_error
    assert set(told.values()) == {400, 401, 404, 405, 413, 500}


def test_kinds_of_ledger_entries() -> None:
    """Every kind that an `Entry(...)` of the source is made with has its row."""
    rows = _table("kind", "constant").rows
    for kind, constant, _ in rows:
        assert resolved(code(constant)) == code(kind)
    told = {code(constant).rpartition(".")[2] for _, constant, _ in rows}
    assert told == {name for name in _entry_kinds() if not name.startswith("Act.")}


def _entry_kinds() -> Iterator[str]:
    """Yield the constants that entries are made with: `INSTALLED`, or `Act.CLAIM`."""
    for path in (ROOT / "src" / "firstry").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            made_by = ("Entry", "order.entry")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in made_by:
                yield from _names(node.args[0], tree)


def _names(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """Yield the upper-case names in an expression, through one local variable if need be."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id.isupper():
            yield inner.id
        elif isinstance(inner, ast.Name) and inner.id == "kind":
            for each in ast.walk(tree):
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "kind":
                    yield from _names(each.value, tree)


def test_deferrals_in_a_row() -> None:
    text = " ".join(page(PAGE).text.split())
    token, quota = DEFERRALS_IN_A_ROW[DeferralKind.TOKEN], DEFERRALS_IN_A_ROW[DeferralKind.QUOTA]
    assert f"up to {token} in a row for a refused token and up to {quota} for a quota" in text
    assert f"once `starts - attempts` is {DEFERRALS_BY_TURNS} times `attempts`" in text


def test_the_day_of_a_site_that_always_fails() -> None:
    told = [
        (hours, code(trigger), what.partition(":")[0], following)
        for hours, trigger, what, following in _table("at", "trigger", "what happens").rows
    ]
    assert told == list(_day())


def _day() -> Iterator[tuple[str, str, str, str]]:
    """Run the protocol with default rules: every attempt fails at the instant of its claim."""
    store, now = MemoryStore(), at(0)
    install(store)
    while live := [m for m in known(store).milestones if m.is_live()]:
        ends = [m.window_end_at for m in live if m.window_end_at is not None]
        now = min(each for each in [*ends, *(m.next_due for m in live)] if each >= now)
        held = claim_at(store, now)
        for before in live:
            after = milestone_of(store, before.trigger)
            if not after.is_live():
                yield _hours(now), after.trigger, after.state.value, ""
        if isinstance(held, Claim):
            settled = settle_at(store, held, Failed("JIRA_TIMEOUT", "no answer"), now)
            assert isinstance(settled, Settled)
            following = _hours(settled.milestone.next_due)
            yield _hours(now), held.trigger, f"attempt {held.attempt} fails", following


def _hours(instant: datetime) -> str:
    minutes = (instant - at(0)) // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02}"


def test_the_wait_after_a_crash() -> None:
    """The page's example: claimed at 12:00 and never heard of again, eligible at 12:35."""
    assert "claimed at 12:00" in page(PAGE).text
    store = MemoryStore()
    install(store)
    held = won(store, at(12))
    assert _hours(milestone_of(store, held.trigger).next_due) == "12:35"
