"""`firstry tenants`: who is served, how each stands, and what an operator may do."""

from typing import Annotated

import typer

from firstry.cli.bulk import (
    AllMatching,
    DryRun,
    FilterText,
    Many,
    Yes,
    act_on_many,
    refuse_unless_one,
)
from firstry.cli.output import Exit, Output
from firstry.cli.session import (
    decided_at,
    known_tenant,
    known_trigger,
    opened_store,
    required_reason,
)
from firstry.cli.show import tenant_json, tenant_text, tenants_text
from firstry.cli.table import PAGE_ROWS, ListFormat, print_table, refuse_unless_whole
from firstry.domain.errors import Conflict, InputInvalid
from firstry.domain.filter import Filter
from firstry.domain.filter_text import parse_filter
from firstry.domain.instant import iso, parse_instant
from firstry.domain.job import BulkAct
from firstry.domain.phase import scene_at
from firstry.domain.record import Installation, InstallationSource, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.insight.table import TableFormat
from firstry.lifecycle.install import Recorded, record_installation
from firstry.lifecycle.pause import pause, resume
from firstry.lifecycle.reset import reset as start_over
from firstry.lifecycle.retry import retry_now
from firstry.ports.store import PAGE_LIMIT

app = typer.Typer(no_args_is_help=True, help="Who is served, and how each tenant stands.")

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant's cloudId.")]
OneTenant = Annotated[
    str, typer.Argument(metavar="[ID]", help="The tenant's cloudId.", show_default=False)
]
OneTrigger = Annotated[str, typer.Option("--trigger", help="The trigger's name.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the tenant's ledger.")]


@app.command("list")
def list_tenants(
    context: typer.Context,
    after: Annotated[str, typer.Option(help="Begin behind this cloudId.")] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most; 100 if left out.")
    ] = None,
    filter_text: Annotated[
        str, typer.Option("--filter", help="Only these, as in state=backoff site~acme.")
    ] = "",
    format_: ListFormat = None,
) -> None:
    """List tenants in cloudId order."""
    output: Output = context.obj
    wanted = parse_filter(filter_text)
    if format_ is not None:
        refuse_unless_whole(output, after, limit)
        _print_all(wanted, format_)
        return
    rows = limit or PAGE_ROWS
    with opened_store() as (settings, store):
        begin = Tenant.from_operator(after).cloud_id if after else None
        if wanted.conditions:
            from firstry.stores.sql.insight import SqlInsight
            from firstry.wiring.policy import policy_of

            scene = scene_at(decided_at(settings, store), policy_of(settings))
            records = SqlInsight(store.database).tenants(wanted, scene, begin, rows)
        else:
            records = store.tenants(begin, rows)
    following = records[-1].tenant.cloud_id if len(records) == rows else None
    document = {
        "tenants": [tenant_json(each, settings.retention) for each in records],
        "next": following,
    }
    again = f" --filter '{filter_text}'" if filter_text else ""
    more = f"\nmore: firstry tenants list{again} --after {following}" if following else ""
    output.show(document, tenants_text(records) + more)


@app.command()
def show(context: typer.Context, tenant: TenantId) -> None:
    """Show one tenant with all its milestones."""
    output: Output = context.obj
    with opened_store() as (settings, store):
        record = known_tenant(store, tenant)
    kept = settings.retention
    output.show({"tenant": tenant_json(record, kept)}, tenant_text(record, kept))


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
        from firstry.wiring.policy import policy_of

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
def retry(
    context: typer.Context,
    reason: Reason,
    tenant: OneTenant = "",
    trigger: OneTrigger = "",
    filter_text: FilterText = "",
    all_matching: AllMatching = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Let a waiting milestone be attempted now, without waiting for its backoff."""
    many = Many(filter_text, trigger, all_matching, dry_run, yes)
    refuse_unless_one(tenant, many)
    if not tenant:
        return act_on_many(context, BulkAct.RETRY, many, reason)
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        named = known_trigger(settings, _required(trigger))
        freed = retry_now(store, who, named, required_reason(reason), decided_at(settings, store))
        record = known_tenant(store, tenant)
    return _show(context, record, f"{freed.trigger} may be attempted since {iso(freed.next_due)}")


@app.command()
def reset(
    context: typer.Context,
    reason: Reason,
    tenant: OneTenant = "",
    trigger: OneTrigger = "",
    filter_text: FilterText = "",
    all_matching: AllMatching = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Have a trigger's report made again: the next revision; the earlier report stays."""
    many = Many(filter_text, trigger, all_matching, dry_run, yes)
    refuse_unless_one(tenant, many)
    if not tenant:
        return act_on_many(context, BulkAct.RESET, many, reason)
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        named = known_trigger(settings, _required(trigger))
        fresh = start_over(store, who, named, required_reason(reason), decided_at(settings, store))
        record = known_tenant(store, tenant)
    return _show(context, record, f"{fresh.trigger} revision {fresh.revision} is scheduled")


@app.command("pause")
def pause_tenant(
    context: typer.Context,
    reason: Reason,
    tenant: OneTenant = "",
    filter_text: FilterText = "",
    all_matching: AllMatching = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Claim nothing for a tenant until it is resumed."""
    many = Many(filter_text, "", all_matching, dry_run, yes)
    refuse_unless_one(tenant, many)
    if not tenant:
        return act_on_many(context, BulkAct.PAUSE, many, reason)
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        record = pause(store, who, required_reason(reason), decided_at(settings, store))
    return _show(context, record, f"{who.cloud_id} is paused")


@app.command("resume")
def resume_tenant(
    context: typer.Context,
    reason: Reason,
    tenant: OneTenant = "",
    filter_text: FilterText = "",
    all_matching: AllMatching = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Let a paused tenant go on."""
    many = Many(filter_text, "", all_matching, dry_run, yes)
    refuse_unless_one(tenant, many)
    if not tenant:
        return act_on_many(context, BulkAct.RESUME, many, reason)
    with opened_store() as (settings, store):
        who = known_tenant(store, tenant).tenant
        record = resume(store, who, required_reason(reason), decided_at(settings, store))
    return _show(context, record, f"{who.cloud_id} goes on")


def _print_all(wanted: Filter, format_: TableFormat) -> None:
    """Print every tenant that is meant, as the API gives it."""
    with opened_store() as (settings, store):
        from firstry.insight.listing import tenant_table
        from firstry.stores.sql.insight import SqlInsight
        from firstry.wiring.policy import policy_of

        scene = scene_at(decided_at(settings, store), policy_of(settings))
        print_table(tenant_table(SqlInsight(store.database), wanted, scene), format_)


def _required(trigger: str) -> str:
    if not trigger:
        raise InputInvalid("--trigger is missing", "for example --trigger AUTO_12H")
    return trigger


def _show(context: typer.Context, record: TenantRecord, text: str) -> int:
    output: Output = context.obj
    output.show({"tenant": tenant_json(record)}, text)
    return Exit.OK
