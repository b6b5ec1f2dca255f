"""`firstry tenants erase` and `firstry tenants erasures`: take away what a tenant told."""

import sys
from typing import Annotated

import typer

from firstry.cli.output import Exit, Output
from firstry.cli.session import decided_at, known_tenant, opened_store, required_reason
from firstry.cli.show import table, tenant_json
from firstry.cli.tenants import Reason, TenantId
from firstry.domain.erasure import is_erased
from firstry.domain.errors import InputInvalid
from firstry.domain.instant import iso
from firstry.domain.ledger import ERASED, OPERATOR
from firstry.domain.record import Order, TenantRecord
from firstry.lifecycle.erase import AtStake, Erased, at_stake, refuse_served
from firstry.lifecycle.erase import erase as erase_tenant
from firstry.ports.store import PAGE_LIMIT

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask again.")]


def erase(
    context: typer.Context,
    tenant: TenantId,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Erase what a tenant told: reports, evidence, errors, token. It cannot be undone."""
    from firstry.wiring.eraser import eraser_of

    output: Output = context.obj
    why = required_reason(reason)
    with opened_store() as (settings, store):
        record = known_tenant(store, tenant)
        stake = at_stake(store, record)
        if dry_run:
            output.show(_stake_json(record, stake), _stake_text(record, stake))
            return Exit.OK
        if not is_erased(record):
            refuse_served(record)
            _ask(record, stake, is_sure=yes)
        order = Order(why, OPERATOR, decided_at(settings, store))
        with eraser_of(settings)() as eraser:
            erased = erase_tenant(eraser, record.tenant, order)
    _show(output, erased)
    return Exit.OK


def erasures(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most.")] = PAGE_LIMIT,
) -> None:
    """List who was erased, the latest first: what a restored backup has to be told again."""
    import json

    from firstry.ports.insight import LineQuery
    from firstry.stores.sql.insight import SqlInsight

    output: Output = context.obj
    with opened_store() as (_, store):
        lines = SqlInsight(store.database).lines(LineQuery(kind=ERASED), None, limit)
    shown = []
    for line in lines:
        entry = json.loads(line.body)
        named = {"cloud_id": line.place.cloud_id, "erased_at": entry["at"]}
        shown.append(named | {"actor": entry["actor"], "reason": entry["detail"].get("reason")})
    columns = ("tenant", "erased", "actor", "reason")
    rows = [[text or "" for text in each.values()] for each in shown]
    output.show({"erasures": shown}, table(columns, rows) if rows else "Nobody was erased.")


def _ask(record: TenantRecord, stake: AtStake, *, is_sure: bool) -> None:
    """Let a person say yes to what would go; a script has to have said it."""
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise InputInvalid(f"{_stake_text(record, stake)}, and nobody can be asked", "say --yes")
    if not typer.confirm(f"{_stake_text(record, stake)}. Erase it?", err=True):
        raise typer.Abort


def _stake_json(record: TenantRecord, stake: AtStake) -> dict[str, object]:
    return {
        "cloud_id": record.tenant.cloud_id,
        "reports": stake.reports,
        "entries": stake.entries,
        "errors": stake.errors,
        "has_token": stake.has_token,
    }


def _stake_text(record: TenantRecord, stake: AtStake) -> str:
    token = "a token" if stake.has_token else "no token"
    return (
        f"of tenant {record.tenant.cloud_id} this would erase {stake.reports} reports, "
        f"{stake.entries} ledger entries, {stake.errors} errors and {token}"
    )


def _show(output: Output, erased: Erased) -> None:
    name = erased.record.tenant.cloud_id
    assert erased.record.erasure is not None, "it was erased"
    at = iso(erased.record.erasure.at)
    text = f"{name} was erased at {at} already" if erased.is_repeat else f"{name} is erased"
    document = {"tenant": tenant_json(erased.record), "erased_now": not erased.is_repeat}
    output.show(document, text)
