"""The service's own ledger, to be read from its beginning to its end."""

from collections.abc import Sequence
from typing import Protocol

from firstry.domain.ledger import Head, SealedEntry


class ServiceChain(Protocol):
    """The entries of what is no single tenant's. Raises StoreUnavailable as a store does."""

    def head(self) -> Head:
        """Return the end of the chain, which is kept beside its entries."""
        ...

    def entries(self, after: int, limit: int) -> Sequence[SealedEntry]:
        """Return entries with a sequence above `after`, in order."""
        ...
