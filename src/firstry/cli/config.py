"""`firstry config`: the settings in force, and what they mean for what was planned before."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.show import table
from firstry.config import explain
from firstry.config_source import PREFIX
from firstry.domain.errors import InputInvalid
from firstry.domain.filter_text import print_span

if TYPE_CHECKING:
    from firstry.lifecycle.plan import PlanLine

app = typer.Typer(no_args_is_help=True, help="The settings in force.")


@app.command()
def show(context: typer.Context) -> None:
    """Show every setting with its value (secrets hidden) and its source."""
    output: Output = context.obj
    rows = explain()
    document = {
        "settings": [
            {"name": PREFIX + row.name, "value": row.value, "source": row.source} for row in rows
        ]
    }
    shown = [(PREFIX + row.name, row.value or "", row.source) for row in rows]
    output.show(document, table(("setting", "value", "source"), shown))


@app.command()
def plan(
    context: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else it is only shown.")] = False,
    reason: Annotated[str, typer.Option(help="With --apply: why; kept in the ledgers.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --apply: do not ask again.")] = False,
) -> None:
    """Show, and with --apply do, what the settings' triggers mean for what has not begun."""
    from firstry.cli.session import decided_at, opened_store, required_reason
    from firstry.domain.ledger import OPERATOR
    from firstry.domain.record import Order
    from firstry.lifecycle.plan import changes, preview, replan
    from firstry.wiring.policy import policy_of

    output: Output = context.obj
    if not apply and (reason or yes):
        raise InputInvalid("--reason and --yes go with --apply", "leave them out, or say --apply")
    why = required_reason(reason) if apply else ""
    with opened_store() as (settings, store):
        policy, now = policy_of(settings), decided_at(settings, store)
        found = preview(store, now, policy)
        count = changes(found)
        if not apply or not count:
            _show_plan(output, found, "would change", is_applied=apply)
            return
        _ask(found, count, is_sure=yes)
        found = replan(store, Order(why, OPERATOR, now), policy, _tell)
    _show_plan(output, found, "changed", is_applied=True)


def _ask(found: Sequence["PlanLine"], count: int, *, is_sure: bool) -> None:
    """Let a person say yes to what is shown; a script has to have said it."""
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise InputInvalid(
            f"this would change {count} milestones, and nobody can be asked", "--yes"
        )
    print(_plan_text(found), file=sys.stderr)
    if not typer.confirm(f"change {count} milestones?", err=True):
        raise typer.Abort


def _tell(tenants: int) -> None:
    print(f"plan: {tenants} tenants done", file=sys.stderr)


def _show_plan(output: Output, found: Sequence["PlanLine"], verb: str, *, is_applied: bool) -> None:
    from firstry.lifecycle.plan import changes

    count = changes(found)
    document = {
        "applied": is_applied,
        "changes": count,
        "plan": [
            {
                "trigger": line.trigger,
                "fate": line.fate.value,
                "age": _age(line.age),
                "new_age": _age(line.new_age),
                "count": line.count,
                "due_at_once": line.due,
                "window_over": line.over,
            }
            for line in found
        ],
    }
    head = f"the plan {verb} {count} milestones" if count else "nothing is to be planned anew"
    output.show(document, "\n".join([head, *([_plan_text(found)] if found else [])]))


def _plan_text(found: Sequence["PlanLine"]) -> str:
    rows = [
        (
            line.trigger,
            _FATES[line.fate],
            _age(line.age) or "",
            _age(line.new_age) or "",
            str(line.count),
            str(line.due),
            str(line.over),
        )
        for line in found
    ]
    columns = ("trigger", "fate", "age", "new age", "milestones", "due at once", "window over")
    return table(columns, rows)


_FATES = {
    "moves": "moves",
    "window_moves": "only its window's end moves",
    "added": "is new: armed",
    "removed": "is gone: cancelled",
    "stays": "has begun or was ordered: stays",
}


def _age(age: timedelta | None) -> str | None:
    """Return an age as settings say it: up to three days in hours, where they are whole."""
    if age is None:
        return None
    hours, rest = divmod(age, timedelta(hours=1))
    return f"{hours}h" if not rest and hours < 72 else print_span(age)
