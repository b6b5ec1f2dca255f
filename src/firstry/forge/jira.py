"""Evidence from Jira Cloud: which requests are asked, and what an answer may mean.

One row a dataset. A number is taken from the answer or there is none: an answer
that does not have the expected shape is malformed, whatever it may hold (P3).
Requests name no site; the checked address of the tenant's token is put before
them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firstry.domain.evidence import LARGEST_COUNT, Count, CountMethod, Dataset

READ_JIRA_WORK = "read:jira-work"
READ_JIRA_USER = "read:jira-user"
MANAGE_JIRA_CONFIGURATION = "manage:jira-configuration"

EVERY_ISSUE = {"jql": 'created >= "1970-01-01"'}
"""Jira counts only what a bounded query asks for; no issue is older than this."""


class Malformed(Exception):
    """The answer does not have the documented shape."""


@dataclass(frozen=True, slots=True)
class Source:
    """How one dataset is asked for and its answer is counted."""

    dataset: Dataset
    method: str
    path: str
    scope: str
    count: Callable[[Any], Count]
    body: Mapping[str, str] | None = None
    page_size: int | None = None
    points_each: int = 1

    @property
    def request(self) -> str:
        """The request as the report shows it, body included; of a paged list, the first page's."""
        asked = f"{self.method} {self.page(0)}"
        return asked if self.body is None else f"{asked} {json.dumps(self.body)}"

    def page(self, start: int) -> str:
        """Return the path that asks for the items from `start` on."""
        if self.page_size is None:
            return self.path
        return f"{self.path}?startAt={start}&maxResults={self.page_size}"


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        raise Malformed
    return value


def _field(content: Any, name: str) -> int:
    if not isinstance(content, dict):
        raise Malformed
    return _whole(content.get(name))


def _total(content: Any) -> Count:
    total = _field(content, "total")
    return Count(total, total, total, CountMethod.COUNTED_BY_PLATFORM)


def _approximate(content: Any) -> Count:
    count = _field(content, "count")
    return Count(count, count, count, CountMethod.APPROXIMATED_BY_PLATFORM)


def _length(items: Any) -> Count:
    """Count an unpaged list; every item must be an object, as documented."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Malformed
    return Count(len(items), len(items), len(items), CountMethod.READ)


def _schemes(content: Any) -> Count:
    if not isinstance(content, dict):
        raise Malformed
    return _length(content.get("permissionSchemes"))


_API = "/rest/api/3"

SOURCES: tuple[Source, ...] = (
    Source(Dataset.PROJECTS, "GET", f"{_API}/project/search?maxResults=1", READ_JIRA_WORK, _total),
    Source(
        Dataset.ISSUES,
        "POST",
        f"{_API}/search/approximate-count",
        READ_JIRA_WORK,
        _approximate,
        EVERY_ISSUE,
    ),
    Source(
        Dataset.CUSTOM_FIELDS,
        "GET",
        f"{_API}/field/search?type=custom&maxResults=1",
        READ_JIRA_WORK,
        _total,
    ),
    Source(Dataset.FIELDS, "GET", f"{_API}/field", READ_JIRA_WORK, _length),
    Source(Dataset.ISSUE_TYPES, "GET", f"{_API}/issuetype", READ_JIRA_WORK, _length),
    Source(Dataset.STATUSES, "GET", f"{_API}/status", READ_JIRA_WORK, _length),
    Source(Dataset.PERMISSION_SCHEMES, "GET", f"{_API}/permissionscheme", READ_JIRA_WORK, _schemes),
    Source(Dataset.FILTERS, "GET", f"{_API}/filter/search?maxResults=1", READ_JIRA_WORK, _total),
    Source(
        Dataset.DASHBOARDS, "GET", f"{_API}/dashboard/search?maxResults=1", READ_JIRA_WORK, _total
    ),
    Source(
        Dataset.USERS,
        "GET",
        f"{_API}/users/search",
        READ_JIRA_USER,
        _length,
        page_size=1000,
        points_each=2,
    ),
    Source(
        Dataset.GROUPS,
        "GET",
        f"{_API}/group/bulk?maxResults=1",
        READ_JIRA_USER,
        _total,
        points_each=2,
    ),
    Source(
        Dataset.WORKFLOWS,
        "GET",
        f"{_API}/workflows/search?maxResults=1",
        MANAGE_JIRA_CONFIGURATION,
        _total,
    ),
)


def count_from(source: Source, body: bytes) -> Count:
    """Return the count that an answer to `source` holds, or raise Malformed."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed from None
    return source.count(content)
