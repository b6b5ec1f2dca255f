"""Ask Jira whether a person administers the site, with that person's own token.

The token decides, not the claim: whoever looks at a page can send any header,
but only an administrator of this very site has a token with which Jira answers
yes at this site's address. The verdict is not kept (docs/forge.md).
"""

import json
from dataclasses import dataclass

from firstry.domain.tenant import Tenant
from firstry.forge.client import JiraClient
from firstry.forge.transport import Request, Response
from firstry.ports.permission import Standing
from firstry.ports.verifier import UserToken

ADMINISTER = "ADMINISTER"
PERMISSIONS = f"/rest/api/3/mypermissions?permissions={ADMINISTER}"
ASK_SECONDS = 5.0
REFUSALS = (401, 403, 404)
"""The token is no good, may not ask, or belongs to somebody who sees no such site."""


@dataclass(frozen=True, slots=True)
class JiraPermission:
    """A `Permission` over Jira Cloud REST v3."""

    client: JiraClient

    def standing(self, tenant: Tenant, token: UserToken, deadline: float) -> Standing:
        """See `ports.permission.Permission`."""
        headers = {"authorization": f"Bearer {token.bearer}", "accept": "application/json"}
        request = Request("GET", token.api_base_url + PERMISSIONS, headers)
        within = min(deadline, self.client.clock.monotonic() + ASK_SECONDS)
        answer = self.client.exchange(request, tenant, within)
        if not isinstance(answer, Response):
            return Standing.UNANSWERED
        if answer.status in REFUSALS:
            return Standing.TOKEN_REFUSED
        return _read(answer.body) if answer.status == 200 else Standing.UNANSWERED


def _read(body: bytes) -> Standing:
    """Return what an answer says; one of another shape says nothing."""
    try:
        held = json.loads(body)["permissions"][ADMINISTER]["havePermission"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Standing.UNANSWERED
    if not isinstance(held, bool):
        return Standing.UNANSWERED
    return Standing.ADMINISTRATOR if held else Standing.NO_ADMINISTRATOR
