"""Where the tokens of the operators' API are kept. Their secrets are not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from firstry.domain.access import ApiToken
from firstry.domain.ledger import Actor


class TokenRegister(Protocol):
    """Keeps tokens by the digests of their secrets. Raises StoreUnavailable as a store does."""

    def add(self, token: ApiToken, digest: str, actor: Actor) -> None:
        """Keep a new token. Raises Conflict if a good one has its name."""
        ...

    def by_digest(self, digest: str) -> ApiToken | None:
        """Return the token whose secret has this digest, good or not."""
        ...

    def tokens(self) -> Sequence[ApiToken]:
        """Return all tokens, also revoked ones, in order of their making."""
        ...

    def revoke(self, token_id: str, now: datetime, actor: Actor) -> ApiToken:
        """End a token for ever and return it. Raises NotFound; a second time changes nothing."""
        ...

    def note_use(self, token: ApiToken, now: datetime) -> None:
        """Write down that `token` was used, if the last note is a minute old."""
        ...
