"""Who a thing is for. A `Tenant` exists only where its identity is certain.

Three doors lead in and nothing else builds one: claims that were verified and
agree, an operator's recorded act, a row that came in by one of those. Raw ids
stop here, so code that holds a `Tenant` cannot hold the wrong text (I9).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NewType

from firstry.domain.errors import InputInvalid, TenantUnavailable

CloudId = NewType("CloudId", str)
"""The key of a Jira site: 1-128 characters of `[A-Za-z0-9_-]`, compared exactly."""

_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NOT_IDS = frozenset({"null", "undefined", "none", "unknown"})


def parse_cloud_id(value: object) -> CloudId | None:
    """Return the cloudId that `value` is, or None if it is none.

    UUIDs are lower-cased; every other id is kept letter by letter, so that two
    sites never fall into one (P20). Words that stand for "no value" are no ids.
    """
    if not isinstance(value, str) or not _SHAPE.fullmatch(value):
        return None
    if value.lower() in _NOT_IDS:
        return None
    return CloudId(value.lower() if _UUID.fullmatch(value) else value)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A Jira site whose identity is certain. Build it by its named constructors."""

    cloud_id: CloudId

    @classmethod
    def from_claims(cls, claimed: Iterable[object], named_by_body: Iterable[object]) -> "Tenant":
        """Return the tenant on which all sources agree, or raise TenantUnavailable.

        `claimed` are the values found in the verified token, one per place that
        was present (a present but empty place is a value too). They must all
        read as one cloudId. `named_by_body` may repeat it, never decide it
        (contract A, P21, P22).
        """
        claims = [parse_cloud_id(value) for value in claimed]
        if not claims:
            raise TenantUnavailable("the invocation names no cloudId")
        if None in claims:
            raise TenantUnavailable("the invocation names a cloudId that is empty or malformed")
        if len(set(claims)) > 1:
            raise TenantUnavailable("the invocation names different cloudIds")
        if any(parse_cloud_id(value) != claims[0] for value in named_by_body):
            raise TenantUnavailable("the body names another cloudId than the token")
        assert claims[0] is not None
        return cls(claims[0])

    @classmethod
    def from_operator(cls, text: str) -> "Tenant":
        """Return the tenant an operator typed, or raise InputInvalid."""
        cloud_id = parse_cloud_id(text)
        if cloud_id is None:
            raise InputInvalid(
                f"{text!r} is not a cloudId",
                "give 1-128 letters, digits, '-' or '_', for example "
                "11111111-2222-4333-8444-555555555555",
            )
        return cls(cloud_id)

    @classmethod
    def from_row(cls, stored: str) -> "Tenant":
        """Return the tenant of a stored row, which was certain when it was written."""
        return cls(CloudId(stored))
