"""What everything in one simulated world stands on: time, chance, platform, sites, notes.

The notes are the trace of a run. They hold instants, answers and rows, never a
token, a key or a ciphertext, so the same seed writes the same notes; a digest
over them is kept whether or not the notes themselves are.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from firstry.domain.instant import from_milliseconds, iso, to_milliseconds
from firstry.domain.policy import Policy
from firstry.domain.tenant import Tenant
from firstry.ports.store import Store
from firstry.ports.telemetry import Event
from firstry.sim.jira import JiraSite
from firstry.sim.platform import Platform
from firstry.sim.world_fault import Dice, Mishap, Tally
from firstry.sim.world_store import FullDisk, Written
from firstry.sim.world_task import Agenda, Tasks


class Notes:
    """The trace of a run, and its digest."""

    def __init__(self, *, kept: bool) -> None:
        self.lines: list[str] | None = [] if kept else None
        self._digest = hashlib.sha256()

    def add(self, at: datetime, text: str) -> None:
        """Add one line."""
        line = f"{iso(at)} {text}"
        self._digest.update(line.encode() + b"\n")
        if self.lines is not None:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        """The SHA-256 of all lines so far."""
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request; `status` None means that no answer came."""

    status: int | None
    body: Mapping[str, Any]

    @property
    def is_success(self) -> bool:
        """Any 2xx counts."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """The reason that the body gives, or that there was no answer."""
        return str(self.body.get("reason", "NO_ANSWER"))


class Judge(Protocol):
    """Says what must not be. Every finding is a sentence; no findings, no breach."""

    def written(self, ground: "Ground", written: Written) -> Iterable[str]:
        """Judge a change that is committed."""
        ...

    def answered(
        self, ground: "Ground", site: JiraSite, route: str, reply: Reply, seconds: float
    ) -> Iterable[str]:
        """Judge an answer that came after so many seconds."""
        ...

    def told(
        self, ground: "Ground", event: Event, tenant: Tenant, fields: Mapping[str, object]
    ) -> Iterable[str]:
        """Judge what a process tells of a tenant."""
        ...

    def ended(self, ground: "Ground") -> Iterable[str]:
        """Judge what is stored when all has come to rest."""
        ...


@dataclass(slots=True)
class Ground:
    """One world's ground. `rates` are the faults that this seed makes, and how often.

    `truth` reads the store past all faults. `host_offset` is how far the clock of
    the one host is from the true time.
    """

    dice: Dice
    policy: Policy
    rates: Mapping[Mishap, float]
    platform: Platform
    judge: Judge
    notes: Notes
    disk: FullDisk
    truth: Store = field(init=False)
    agenda: Agenda = field(default_factory=Agenda)
    tally: Tally = field(default_factory=Tally)
    sites: dict[str, JiraSite] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    is_calm: bool = False
    host_offset: timedelta = timedelta()
    is_store_down: bool = False
    is_key_set_down: bool = False
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.agenda)

    def host_now(self) -> datetime:
        """Return what the host's clock says, in whole milliseconds."""
        return from_milliseconds(to_milliseconds(self.agenda.now + self.host_offset))

    def note(self, text: str) -> None:
        """Write into the trace."""
        self.notes.add(self.agenda.now, text)

    def hit(self, mishap: Mishap, where: str = "") -> None:
        """Count and note a mishap that took effect."""
        self.tally[f"fault {mishap}"] += 1
        self.note(f"fault {mishap} {where}".rstrip())

    def befalls(self, mishap: Mishap) -> bool:
        """Draw whether this happens here; never in the calm at the end."""
        if self.is_calm or not (rate := self.rates.get(mishap, 0.0)):
            return False
        return self.dice.chance(mishap, rate)

    def find(self, finding: str) -> None:
        """Note what must not be; the run ends after this entry of the agenda."""
        self.findings.append(finding)
        self.note(f"FINDING {finding}")

    def found(self, findings: Iterable[str]) -> None:
        """Note all of these."""
        for finding in findings:
            self.find(finding)

    def name_of(self, cloud_id: str) -> str:
        """Return a site's short name, for the trace."""
        site = self.sites.get(cloud_id)
        return site.name if site is not None else cloud_id
