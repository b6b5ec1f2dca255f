"""Who is calling: the door at which an unverified token becomes an invocation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from firstry.domain.tenant import Tenant
from firstry.ports.vault import SystemToken

AT_ONCE = float("-inf")
"""A deadline that leaves no time to fetch anything."""


class Route(StrEnum):
    """The endpoints the platform may call; a token is good for one of them only."""

    TICK = "tick"
    LIFECYCLE = "lifecycle"
    UNINSTALL = "uninstall"
    PAGE = "page"
    GADGET = "gadget"


@dataclass(frozen=True, slots=True)
class UserToken:
    """The token of the person in front of a page, and the checked address it may be sent to.

    It is not verified: only Jira can say what it is good for. The bearer never
    shows in a representation, so no log can pick it up (I16).
    """

    bearer: str = field(repr=False)
    api_base_url: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """A verified call. It can only be had from a verifier, so it is certain.

    `issued_at` is the token's own instant, `module_key` what it says called. The
    tokens are None where the platform sent none or none that can be used. A call
    from a page has a principal and may have a `user_token`; it never has a
    `system_token`, because whoever looks at a page can send headers of their own
    (docs/forge.md).
    """

    tenant: Tenant
    issued_at: datetime
    installation_id: str | None
    system_token: SystemToken | None
    has_principal: bool = False
    user_token: UserToken | None = None
    module_key: str | None = None


class Verifier(Protocol):
    """Verifies invocation tokens."""

    def verify(
        self,
        route: Route,
        headers: Mapping[str, str],
        named_by_body: Sequence[object],
        now: datetime,
        deadline: float,
    ) -> Invocation:
        """Return the invocation, or raise.

        TokenInvalid: the token does not verify for this route. TenantUnavailable:
        it does, but its tenant is not certain. KeySetUnavailable: it cannot be
        judged. `headers` have lower-case names; `named_by_body` are the cloudIds
        that the body names, if any. Ends before `deadline`.
        """
        ...
