"""Where the platform's tokens are kept between a tick and an attempt."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from firstry.domain.record import SealedToken
from firstry.domain.tenant import Tenant


@dataclass(frozen=True, slots=True)
class SystemToken:
    """A tenant's token and the checked address it may be sent to.

    The bearer never shows in a representation, so no log can pick it up (I16).
    """

    bearer: str = field(repr=False)
    api_base_url: str
    expires_at: datetime


class Vault(Protocol):
    """Keeps tokens encrypted, each bound to its tenant."""

    def seal(self, tenant: Tenant, token: SystemToken) -> SealedToken:
        """Return `token` encrypted for `tenant`; it opens for no other."""
        ...

    def open(self, tenant: Tenant, now: datetime) -> SystemToken | None:
        """Return the tenant's stored token, or None if there is none that lives.

        One that was read and does not live, or does not open, is deleted.
        """
        ...

    def forget(self, tenant: Tenant, now: datetime, token: SystemToken) -> None:
        """Delete the stored `token`; a newer one stays."""
        ...
