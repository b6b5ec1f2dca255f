"""`firstry reports`: the finished reports, read and exported."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import opened_store
from firstry.cli.show import report_json, reports_text
from firstry.domain.canonical import digest_of
from firstry.domain.errors import InputInvalid, NotFound, ReportInvalid
from firstry.domain.record import StoredReport
from firstry.domain.tenant import Tenant
from firstry.ports.store import PAGE_LIMIT, Store

app = typer.Typer(no_args_is_help=True, help="The finished reports.")

ReportId = Annotated[str, typer.Argument(metavar="REPORT_ID", help="The report's id.")]


class Format(StrEnum):
    """What a report can be exported as."""

    JSON = "json"


@app.command("list")
def list_reports(
    context: typer.Context,
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    after: Annotated[str, typer.Option(help="Begin behind this report id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most.")] = 100,
) -> None:
    """List reports in order of their ids."""
    output: Output = context.obj
    with opened_store() as (_, store):
        who = Tenant.from_operator(tenant) if tenant else None
        reports = store.reports(who, after or None, limit)
    following = reports[-1].report_id if len(reports) == limit else None
    document = {"reports": [report_json(report) for report in reports], "next": following}
    more = f"\nmore: firstry reports list --after {following}" if following else ""
    output.show(document, reports_text(reports) + more)


@app.command()
def show(context: typer.Context, report_id: ReportId) -> None:
    """Show one report."""
    output: Output = context.obj
    with opened_store() as (_, store):
        report = _checked(store, report_id)
    content = json.loads(report.body)
    text = json.dumps(content, indent=2, ensure_ascii=False)
    output.show(report_json(report) | {"report": content}, text)


@app.command()
def export(
    context: typer.Context,
    report_id: ReportId,
    output_path: Annotated[Path, typer.Option("--output", help="A file, or a folder that exists.")],
    format_: Annotated[Format, typer.Option("--format", help="The format.")] = Format.JSON,
) -> None:
    """Write one report to a file: exactly its canonical bytes."""
    output: Output = context.obj
    with opened_store() as (_, store):
        report = _checked(store, report_id)
    path = output_path / file_name(report, format_) if output_path.is_dir() else output_path
    write_whole(path, report.body)
    output.show(report_json(report) | {"path": str(path)}, f"{path}\n{report.digest}")


def file_name(report: StoredReport, format_: Format) -> str:
    """Return `firstry-trust-report-<trigger>-<date>.<ext>`."""
    return f"firstry-trust-report-{report.trigger}-{report.generated_at:%Y-%m-%d}.{format_.value}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputInvalid(
            f"{path} cannot be written ({error.strerror})", "name a file in a folder that exists"
        ) from None


def _checked(store: Store, report_id: str) -> StoredReport:
    """Return a stored report whose bytes still have its digest."""
    report = store.report(report_id)
    if report is None:
        raise NotFound(f"there is no report {report_id}", "see `firstry reports list`")
    if digest_of(report.body) != report.digest:
        raise ReportInvalid(
            f"the stored bytes of {report_id} do not have its digest",
            "the report is not shown; restore the database from a backup",
        )
    return report
