"""The service's own ledger: what operators did that is no single tenant's.

Entries look and chain like a tenant's (`domain.ledger`); only the beginning differs,
so a chain of the one kind cannot be passed off as the other.
"""

from collections.abc import Sequence

from firstry.domain.canonical import digest_of
from firstry.domain.ledger import Head, SealedEntry, break_behind


def service_genesis() -> Head:
    """Return the head of the service's empty ledger."""
    return Head(0, digest_of(b"firstry service ledger v1\n"))


def first_service_break(chain: Sequence[SealedEntry], head: Head) -> int | None:
    """Return the sequence at which `chain` stops being the service's, or None."""
    return break_behind(service_genesis(), chain, head)
