"""All that is known of one tenant, and how a change of it is described.

Every write in firstry is a pure function from a `TenantRecord` to a `Change`.
The store runs it inside one transaction on a locked record and writes the whole
change or nothing. So every rule of the protocol is in `domain`, can be read and
tested without a database, and is the same on every store (decision 0003).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from firstry.domain.canonical import Json
from firstry.domain.job import JobTarget
from firstry.domain.ledger import Actor, Entry, Head, SealedEntry, seal
from firstry.domain.milestone import Milestone
from firstry.domain.policy import Trigger
from firstry.domain.tenant import Tenant
from firstry.domain.value import replace, value


class InstallationSource(StrEnum):
    """Where the installation time comes from."""

    LIFECYCLE = "FORGE_LIFECYCLE"
    OPERATOR = "OPERATOR"
    MIGRATED = "MIGRATED"
    UNKNOWN = "UNKNOWN"
    """No evidence yet: the predecessor finished a trigger, and left nothing else (P8)."""


@value(frozen=True, slots=True)
class Installation:
    """The accepted evidence of an installation: the only source of due times (contract B).

    `installed_at` never changes; `reinstalled_at` is the evidence accepted after
    an uninstallation, and counts for what is armed from then on.
    `installation_id` and `app_version` follow what the platform last said, so
    that a repeated event is known as a repeat. Under the source UNKNOWN nothing
    is armed, and `installed_at` says no more than "not later than this".
    """

    installed_at: datetime
    source: InstallationSource
    installation_id: str | None = None
    app_version: str | None = None
    reinstalled_at: datetime | None = None

    @property
    def detected_at(self) -> datetime | None:
        """When the app was installed, None while there is no evidence of it."""
        return None if self.source is InstallationSource.UNKNOWN else self.installed_at

    @property
    def latest_at(self) -> datetime:
        """The installation that is in force."""
        return self.reinstalled_at or self.installed_at


@dataclass(frozen=True, slots=True)
class SealedToken:
    """A system token as it is stored: encrypted, bound to its tenant, with its end."""

    ciphertext: bytes
    key_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """The latest erasure of a tenant: when, and the sequence of the ledger entry that tells it.

    Everything before that entry, and every report made until then, is without content.
    """

    at: datetime
    sequence: int


@value(frozen=True, slots=True)
class TenantRecord:
    """One tenant with its milestones.

    `switched_off` are the names of the flags that are off for it, for everybody or
    for it alone (`domain.flag`).
    `store_clock_at` is the latest instant that the store has written for
    anybody; an attempt is not claimed by a clock that lies behind it (I14).
    """

    tenant: Tenant
    installation: Installation
    head: Head
    milestones: tuple[Milestone, ...] = ()
    paused_at: datetime | None = None
    uninstalled_at: datetime | None = None
    last_tick_at: datetime | None = None
    token_expires_at: datetime | None = None
    store_clock_at: datetime | None = None
    switched_off: frozenset[str] = frozenset()
    erasure: Erasure | None = None

    def is_evidenced(self) -> bool:
        """Whether the installation is known, so that due times follow from it (contract B)."""
        return self.installation.source is not InstallationSource.UNKNOWN

    def milestone(self, trigger: Trigger, revision: int) -> Milestone | None:
        """Return the milestone with this key, or None."""
        for each in self.milestones:
            if each.trigger == trigger and each.revision == revision:
                return each
        return None

    def latest(self, trigger: Trigger) -> Milestone | None:
        """Return the highest revision of `trigger`, or None."""
        revisions = [m for m in self.milestones if m.trigger == trigger]
        return max(revisions, key=lambda m: m.revision, default=None)

    def with_milestone(self, changed: Milestone) -> "TenantRecord":
        """Return the record with `changed` in the place of its namesake, or added."""
        kept = list(self.milestones)
        for place, each in enumerate(kept):
            if each.trigger == changed.trigger and each.revision == changed.revision:
                kept[place] = changed
                break
        else:
            kept.append(changed)
        kept.sort(key=_by_due)
        return replace(self, milestones=tuple(kept))


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A finished report: `body` is the canonical JSON, `digest` its SHA-256.

    `envelope` is the signature beside it, empty until it is signed; stores
    refuse a report that is not. Both are empty once it was erased, at `erased_at`.
    """

    report_id: str
    tenant: Tenant
    trigger: Trigger
    revision: int
    generated_at: datetime
    digest: str
    body: bytes
    envelope: bytes = b""
    erased_at: datetime | None = None


T = TypeVar("T")


@value(frozen=True, slots=True)
class Change(Generic[T]):
    """What a transaction is to write, and what its caller wants to know.

    `after` None means: write nothing. `token` None means: leave the token. With a
    new `after.erasure` the store erases every report and all entries before it.
    `done` is the bulk job's target that this is the act on: it is noted as done with
    it, and where it was settled before, the whole transaction is refused.
    """

    answer: T
    after: TenantRecord | None = None
    entries: tuple[SealedEntry, ...] = ()
    report: StoredReport | None = None
    token: SealedToken | None = None
    done: JobTarget | None = None


Decide = Callable[[TenantRecord | None], Change[T]]


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator orders: why, who orders it, when, and as a part of which bulk job."""

    reason: str
    actor: Actor
    at: datetime
    job_id: str | None = None

    def entry(self, kind: str, **detail: Json) -> Entry:
        """Return the ledger entry of an act that was ordered."""
        said: dict[str, Json] = {**detail, "reason": self.reason}
        if self.job_id is not None:
            said["job_id"] = self.job_id
        return Entry(kind, self.at, self.actor, said)


def ledgered(
    after: TenantRecord, entries: Iterable[Entry]
) -> tuple[TenantRecord, tuple[SealedEntry, ...]]:
    """Return `after` with its head moved over `entries`, and the entries sealed."""
    sealed, head = seal(after.head, entries)
    return replace(after, head=head), sealed


def _by_due(milestone: Milestone) -> tuple[datetime, Trigger, int]:
    return (milestone.due_at, milestone.trigger, milestone.revision)
