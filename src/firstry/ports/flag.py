"""Where the switches stand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from firstry.domain.flag import Flag, Switch
from firstry.domain.ledger import Actor
from firstry.domain.tenant import Tenant


class FlagBoard(Protocol):
    """Keeps what was switched. Raises StoreUnavailable as a store does."""

    def switches(self) -> Sequence[Switch]:
        """Return every switch that was ever turned, everybody's first."""
        ...

    def off_for(self, tenant: Tenant) -> frozenset[str]:
        """Return the names of what is off for `tenant`, for everybody or for it alone."""
        ...

    def turn(
        self,
        flag: Flag,
        tenant: Tenant | None,
        *,
        to_on: bool,
        reason: str,
        actor: Actor,
        now: datetime,
    ) -> Switch:
        """Turn a switch and leave a ledger entry, both or neither; return it.

        Raises NotFound for an unknown tenant and Conflict if it stands so already.
        """
        ...
