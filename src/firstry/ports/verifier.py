"""Who is calling: the door at which an unverified token becomes an invocation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from firstry.domain.tenant import Tenant
from firstry.ports.vault import SystemToken


class Route(StrEnum):
    """The endpoints the platform may call; a token is good for one of them only."""

    TICK = "tick"
    LIFECYCLE = "lifecycle"
    UNINSTALL = "uninstall"


@dataclass(frozen=True, slots=True)
class Invocation:
    """A verified call. It can only be had from a verifier, so it is certain.

    `issued_at` is the token's own instant; `system_token` is None where the
    platform sent none or none that can be used.
    """

    tenant: Tenant
    issued_at: datetime
    installation_id: str | None
    system_token: SystemToken | None


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
