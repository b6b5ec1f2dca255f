"""Where the public halves of all signing keys are kept, those in use and those before."""

from collections.abc import Sequence
from typing import Protocol

from firstry.domain.public_key import PublicKey


class Keyring(Protocol):
    """Keeps every public key for ever, so that a report outlives the key it was signed with."""

    def remember(self, key: PublicKey) -> None:
        """Keep `key`; one that is known stays as it is.

        Raises Conflict if its id is known with another key. Writes nothing
        when the key is known.
        """
        ...

    def public_keys(self) -> Sequence[PublicKey]:
        """Return all keys, in the order of their first use."""
        ...
