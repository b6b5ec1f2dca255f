"""Who signs reports."""

from typing import Protocol

from firstry.domain.ledger import Head
from firstry.domain.record import StoredReport


class Signer(Protocol):
    """Signs a report when it is made; the signature is stored beside it and never renewed."""

    def sign(self, report: StoredReport, head: Head) -> bytes:
        """Return the envelope that holds the signed statement about `report`.

        `head` is the ledger head that the report cites. The same report has the
        same envelope, so a report that is stored twice is stored with the same
        bytes (I3).
        """
        ...
