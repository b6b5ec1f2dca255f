"""A stored report as something to look at or to take away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from firstry.domain.canonical import Json
from firstry.domain.record import StoredReport


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One finished file of a report, under the name it is to be saved with."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


class Publisher(Protocol):
    """Shows and exports reports. Nothing leaves it that does not verify (P37)."""

    @property
    def formats(self) -> tuple[str, ...]:
        """The names that `file` takes."""
        ...

    def shown(self, report: StoredReport) -> Mapping[str, Json]:
        """Return the document of `report` as plain JSON, for a page to lay out.

        Raises ReportInvalid if the stored report does not verify.
        """
        ...

    def file(self, report: StoredReport, format_name: str) -> PublishedFile:
        """Return `report` as one file, or raise.

        InputInvalid: there is no such format. ReportInvalid: the stored report
        does not verify. An export error of the format: it could not be made.
        """
        ...
