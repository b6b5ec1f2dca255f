"""People on a simulated site, and what Jira tells them of their permissions.

`GET /rest/api/3/mypermissions` speaks of whoever holds the token. The permissions have to
be named, and a name that Jira does not know is refused.
"""

from dataclasses import dataclass
from typing import Final

from firstry.sim.jira_message import JiraAnswer, JiraRequest, jira_refusal, json_answer

MY_PERMISSIONS: Final = "/rest/api/3/mypermissions"
ADMINISTER: Final = "ADMINISTER"
_NAMES: Final = {
    ADMINISTER: ("0", "Administer Jira", "GLOBAL"),
    "SYSTEM_ADMIN": ("44", "System administrators", "GLOBAL"),
    "BROWSE_PROJECTS": ("10", "Browse Projects", "PROJECT"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who holds a user's token, and the site that it was made for."""

    account_id: str
    cloud_id: str


def permissions_answer(request: JiraRequest, is_administrator: bool) -> JiraAnswer:
    """Return what Jira says of the permissions that the query names."""
    named = ",".join(request.parameters().get("permissions", []))
    keys = [key for key in named.split(",") if key]
    if not keys:
        return jira_refusal(400, "The permissions query parameter is required.")
    if not set(keys) <= set(_NAMES):
        return jira_refusal(400, "Unrecognized permission.")
    return json_answer(200, {"permissions": {key: _row(key, is_administrator) for key in keys}})


def _row(key: str, is_administrator: bool) -> dict[str, object]:
    number, name, kind = _NAMES[key]
    held = is_administrator if key == ADMINISTER else key != "SYSTEM_ADMIN"
    return {
        "id": number,
        "key": key,
        "name": name,
        "type": kind,
        "description": name,
        "havePermission": held,
    }
