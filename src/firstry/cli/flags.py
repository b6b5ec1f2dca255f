"""`firstry flags`: what is made, for everybody or for one tenant."""

from enum import StrEnum
from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import decided_at, opened_store, required_reason
from firstry.cli.show import table
from firstry.domain.flag import Switch, all_flags, parse_flag
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR
from firstry.domain.tenant import Tenant

app = typer.Typer(no_args_is_help=True, help="Switches: what is made, and for whom.")


class State(StrEnum):
    """How a switch can stand."""

    ON = "on"
    OFF = "off"


@app.command("list")
def list_flags(context: typer.Context) -> None:
    """List every switch, and the tenants for which it was turned."""
    from firstry.insight.shape import switch_json
    from firstry.stores.sql.flag import SqlFlags

    output: Output = context.obj
    with opened_store() as (settings, store):
        turned = SqlFlags(store.database).switches()
    known = all_flags(name for name, _ in settings.triggers)
    general = {switch.flag: switch for switch in turned if switch.tenant is None}
    shown = [general.get(flag, Switch(flag, None)) for flag in known]
    shown += [switch for switch in turned if switch.tenant is not None]
    rows = [
        (
            switch.flag,
            switch.tenant.cloud_id if switch.tenant else "everybody",
            "on" if switch.is_on else "off",
            iso(switch.changed_at) if switch.changed_at else "",
            switch.reason or "",
        )
        for switch in shown
    ]
    text = table(("flag", "for", "state", "since", "reason"), rows)
    output.show({"flags": [switch_json(switch) for switch in shown]}, text)


@app.command("set")
def set_flag(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The flag's name.")],
    state: Annotated[State, typer.Argument(metavar="STATE", help="on or off.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
    tenant: Annotated[str, typer.Option(help="For this tenant only.")] = "",
) -> None:
    """Turn a switch; what is off for everybody is off for each tenant."""
    from firstry.insight.shape import switch_json
    from firstry.stores.sql.flag import SqlFlags

    output: Output = context.obj
    why = required_reason(reason)
    with opened_store() as (settings, store):
        switch = SqlFlags(store.database).turn(
            parse_flag(name, [trigger for trigger, _ in settings.triggers]),
            Tenant.from_operator(tenant) if tenant else None,
            to_on=state is State.ON,
            reason=why,
            actor=OPERATOR,
            now=decided_at(settings, store),
        )
    whose = switch.tenant.cloud_id if switch.tenant else "everybody"
    output.show({"flag": switch_json(switch)}, f"{switch.flag} is {state} for {whose}")
