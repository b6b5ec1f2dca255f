"""The service's own ledger: what operators did that is no single tenant's.

Entries look and chain like a tenant's (`domain.ledger`); only the beginning differs,
so a chain of the one kind cannot be passed off as the other.
"""

from firstry.domain.canonical import digest_of
from firstry.domain.ledger import Head


def service_genesis() -> Head:
    """Return the head of the service's empty ledger."""
    return Head(0, digest_of(b"firstry service ledger v1\n"))
