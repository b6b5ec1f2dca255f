"""The formats of an export, and what its files are called."""

from enum import StrEnum

from firstry.domain.record import StoredReport

ENVELOPE_SUFFIX = ".dsse"
"""What the name of an envelope has behind that of its report."""


class Format(StrEnum):
    """What a report can be exported as."""

    JSON = "json"
    HTML = "html"
    PDF = "pdf"


def file_name(report: StoredReport, format_: Format) -> str:
    """Return `firstry-trust-report-<trigger>-<date>.<ext>`."""
    return f"firstry-trust-report-{report.trigger}-{report.generated_at:%Y-%m-%d}.{format_.value}"
