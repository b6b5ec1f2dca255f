"""`firstry reports generate`: ask for a report and wait for it, by the same attempt."""

from typing import TYPE_CHECKING

import typer

from firstry.cli.output import Exit, Output
from firstry.cli.session import known_tenant, opened_service, required_reason
from firstry.cli.show import report_json
from firstry.cli.tenants import Reason, TenantId
from firstry.domain.due import has_live_token
from firstry.domain.errors import Conflict, Defect, TokenUnavailable
from firstry.domain.milestone import Act, Milestone
from firstry.domain.policy import MANUAL
from firstry.domain.settle import Settled
from firstry.domain.tenant import Tenant
from firstry.lifecycle.manual import request_report

if TYPE_CHECKING:
    from firstry.wiring.service import Service


def generate(context: typer.Context, tenant: TenantId, reason: Reason) -> int:
    """Make a MANUAL report now and wait for it. Exit 6 without a token of the site."""
    from firstry.domain.ledger import OPERATOR

    output: Output = context.obj
    why = required_reason(reason)
    with opened_service() as service:
        parts = service.parts
        record = known_tenant(parts.store, tenant)
        now = parts.clock.now()
        if not has_live_token(record, now, parts.policy):
            raise TokenUnavailable(
                f"there is no living token of tenant {record.tenant.cloud_id}",
                "one comes with the site's next tick, within the hour",
            )
        asked = request_report(parts.store, record.tenant, why, OPERATOR, now, parts.policy)
        settled = _perform(service, record.tenant, asked)
        report_id = settled.milestone.report_id
        report = parts.store.report(report_id) if report_id is not None else None
    if settled.act is not Act.COMPLETE or report is None:
        message = f"the report was not made: {settled.act.value}"
        error = settled.milestone.last_error
        output.show(
            {"outcome": settled.act.value, "error_code": error.code if error else None},
            f"{message} ({error.code}: {error.message})" if error else message,
        )
        return Exit.FINDING
    output.show(report_json(report), f"{report.report_id}\n{report.digest}")
    return Exit.OK


def _perform(service: "Service", tenant: Tenant, asked: Milestone) -> Settled:
    """Attempt what is due until the report that was asked for is settled.

    Other milestones of the tenant may be due before it; each is attempted at
    most once here, because an attempt leaves it finished or waiting.
    """
    from firstry.scheduler.attempt import begin
    from firstry.scheduler.runner import Running

    parts = service.parts
    patience = parts.policy.generation_timeout.total_seconds()
    for _ in range(1 + len(parts.policy.triggers)):
        run = service.runner.start(lambda: begin(parts, tenant, parts.clock.now()), patience)
        if not isinstance(run, Running):
            raise Conflict(
                "another process is attempting this tenant at the moment",
                f"see `firstry tenants show {tenant.cloud_id}`",
            )
        settled = run.settled.result()
        if (run.claim.trigger, run.claim.revision) == (MANUAL, asked.revision):
            if isinstance(settled, Settled):
                return settled
            raise Conflict("the attempt was overtaken by a newer one", "look at its outcome")
    raise Defect("a request for a report was armed but never claimed")
