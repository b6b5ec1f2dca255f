"""What was read from a site, exactly as it was read: the raw material of a report.

A reading is either a count with how it was counted, or the platform's word that
the app may not see the dataset. A dataset that was not asked for says so. There
is no third way to get a number: no default, no fixture (P3).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firstry.domain.canonical import Json
from firstry.domain.errors import ReportInvalid
from firstry.domain.ledger import SCHEDULER, Entry

EVIDENCE_READ = "EVIDENCE_READ"
LARGEST_COUNT = 2**53 - 1
"""The largest whole number that canonical JSON can say exactly (RFC 8785, I-JSON)."""


class Dataset(StrEnum):
    """What a report speaks of, by its `dataset_name`, in the order of section B."""

    PROJECTS = "Projects"
    ISSUES = "Issues"
    CUSTOM_FIELDS = "Custom Fields"
    FIELDS = "Fields"
    ISSUE_TYPES = "Issue Types"
    STATUSES = "Statuses"
    PERMISSION_SCHEMES = "Permission Schemes"
    FILTERS = "Filters"
    DASHBOARDS = "Dashboards"
    USERS = "Users"
    GROUPS = "Groups"
    WORKFLOWS = "Workflows"
    AUTOMATION_RULES = "Automation Rules"


class CountMethod(StrEnum):
    """How a count came about. The report's sentence says it in words."""

    COUNTED_BY_PLATFORM = "COUNTED_BY_PLATFORM"
    APPROXIMATED_BY_PLATFORM = "APPROXIMATED_BY_PLATFORM"
    READ = "READ"


class NotCollectedCause(StrEnum):
    """Why a dataset was not asked for."""

    NOT_ENABLED = "NOT_ENABLED"
    NO_SUPPORTED_SOURCE = "NO_SUPPORTED_SOURCE"


@dataclass(frozen=True, slots=True)
class Count:
    """A number that the platform gave, and how much of what is visible it covers.

    `covered` of `visible` items stand behind `value`; 0 <= covered <= visible.
    """

    value: int
    covered: int
    visible: int
    method: CountMethod

    def __post_init__(self) -> None:
        if not 0 <= self.covered <= self.visible <= LARGEST_COUNT:
            raise ReportInvalid(f"a count covers {self.covered} of {self.visible}")
        if not 0 <= self.value <= LARGEST_COUNT:
            raise ReportInvalid(f"a count of {self.value} is out of range")


@dataclass(frozen=True, slots=True)
class NotPermitted:
    """The platform answered 403: the app may not see this dataset."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One dataset as it was asked for and answered.

    `request` is method, path and query; it names no site. `status` is the HTTP
    status of the answer that the count was taken from.
    """

    dataset: Dataset
    request: str
    scope: str
    asked_at: datetime
    status: int
    answer: Count | NotPermitted

    def entry(self) -> Entry:
        """Return the ledger entry that keeps this reading; reports cite its hash."""
        detail: dict[str, Json] = {
            "dataset": self.dataset.value,
            "request": self.request,
            "scope": self.scope,
            "status": self.status,
        }
        return Entry(EVIDENCE_READ, self.asked_at, SCHEDULER, detail | _answer_json(self.answer))


@dataclass(frozen=True, slots=True)
class NotCollected:
    """A dataset that was not asked for, and why."""

    dataset: Dataset
    cause: NotCollectedCause


@dataclass(frozen=True, slots=True)
class Evidence:
    """One item for every dataset, in the order of `Dataset`."""

    items: tuple[Reading | NotCollected, ...]

    def __post_init__(self) -> None:
        if [item.dataset for item in self.items] != list(Dataset):
            raise ReportInvalid("evidence must speak of every dataset once, in order")

    def of(self, dataset: Dataset) -> Reading | NotCollected:
        """Return what is known of `dataset`."""
        return next(item for item in self.items if item.dataset is dataset)

    def readings(self) -> tuple[Reading, ...]:
        """Return what was really asked for and answered."""
        return tuple(item for item in self.items if isinstance(item, Reading))


def _answer_json(answer: Count | NotPermitted) -> dict[str, Json]:
    if isinstance(answer, NotPermitted):
        return {"count": None}
    return {
        "count": answer.value,
        "covered": answer.covered,
        "visible": answer.visible,
        "method": answer.method.value,
    }
