"""Whether the person in front of a page administers the site: asked, never assumed."""

from enum import StrEnum
from typing import Protocol

from firstry.domain.tenant import Tenant
from firstry.ports.verifier import UserToken


class Standing(StrEnum):
    """What the site said of a person. Only the first one opens anything."""

    ADMINISTRATOR = "administrator"
    NO_ADMINISTRATOR = "no administrator"
    TOKEN_REFUSED = "token refused"
    UNANSWERED = "unanswered"


class Permission(Protocol):
    """Asks the site about the person whose token it is given."""

    def standing(self, tenant: Tenant, token: UserToken, deadline: float) -> Standing:
        """Return what the site says now; nothing is remembered from an earlier call.

        Ends before `deadline` (on the clock's `monotonic`), as UNANSWERED if
        there was no answer of the documented shape.
        """
        ...
