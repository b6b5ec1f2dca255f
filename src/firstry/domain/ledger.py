"""The ledger of a tenant: one entry for everything that ever happened to it.

An entry's own hash speaks of its canonical bytes alone, so a report can cite an
entry before its place in the chain is known. The chain hash binds the entry to
its sequence and to all entries before it; the chain starts from the tenant's
id, so one tenant's chain cannot be passed off as another's (I15).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from firstry.domain.canonical import Json, canonical_bytes, digest_of
from firstry.domain.instant import iso
from firstry.domain.tenant import Tenant

Actor = NewType("Actor", str)
"""Who caused an entry: `platform`, `scheduler`, `operator`, `administrator` or `import`."""

PLATFORM = Actor("platform")
SCHEDULER = Actor("scheduler")
OPERATOR = Actor("operator")
IMPORT = Actor("import")
ADMINISTRATOR = Actor("administrator")
"""A person who administers the Jira site; who it is, is not kept."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain. Sequence 0 is the empty chain."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, before it has a place in the chain."""

    kind: str
    at: datetime
    actor: Actor
    detail: Mapping[str, Json]

    def canonical(self) -> bytes:
        """Return the bytes that are stored and hashed."""
        return canonical_bytes(self.as_json())

    def as_json(self) -> dict[str, Json]:
        """Return the entry as the JSON object whose canonical form is stored."""
        return {
            "kind": self.kind,
            "at": iso(self.at),
            "actor": self.actor,
            "detail": dict(self.detail),
        }


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry in its place. `body` is the canonical entry, `hash` the chain's at this point."""

    sequence: int
    body: bytes
    hash: str

    @property
    def entry_hash(self) -> str:
        """The digest of the entry itself, independent of its place."""
        return digest_of(self.body)


def genesis(tenant: Tenant) -> Head:
    """Return the head of a tenant's empty chain."""
    return Head(0, digest_of(b"firstry ledger v1\n" + tenant.cloud_id.encode()))


def seal(head: Head, entries: Iterable[Entry]) -> tuple[tuple[SealedEntry, ...], Head]:
    """Return `entries` chained after `head`, and the new head."""
    sealed: list[SealedEntry] = []
    for entry in entries:
        body = entry.canonical()
        head = Head(head.sequence + 1, _chain_hash(head, body))
        sealed.append(SealedEntry(head.sequence, body, head.hash))
    return tuple(sealed), head


def first_break(tenant: Tenant, chain: Sequence[SealedEntry], head: Head) -> int | None:
    """Return the sequence at which `chain` stops being the chain of `tenant`, or None.

    Checks that sequences run from 1 without a gap, that every hash follows from
    the bytes before it, and that the last one is `head`.
    """
    expected = genesis(tenant)
    for entry in chain:
        expected = Head(expected.sequence + 1, _chain_hash(expected, entry.body))
        if (entry.sequence, entry.hash) != (expected.sequence, expected.hash):
            return expected.sequence
    return None if expected == head else expected.sequence + 1


def _chain_hash(previous: Head, body: bytes) -> str:
    line = f"{previous.hash}\n{previous.sequence + 1}\n{digest_of(body)}\n"
    return "sha256:" + hashlib.sha256(line.encode()).hexdigest()
