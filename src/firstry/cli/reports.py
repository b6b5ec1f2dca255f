"""`firstry reports`: the finished reports, read and exported."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import opened_store
from firstry.cli.show import report_json, reports_text
from firstry.cli.table import PAGE_ROWS, ListFormat, print_table, refuse_unless_whole
from firstry.config import Settings
from firstry.domain.errors import InputInvalid, NoReport, ReportInvalid
from firstry.domain.instant import iso
from firstry.domain.record import StoredReport
from firstry.domain.tenant import Tenant
from firstry.exports.format import Format, file_name
from firstry.ports.store import PAGE_LIMIT, Store
from firstry.ports.telemetry import Event
from firstry.stores.clock import HostClock

app = typer.Typer(no_args_is_help=True, help="The finished reports.")

ReportId = Annotated[str, typer.Argument(metavar="REPORT_ID", help="The report's id.")]


@app.command("list")
def list_reports(
    context: typer.Context,
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    after: Annotated[str, typer.Option(help="Begin behind this report id.")] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most; 100 if left out.")
    ] = None,
    format_: ListFormat = None,
) -> None:
    """List reports in order of their ids."""
    output: Output = context.obj
    who = Tenant.from_operator(tenant) if tenant else None
    if format_ is not None:
        from firstry.insight.listing import report_table

        refuse_unless_whole(output, after, limit)
        with opened_store() as (_, store):
            print_table(report_table(store, who), format_)
        return
    rows = limit or PAGE_ROWS
    with opened_store() as (_, store):
        reports = store.reports(who, (after and _printable(after)) or None, rows)
    following = reports[-1].report_id if len(reports) == rows else None
    document = {"reports": [report_json(report) for report in reports], "next": following}
    more = f"\nmore: firstry reports list --after {following}" if following else ""
    output.show(document, reports_text(reports) + more)


@app.command()
def show(context: typer.Context, report_id: ReportId) -> None:
    """Show one report; of one that was erased, when that was and its digest."""
    from firstry.exports.file import refuse_invalid

    output: Output = context.obj
    with opened_store() as (settings, store):
        report = _found(store, report_id)
        if report.erased_at is not None:
            text = f"ERASED at {iso(report.erased_at)}\n{report.digest}"
            output.show(report_json(report) | {"report": None}, text)
            return
        with _told_if_invalid(settings, report):
            refuse_invalid(report, store.public_keys())
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
    """Write one report to a file; a JSON with its signature beside it, a PDF with both inside."""
    from firstry.exports.file import export as make_files
    from firstry.exports.file import write_whole

    output: Output = context.obj
    with opened_store() as (settings, store):
        report = _found(store, report_id)
        with _told_if_invalid(settings, report):
            files = make_files(report, format_, store.public_keys())
    is_folder = output_path.is_dir()
    path = output_path / file_name(report, format_) if is_folder else output_path
    written = [(path.with_name(path.name + file.suffix), file.content) for file in files]
    write_whole(written, may_replace=not is_folder)
    names = [str(each) for each, _ in written]
    document = report_json(report) | {"path": str(path), "files": names}
    output.show(document, "\n".join([*names, report.digest]))


def _found(store: Store, report_id: str) -> StoredReport:
    report = store.report(_printable(report_id))
    if report is None:
        raise NoReport(f"there is no report {report_id}", "see `firstry reports list`")
    return report


def _printable(report_id: str) -> str:
    if not report_id.isprintable():
        raise InputInvalid(f"{report_id!r} is no report id", "see `firstry reports list`")
    return report_id


@contextmanager
def _told_if_invalid(settings: Settings, report: StoredReport) -> Iterator[None]:
    """Tell the log too that a stored report no longer validates: somebody has to look."""
    try:
        yield
    except ReportInvalid as invalid:
        from firstry.observe.log import telemetry_for

        telemetry_for(settings.log_format, HostClock()).emit(
            Event.REPORT_INVALID,
            report.tenant,
            trigger=report.trigger,
            revision=report.revision,
            detail=invalid.message,
        )
        raise
