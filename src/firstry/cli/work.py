"""`firstry tick` and `firstry worker --once`: the same attempt as everywhere."""

from typing import TYPE_CHECKING, Annotated

import typer

from firstry.cli.output import Exit, Output
from firstry.cli.session import known_tenant, opened_service
from firstry.cli.tenants import TenantId
from firstry.domain.settle import Settled

if TYPE_CHECKING:
    from firstry.scheduler.runner import Running


def tick(context: typer.Context, tenant: TenantId) -> int:
    """Wake one tenant: attempt what is due and wait for its end. Exit 1 if it failed."""
    from firstry.domain.due import Quiet
    from firstry.scheduler.runner import Running
    from firstry.scheduler.tick import tick as wake
    from firstry.web.remote import answer

    output: Output = context.obj
    with opened_service() as service:
        parts = service.parts
        record = known_tenant(parts.store, tenant)
        now = parts.clock.now()
        patience = parts.policy.generation_timeout.total_seconds()
        begun = service.runner.start(
            lambda: wake(parts, service.vault, record.tenant, None, now), patience
        )
        if isinstance(begun, Quiet):
            said = answer.of_quiet(begun)
        elif isinstance(begun, Running):
            said = answer.of_settled(begun.settled.result())
        else:
            said = answer.FAULT
    body = answer.tick_body(said, record.tenant, now)
    output.show(body, f"{said.reason}: {said.message}")
    return {200: Exit.OK, 202: Exit.FINDING}.get(said.status, Exit.UNAVAILABLE)


def worker(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make one pass and wait for it.")] = False,
) -> None:
    """Attempt everything that is due, over all tenants, and erase what was kept long enough."""
    from firstry.lifecycle.retention import erase_expired
    from firstry.scheduler.worker import run_once

    if not once:
        raise typer.BadParameter("say --once, or run `firstry serve --role worker`")
    output: Output = context.obj
    with opened_service() as service:
        ended = [_attempt_json(run) for run in run_once(service.parts, service.runner)]
        erased = [tenant.cloud_id for tenant in erase_expired(service.retention)]
    lines = [f"{a['cloud_id']} {a['trigger']}: {a['outcome']}" for a in ended]
    lines += [f"{cloud_id} is erased" for cloud_id in erased]
    document: dict[str, object] = {"attempts": ended}
    if erased:
        document["erased"] = erased
    output.show(document, "\n".join(lines) or "nothing is due")


def _attempt_json(run: "Running") -> dict[str, object]:
    settled = run.settled.result()
    return {
        "cloud_id": run.claim.tenant.cloud_id,
        "trigger": run.claim.trigger,
        "revision": run.claim.revision,
        "attempt": run.claim.attempt,
        "outcome": settled.act.value if isinstance(settled, Settled) else "FENCED",
    }
