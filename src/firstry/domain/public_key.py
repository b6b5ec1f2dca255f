"""The public half of a signing key, which is kept as long as any report."""

from dataclasses import dataclass
from datetime import datetime

from firstry.domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 point of 32 bytes under its id."""

    key_id: str
    point: bytes
    first_used_at: datetime


def refuse_other(known: PublicKey, key: PublicKey) -> None:
    """Raise Conflict if `key` is another one than the `known` one with its id."""
    if known.point != key.point:
        raise Conflict(
            f"the signing key id {key.key_id!r} was used with another key before",
            "give each signing key an id of its own: `firstry keys new` makes one",
        )
