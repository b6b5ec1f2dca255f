"""The ledger of a tenant: one entry for everything that ever happened to it.

An entry's own hash speaks of its canonical bytes alone, so a report can cite an
entry before its place in the chain is known. The chain hash binds the entry to
its sequence and to all entries before it; the chain starts from the tenant's
id, so one tenant's chain cannot be passed off as another's (I15).

An entry that was erased keeps its own hash, so the chain still verifies link by
link. Only a beginning of a chain can be erased, and the entry behind it says so:
without that entry what is missing counts as broken.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import NewType

from firstry.domain.canonical import Json, canonical_bytes, digest_of, plain_bytes
from firstry.domain.instant import iso
from firstry.domain.tenant import Tenant
from firstry.domain.value import value

Actor = NewType("Actor", str)
"""Who caused an entry: `platform`, `scheduler`, `operator`, `administrator` or `import`."""

PLATFORM = Actor("platform")
SCHEDULER = Actor("scheduler")
OPERATOR = Actor("operator")
IMPORT = Actor("import")
ADMINISTRATOR = Actor("administrator")
"""A person who administers the Jira site; who it is, is not kept."""

ERASED = "ERASED"
"""The kind of the entry that says that all entries before it were erased."""


@value(frozen=True, slots=True)
class Head:
    """The end of a chain. Sequence 0 is the empty chain."""

    sequence: int
    hash: str


@value(frozen=True, slots=True)
class Entry:
    """What happened, before it has a place in the chain."""

    kind: str
    at: datetime
    actor: Actor
    detail: Mapping[str, Json]

    def canonical(self) -> bytes:
        """Return the bytes that are stored and hashed."""
        return plain_bytes(self.as_json())

    def as_json(self) -> dict[str, Json]:
        """Return the entry as the JSON object whose canonical form is stored."""
        return {
            "kind": self.kind,
            "at": iso(self.at),
            "actor": self.actor,
            "detail": dict(self.detail),
        }


@value(frozen=True, slots=True)
class SealedEntry:
    """An entry in its place. `body` is the canonical entry, `hash` the chain's at this point.

    `erased_hash` is the digest that the body had before it was erased. What stands
    there instead says kind, instant, actor and trigger, and no more. `said` is the
    JSON of the body, where this process has written the body itself.
    """

    sequence: int
    body: bytes
    hash: str
    erased_hash: str | None = None
    said: Mapping[str, Json] | None = field(default=None, compare=False, repr=False)

    @property
    def entry_hash(self) -> str:
        """The digest of the entry itself as it was written, independent of its place."""
        return digest_of(self.body) if self.erased_hash is None else self.erased_hash


def genesis(tenant: Tenant) -> Head:
    """Return the head of a tenant's empty chain."""
    return Head(0, digest_of(b"firstry ledger v1\n" + tenant.cloud_id.encode()))


def seal(head: Head, entries: Iterable[Entry]) -> tuple[tuple[SealedEntry, ...], Head]:
    """Return `entries` chained after `head`, and the new head."""
    sealed: list[SealedEntry] = []
    for entry in entries:
        said = entry.as_json()
        body = plain_bytes(said)
        head = Head(head.sequence + 1, _chain_hash(head, digest_of(body)))
        sealed.append(SealedEntry(head.sequence, body, head.hash, None, said))
    return tuple(sealed), head


def first_break(tenant: Tenant, chain: Sequence[SealedEntry], head: Head) -> int | None:
    """Return the sequence at which `chain` stops being the chain of `tenant`, or None."""
    return break_behind(genesis(tenant), chain, head)


def break_behind(beginning: Head, chain: Sequence[SealedEntry], head: Head) -> int | None:
    """Return the sequence at which `chain` stops leading from `beginning` to `head`, or None.

    `beginning` is the head of the empty chain, which says whose it is. Checks that
    sequences run from 1 without a gap, that every hash follows from the bytes before
    it, or from the hash of what was erased, that the last one is `head`, and that an
    erasure tells of everything that is erased.
    """
    expected = beginning
    erased = erased_until(chain)
    for entry in chain:
        expected = Head(expected.sequence + 1, _chain_hash(expected, entry.entry_hash))
        if (entry.sequence, entry.hash) != (expected.sequence, expected.hash):
            return expected.sequence
        if entry.erased_hash is not None and entry.sequence > erased:
            return expected.sequence
    return None if expected == head else expected.sequence + 1


def erased_until(chain: Sequence[SealedEntry]) -> int:
    """Return up to which sequence an entry of `chain` tells that all were erased, 0 if none."""
    before = next((n for n, entry in enumerate(chain) if entry.erased_hash is None), len(chain))
    if before in (0, len(chain)):
        return 0
    try:
        said = json.loads(chain[before].body)
        is_told = said["kind"] == ERASED and said["detail"]["until"] == before
    except (ValueError, LookupError, TypeError):  # it was touched: then its hash tells so, too
        return 0
    return before if is_told else 0


def erased_body(at: str, kind: str, actor: str, trigger: str | None) -> bytes:
    """Return what stands in the place of an entry that was erased."""
    detail: dict[str, Json] = {"erased": True}
    if trigger is not None:
        detail["trigger"] = trigger
    return canonical_bytes({"kind": kind, "at": at, "actor": actor, "detail": detail})


def erased_entry(entry: SealedEntry) -> SealedEntry:
    """Return `entry` without what it said; its place in the chain and its hash stay."""
    if entry.erased_hash is not None:
        return entry
    said = json.loads(entry.body)
    body = erased_body(said["at"], said["kind"], said["actor"], said["detail"].get("trigger"))
    return replace(entry, body=body, erased_hash=entry.entry_hash)


def _chain_hash(previous: Head, entry_hash: str) -> str:
    line = f"{previous.hash}\n{previous.sequence + 1}\n{entry_hash}\n"
    return "sha256:" + hashlib.sha256(line.encode()).hexdigest()
