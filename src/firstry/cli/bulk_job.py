"""`firstry bulk`: how far a bulk job is, whoever ordered it and wherever it runs."""

from typing import Annotated

import typer

from firstry.cli.output import Exit, Output
from firstry.cli.session import opened_operators
from firstry.domain.errors import NotFound
from firstry.domain.job import SHOWN_ERRORS

app = typer.Typer(no_args_is_help=True, help="Bulk jobs, ordered by --filter or the API.")


@app.command()
def show(
    context: typer.Context,
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="The job's id.")],
) -> int:
    """Show how far a bulk job is, and what it could not do. Exit 1 if it could not do all."""
    from firstry.insight.shape import job_json

    output: Output = context.obj
    with opened_operators() as seen:
        jobs = seen.bulk.jobs
        job = jobs.job(job_id)
        if job is None:
            raise NotFound(
                f"there is no job {job_id[:80]!r}", "see `firstry ledger list --kind BULK_ORDERED`"
            )
        errors = list(jobs.errors(job_id, SHOWN_ERRORS))
    lines = [
        f"{job.job_id} {job.act} {job.filter_text}: {job.state}",
        f"{job.done} done, {job.failed} failed of {job.total}; by {job.actor}: {job.reason}",
        *(f"{e.target.tenant.cloud_id} {e.target.trigger or ''}: {e.message}" for e in errors),
    ]
    output.show({"job": job_json(job, errors)}, "\n".join(lines))
    return Exit.FINDING if job.failed else Exit.OK
