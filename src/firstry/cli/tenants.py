"""`firstry tenants`: who is served, how each stands, and what an operator may do."""

from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import (
    decided_at,
    known_tenant,
    known_trigger,
    opened_store,
    required_reason,
)
from firstry.cli.show import tenant_json, tenant_text, tenants_text
from firstry.domain.errors import Conflict, InputInvalid
from firstry.domain.instant import iso, parse_instant
from firstry.domain.record import Installation, InstallationSource, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.lifecycle.install import Recorded, record_installation
from firstry.lifecycle.pause import pause, resume
from firstry.lifecycle.reset import reset as start_over
from firstry.lifecycle.retry import retry_now
from firstry.ports.store import PAGE_LIMIT

app = typer.Typer(no_args_is_help=True, help="Who is served, and how each tenant stands.")

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant's cloudId.")]
TriggerName = Annotated[str, typer.Option("--trigger", help="The trigger's name.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the tenant's ledger.")]


@app.command("list")
def list_tenants(
    context: typer.Context,
    after: Annotated[str, typer.Option(help="Begin behind this cloudId.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most.")] = 100,
) -> None:
    """List tenants in cloudId order."""
    output: Output = context.obj
    with opened_store() as (_, store):
        begin = Tenant.from_operator(after).cloud_id if after else None
        records = store.tenants(begin, limit)
    following = records[-1].tenant.cloud_id if len(records) == limit else None
    document = {"tenants": [tenant_json(record) for record in records], "next": following}
    more = f"\nmore: firstry tenants list --after {following}" if following else ""
    output.show(document, tenants_text(records) + more)


@app.command()
def show(context: typer.Context, tenant: TenantId) -> None:
    """Show one tenant with all its milestones."""
    output: Output = context.obj
    with opened_store() as (_, store):
        record = known_tenant(store, tenant)
    output.show({"tenant": tenant_json(record)}, tenant_text(record))


@app.command()
def add(
    context: typer.Context,
    tenant: TenantId,
    installed_at: Annotated[
        str, typer.Option(help="When it was installed: a full ISO 8601 instant with its zone.")
    ],
    reason: Reason,
) -> None:
    """Record an installation that you attest, and arm its triggers."""
    output: Output = context.obj
    instant = parse_instant(installed_at)
    evidence = Installation(instant, InstallationSource.OPERATOR)
    with opened_store() as (settings, store):
        from firstry.wiring import policy_of

        now = decided_at(settings, store)
        if instant > now:
            raise InputInvalid(f"{installed_at} lies in the future", "give when it was installed")
        who = Tenant.from_operator(tenant)
        recorded = record_installation(
            store, who, evidence, now, policy_of(settings), reason=required_reason(reason)
        )
        if recorded is not Recorded.INSTALLATION:
            raise Conflict(
                f"tenant {who.cloud_id} is known already", "its first evidence stays as it is"
            )
        record = known_tenant(store, tenant)
    output.show({"tenant": tenant_json(record)}, tenant_text(record))


@app.command()
def retry(context: typer.Context, tenant: TenantId, trigger: TriggerName, reason: Reason) -> None:
    """Let a waiting milestone be attempted now, without waiting for its backoff."""
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        named = known_trigger(settings, trigger)
        freed = retry_now(store, who, named, required_reason(reason), decided_at(settings, store))
        record = known_tenant(store, tenant)
    _show(context, record, f"{freed.trigger} may be attempted since {iso(freed.next_due)}")


@app.command()
def reset(context: typer.Context, tenant: TenantId, trigger: TriggerName, reason: Reason) -> None:
    """Have a trigger's report made again: the next revision; the earlier report stays."""
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        named = known_trigger(settings, trigger)
        fresh = start_over(store, who, named, required_reason(reason), decided_at(settings, store))
        record = known_tenant(store, tenant)
    _show(context, record, f"{fresh.trigger} revision {fresh.revision} is scheduled")


@app.command("pause")
def pause_tenant(context: typer.Context, tenant: TenantId, reason: Reason) -> None:
    """Claim nothing for a tenant until it is resumed."""
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        record = pause(store, who, required_reason(reason), decided_at(settings, store))
    _show(context, record, f"{who.cloud_id} is paused")


@app.command("resume")
def resume_tenant(context: typer.Context, tenant: TenantId, reason: Reason) -> None:
    """Let a paused tenant go on."""
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        record = resume(store, who, required_reason(reason), decided_at(settings, store))
    _show(context, record, f"{who.cloud_id} goes on")


def _show(context: typer.Context, record: TenantRecord, text: str) -> None:
    output: Output = context.obj
    output.show({"tenant": tenant_json(record)}, text)
