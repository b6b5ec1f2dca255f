"""A report as files: checked again, within its size, and whole or not at all.

Nothing leaves that would not verify. So an export begins as a stranger would
begin, with the bytes, the envelope and the published keys, and ends with the
finished content of every file before the first one is written.
"""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import EISDIR
from pathlib import Path

from firstry.domain.errors import (
    Conflict,
    HtmlExportFailed,
    InputInvalid,
    JsonExportFailed,
    PdfExportFailed,
    ReportErased,
    ReportInvalid,
)
from firstry.domain.instant import iso
from firstry.domain.ledger import Head
from firstry.domain.public_key import PublicKey
from firstry.domain.record import StoredReport
from firstry.domain.report.signing import statement_of
from firstry.exports.format import ENVELOPE_SUFFIX, Format
from firstry.exports.key import trusted
from firstry.exports.rendering import html_of, pdf_of
from firstry.exports.signature import read_envelope
from firstry.exports.verify import LONGEST_REPORT, verify

LONGEST_PAGE = 50 * 1024 * 1024
LONGEST = {
    Format.JSON: LONGEST_REPORT,
    Format.HTML: LONGEST_PAGE,
    Format.PDF: LONGEST_PAGE,
}
"""The most bytes that a file of each format may have."""
FAILED = {
    Format.JSON: JsonExportFailed,
    Format.HTML: HtmlExportFailed,
    Format.PDF: PdfExportFailed,
}


@dataclass(frozen=True, slots=True)
class File:
    """A finished file: what is added to the name of the export, and its content."""

    suffix: str
    content: bytes


def export(report: StoredReport, format_: Format, keys: Iterable[PublicKey]) -> tuple[File, ...]:
    """Return the files of `report` in `format_`, the one that gives the name last.

    Raises ReportInvalid if the stored report does not verify with `keys`, and
    the error of the format if a file would be larger than it allows or cannot be drawn.
    """
    refuse_invalid(report, keys)
    files = _made(report, format_)
    refuse_oversized(files, format_)
    return files


def refuse_oversized(files: Iterable[File], format_: Format) -> None:
    """Raise the error of the format if one of its files is larger than it may be."""
    if any(len(file.content) > LONGEST[format_] for file in files):
        raise FAILED[format_](f"the file would be longer than {LONGEST[format_]} bytes")


def _made(report: StoredReport, format_: Format) -> tuple[File, ...]:
    match format_:
        case Format.JSON:
            return (File(ENVELOPE_SUFFIX, report.envelope), File("", report.body))
        case Format.HTML:
            return (File("", html_of(report)),)
        case Format.PDF:
            return (File("", pdf_of(report)),)


def refuse_invalid(report: StoredReport, keys: Iterable[PublicKey]) -> None:
    """Raise ReportInvalid unless `report` verifies and is the one its row speaks of.

    Of one that was erased there is nothing to verify: raises ReportErased.
    """
    if report.erased_at is not None:
        raise ReportErased(
            f"the report {report.report_id} was erased at {iso(report.erased_at)}; its digest was "
            f"{report.digest}",
            "a copy that was kept still verifies: firstry verify",
        )
    verified = verify(report.body, report.envelope, trusted(keys))
    failed = [f"{check.value}: {breach}" for check, breach in verified.failed()]
    if not failed and not verified.holds:
        failed = ["not every check could be made"]
    if not failed and not _is_its_row(report):
        failed = ["it is another report than its row in the store says"]
    if failed:
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        raise ReportInvalid(
            f"the stored report {report.report_id} does not verify: {'; '.join(failed[:3])}{more}",
            "it is neither shown nor exported; restore the database from a backup",
        )


def write_whole(files: Sequence[tuple[Path, bytes]], *, may_replace: bool = True) -> None:
    """Write files that are there whole or not at all, in their order.

    All contents lie on the disk before the first name is given, so that a full
    disk leaves nothing behind. Raises Conflict if a file is there with other
    content and may not be replaced, and InputInvalid if it cannot be written.
    """
    partial = {path.with_name(f".{path.name}.{os.getpid()}.partial"): path for path, _ in files}
    try:
        for path, content in files:
            if path.is_dir():
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
            if not may_replace and path.exists() and not _holds(path, content):
                raise Conflict(
                    f"{path} is there already and holds something else",
                    "name a file with --output, or another folder",
                )
        for part, (_, content) in zip(partial, files, strict=True):
            _write_through(part, content)
        for part, path in partial.items():
            part.replace(path)
    except OSError as error:
        for part in partial:
            with suppress(OSError):
                part.unlink()
        raise InputInvalid(
            f"{files[-1][0]} cannot be written ({error.strerror})",
            "name a file in a folder that exists",
        ) from None


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _write_through(path: Path, content: bytes) -> None:
    """Write a file of our own: never through a link that somebody has put in its place."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _is_its_row(report: StoredReport) -> bool:
    opened = read_envelope(report.envelope)
    head = json.loads(report.body)["evidence"]["ledger_head"]
    expected = statement_of(report, Head(head["sequence"], head["hash"]), opened.key_id)
    return opened.statement() == expected
