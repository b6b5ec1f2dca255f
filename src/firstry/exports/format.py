"""The formats of an export, and what its files are called."""

from enum import StrEnum

from firstry.domain.record import StoredReport


class Format(StrEnum):
    """What a report can be exported as."""

    JSON = "json"
    HTML = "html"


def file_name(report: StoredReport, format_: Format) -> str:
    """Return `firstry-trust-report-<trigger>-<date>.<ext>`."""
    return f"firstry-trust-report-{report.trigger}-{report.generated_at:%Y-%m-%d}.{format_.value}"
