"""Failures that are the same, however their messages differ in numbers and names."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from firstry.domain.policy import Trigger
from firstry.domain.tenant import Tenant
from firstry.ports.insight import Failures

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"(?<=answered )(\d{3})\b|\d+")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Unfinished milestones that failed alike. `filter_text` shows them all.

    `message` is the pattern: what varies is `#`, `<id>` or `'...'` in it.
    """

    fingerprint: str
    code: str
    message: str
    count: int
    triggers: tuple[Trigger, ...]
    first_at: datetime
    last_at: datetime
    example: Tenant

    @property
    def rank(self) -> tuple[int, str, str]:
        """Where it stands in the list of all groups: the largest first."""
        return (-self.count, self.code, self.fingerprint)

    @property
    def filter_text(self) -> str:
        """The filter that shows the milestones with this error code."""
        return f"error={self.code} state!=completed"


def normalised(message: str) -> str:
    """Return the message without what varies from site to site; HTTP statuses stay.

    >>> normalised("Jira answered 503")
    'Jira answered 503'
    >>> normalised("read 4711 of 'Acme'")
    "read # of '...'"
    """
    blank = _QUOTED.sub("'...'", _UUID.sub("<id>", message))
    return _NUMBER.sub(lambda number: number[1] or "#", blank)


def fingerprint_of(code: str, message: str) -> str:
    """Return the short name of all failures with this code and pattern."""
    text = f"{code}\n{normalised(message)}"
    return "f-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def grouped(failures: Iterable[Failures]) -> Sequence[FailureGroup]:
    """Return the groups of alike failures, the largest first."""
    groups: dict[str, list[Failures]] = {}
    for each in failures:
        groups.setdefault(fingerprint_of(each.code, each.message), []).append(each)
    found = [_group(name, members) for name, members in groups.items()]
    return sorted(found, key=lambda group: group.rank)


def _group(name: str, members: Sequence[Failures]) -> FailureGroup:
    return FailureGroup(
        name,
        members[0].code,
        normalised(members[0].message),
        sum(each.count for each in members),
        tuple(sorted({each.trigger for each in members})),
        min(each.first_at for each in members),
        max(each.last_at for each in members),
        min((each.example for each in members), key=lambda tenant: tenant.cloud_id),
    )
