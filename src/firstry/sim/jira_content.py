"""What a simulated Jira site holds, and the rows in which Jira shows it.

A site keeps numbers; rows are made when they are asked for, so that a site of 100,000 users
costs nothing. Every name holds the site's own name: where it turns up in another tenant's
report, something leaked. Shapes follow Atlassian's OpenAPI document of REST v3.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import NAMESPACE_URL, uuid5

Row: TypeAlias = dict[str, object]
RowMaker: TypeAlias = Callable[[str, int], Row]

WORK: Final = "read:jira-work"
USER: Final = "read:jira-user"
CONFIGURATION: Final = "manage:jira-configuration"
FOUNDED = datetime(2021, 3, 1, tzinfo=UTC)


@dataclass(slots=True)
class Content:
    """How many of everything a site has; `issues` are batches by creation instant."""

    projects: int = 3
    custom_fields: int = 5
    system_fields: int = 32
    issue_types: int = 5
    statuses: int = 4
    permission_schemes: int = 2
    filters: int = 4
    dashboards: int = 2
    users: int = 12
    groups: int = 3
    workflows: int = 2
    issues: list[tuple[datetime, int]] = field(default_factory=lambda: [(FOUNDED, 40)])

    def rows(self, names: tuple[str, ...]) -> int:
        return sum(int(getattr(self, name)) for name in names)

    def grow(self, **by: int) -> None:
        """Add to the named numbers; negative amounts remove, never below zero."""
        for name, amount in by.items():
            setattr(self, name, max(0, self.rows((name,)) + amount))


class Shape(StrEnum):
    """How an endpoint hands out its rows."""

    PAGE = "page"
    ARRAY_PAGE = "array page"
    ARRAY = "array"
    SCHEMES = "schemes"


@dataclass(frozen=True, slots=True)
class Collection:
    """One endpoint that lists something.

    `cap` is the largest page, and `weight` the points of one row. Caps without a
    documented value (all but projects and users) are assumed to be 100.
    """

    names: tuple[str, ...]
    row: RowMaker
    scope: str = WORK
    shape: Shape = Shape.ARRAY
    cap: int = 100
    weight: int = 1


def _url(site: str, path: str) -> str:
    return f"https://{site}.atlassian.net/rest/api/3/{path}"


def _project(site: str, n: int) -> Row:
    return {
        "self": _url(site, f"project/{10000 + n}"),
        "id": str(10000 + n),
        "key": f"P{n}",
        "name": f"{site} project {n}",
        "projectTypeKey": "software",
        "simplified": False,
        "style": "classic",
        "isPrivate": False,
    }


def custom_field(site: str, n: int) -> Row:
    key = f"customfield_{10000 + n}"
    kind = "com.atlassian.jira.plugin.system.customfieldtypes:textfield"
    return {
        "id": key,
        "key": key,
        "name": f"{site} field {n}",
        "custom": True,
        "schema": {"type": "string", "custom": kind, "customId": 10000 + n},
    }


def system_field(_site: str, n: int) -> Row:
    key = f"system{n}"
    schema = {"type": "string", "system": key}
    return {"id": key, "key": key, "name": f"System {n}", "custom": False, "schema": schema}


def _issue_type(site: str, n: int) -> Row:
    return {
        "self": _url(site, f"issuetype/{10000 + n}"),
        "id": str(10000 + n),
        "name": f"{site} type {n}",
        "description": "",
        "subtask": False,
        "hierarchyLevel": 0,
    }


def _status(site: str, n: int) -> Row:
    return {
        "self": _url(site, f"status/{10000 + n}"),
        "id": str(10000 + n),
        "name": f"{site} status {n}",
        "description": "",
        "statusCategory": {"id": 2, "key": "new", "name": "To Do"},
    }


def _scheme(site: str, n: int) -> Row:
    address = _url(site, f"permissionscheme/{10000 + n}")
    return {"self": address, "id": 10000 + n, "name": f"{site} scheme {n}", "description": ""}


def _filter(site: str, n: int) -> Row:
    address = _url(site, f"filter/{10000 + n}")
    return {"self": address, "id": str(10000 + n), "name": f"{site} filter {n}"}


def _dashboard(site: str, n: int) -> Row:
    address = _url(site, f"dashboard/{10000 + n}")
    return {
        "self": address,
        "id": str(10000 + n),
        "name": f"{site} dashboard {n}",
        "isFavourite": False,
        "popularity": 1,
    }


def _user(site: str, n: int) -> Row:
    account = uuid5(NAMESPACE_URL, f"{site}/user/{n}").hex[:24]
    return {
        "self": _url(site, f"user?accountId={account}"),
        "accountId": account,
        "accountType": "app" if n % 5 == 4 else "atlassian",
        "active": n % 7 != 6,
        "displayName": f"{site} person {n}",
        "emailAddress": f"person{n}@{site}.example",
    }


def _group(site: str, n: int) -> Row:
    return {"name": f"{site} group {n}", "groupId": str(uuid5(NAMESPACE_URL, f"{site}/group/{n}"))}


def _workflow(site: str, n: int) -> Row:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{site}/workflow/{n}")),
        "name": f"{site} workflow {n}",
        "description": "",
        "isEditable": True,
        "scope": {"type": "GLOBAL"},
        "statuses": [],
        "transitions": [],
    }


FIELD_SEARCH: Final = "/rest/api/3/field/search"
COLLECTIONS: Final = {
    "/rest/api/3/project/search": Collection(("projects",), _project, shape=Shape.PAGE),
    FIELD_SEARCH: Collection(("custom_fields",), custom_field, shape=Shape.PAGE),
    "/rest/api/3/field": Collection(("custom_fields", "system_fields"), custom_field),
    "/rest/api/3/issuetype": Collection(("issue_types",), _issue_type),
    "/rest/api/3/status": Collection(("statuses",), _status),
    "/rest/api/3/permissionscheme": Collection(
        ("permission_schemes",), _scheme, shape=Shape.SCHEMES
    ),
    "/rest/api/3/filter/search": Collection(("filters",), _filter, shape=Shape.PAGE),
    "/rest/api/3/dashboard/search": Collection(("dashboards",), _dashboard, shape=Shape.PAGE),
    "/rest/api/3/users/search": Collection(
        ("users",), _user, USER, Shape.ARRAY_PAGE, cap=1000, weight=2
    ),
    "/rest/api/3/group/bulk": Collection(("groups",), _group, USER, Shape.PAGE, weight=2),
    "/rest/api/3/workflows/search": Collection(
        ("workflows",), _workflow, CONFIGURATION, Shape.PAGE
    ),
}
"""Every listing that a site answers, by path."""
