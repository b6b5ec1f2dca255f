"""A whole world from one seed: the real service, its platform, its sites, and all that goes wrong.

`run` makes the world, lets it happen in virtual time, and returns what was hit and
what was found. The service's own code runs from the ASGI application down to the
store; time, chance, threads, network and death are the world's. The same seed
gives the same notes, on every machine and, but for the database beneath, on either
store: a run that finds something can be had again, line by line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from random import Random

from firstry.domain.errors import CommitUnknown
from firstry.domain.milestone import State
from firstry.domain.policy import SILENCE, CatchUp, Policy
from firstry.ports.failpoint import Failpoint, arm
from firstry.ports.store import Store
from firstry.sim.jira import JiraSite
from firstry.sim.jira_content import Content
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform import Platform, new_uuid
from firstry.sim.platform_key import KeyRing
from firstry.sim.world_fault import Dice, Mishap, Tally
from firstry.sim.world_fleet import Fleet
from firstry.sim.world_ground import Ground, Judge, Notes
from firstry.sim.world_process import Process
from firstry.sim.world_store import FullDisk, PlacedMemory, Written, open_postgres
from firstry.sim.world_story import Life, Story
from firstry.sim.world_task import START
from firstry.sim.world_trouble import Trouble, weighed_rates
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore

HOUR = timedelta(hours=1)
FADING = 0.14
"""How probable a world is in which every site goes away without a word."""
CALM_AT_MOST = 60 * HOUR
"""Within this all must have come to its end: a reinstallation, a full backoff, a tick."""


class Kind(StrEnum):
    """The store beneath a world."""

    MEMORY = "memory"
    SQLITE = "sqlite"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Run:
    """One world that has happened.

    `outcome` is what became of every milestone, without the instants that chance
    moved; `lines` are the notes, if they were kept.
    """

    seed: int
    kind: Kind
    digest: str
    hours: float
    tally: Tally
    findings: tuple[str, ...]
    outcome: tuple[str, ...]
    lines: tuple[str, ...]


def run(
    seed: int,
    kind: Kind,
    folder: Path,
    keys: KeyRing,
    judge: Judge,
    *,
    keeps_notes: bool = False,
    only: Mapping[Mishap, float] | None = None,
    url: str = "",
) -> Run:
    """Let the world of `seed` happen over a store of this kind in an empty folder.

    PostgreSQL is not in the folder: `url` names an empty database with the schema.
    With `only`, nothing goes wrong but these mishaps, each as probable as given,
    and no operator meddles. One at a time in a process: failpoints and the limit of
    file sizes are the process's own.
    """
    dice = Dice(seed)
    plan = dice.of("plan")
    policy, rates = _policy(plan), weighed_rates(plan)
    ground = Ground(
        dice=dice,
        policy=policy,
        rates=rates if only is None else only,
        platform=Platform(dice.of("platform"), keys),
        judge=judge,
        notes=Notes(kept=keeps_notes),
        disk=FullDisk(),
    )
    return World(ground, kind, folder, url, is_troubled=only is None).happen(seed)


class World:
    """One world, from its beginning to its rest."""

    def __init__(
        self, ground: Ground, kind: Kind, folder: Path, url: str, *, is_troubled: bool
    ) -> None:
        self._ground, self._kind, self._is_troubled = ground, kind, is_troubled
        plan = ground.dice.of("plan")
        self._is_fading = is_troubled and plan.random() < FADING
        open_store = self._place(folder, url)
        self._fleet = Fleet(ground, plan.randint(1, 3), open_store, self._watch)
        lives = [self._life(plan, number) for number in range(1, plan.randint(2, 5) + 1)]
        ground.sites.update((life.site.cloud_id, life.site) for life in lives)
        self._calm_at = START + plan.randint(26, 60) * HOUR
        for fades_at in (life.fades_at for life in lives if life.fades_at is not None):
            self._calm_at = max(self._calm_at, fades_at + SILENCE + 4 * HOUR)
        self._story = Story(ground, self._fleet, lives, self._calm_at)
        self._trouble = Trouble(ground, self._fleet, [life.site for life in lives])
        self._lives = lives
        self._is_at_rest = False

    def happen(self, seed: int) -> Run:
        """Let everything happen, judge the end, and return what came of it."""
        ground = self._ground
        arm(self._reach)
        try:
            self._story.begin(is_meddled_with=self._is_troubled)
            if self._is_troubled:
                self._trouble.begin()
            ground.agenda.at(self._calm_at + HOUR, self._look_for_rest)
            while not self._is_at_rest and not ground.findings and ground.agenda.step():
                self._fleet.bury()
            if not ground.findings:
                ground.found(ground.judge.ended(ground))
            outcome = self._outcome()
        finally:
            self._fleet.end()
            ground.tasks.close()
            arm(lambda _: None)
            ground.truth.close()
        return Run(
            seed,
            self._kind,
            ground.notes.digest,
            ground.agenda.seconds / 3600,
            ground.tally,
            tuple(ground.findings),
            outcome,
            tuple(ground.notes.lines or ()),
        )

    def _place(self, folder: Path, url: str) -> Callable[[], Store]:
        """Make the store's place, and return how a process opens it."""
        if self._kind is Kind.POSTGRES:
            self._ground.truth = open_postgres(url)
            return lambda: open_postgres(url)
        if self._kind is Kind.MEMORY:
            memory = PlacedMemory(self._reach, self._ground.disk)
            self._ground.truth = memory
            return lambda: memory
        path = folder / "world.db"
        upgrade(path)
        self._ground.truth = SqliteStore(path)
        return lambda: SqliteStore(path)

    def _life(self, plan: Random, number: int) -> Life:
        content = Content(projects=plan.randint(0, 9), filters=plan.randint(0, 3))
        site = JiraSite(
            self._ground.platform, new_uuid(plan), f"s{number}", new_uuid(plan), content
        )
        installs_at = START + timedelta(seconds=plan.uniform(0, 8 * 3600))
        life = Life(site, installs_at)
        fate = plan.random() if self._is_troubled else 1.0
        if self._is_fading or fate < 0.01:
            _let_fade(life, plan)
        elif fate < 0.22:
            _let_fail_to_the_brink(life, plan)
        return life

    def _reach(self, place: Failpoint) -> None:
        owner = self._ground.tasks.owner
        if isinstance(owner, Process):
            owner.reach(place)
        is_last = place is Failpoint.TRANSACTION_WRITTEN and self._kind is Kind.POSTGRES
        if is_last and self._ground.disk.is_full:
            raise CommitUnknown("the server's disk is full")

    def _watch(self, written: Written) -> None:
        """See what is stored after a transaction: the state before or after, nothing between."""
        ground = self._ground
        stored = ground.truth.read(written.tenant)
        if written.is_as_after(stored):
            self._committed(written)
        elif not written.is_as_before(stored):
            ground.find(
                f"I2: {ground.name_of(written.tenant.cloud_id)} is neither before nor after"
            )

    def _committed(self, written: Written) -> None:
        ground = self._ground
        for kind in written.kinds:
            ground.tally[f"act {kind}"] += 1
        before = written.before.milestones if written.before is not None else ()
        for milestone in written.after.milestones:
            if milestone in before:
                continue
            if written.before is None or written.before.milestone(*milestone.key) is None:
                ground.tally["act ARMED"] += 1
            ground.note(
                f"{ground.name_of(written.tenant.cloud_id)} {milestone.trigger} "
                f"{milestone.revision} {milestone.state} attempts={milestone.attempts} "
                f"fence={milestone.fence} next={milestone.next_due:%d %H:%M:%S.%f}"
            )
            if milestone.state is State.CLAIMED:
                self._trouble.ambush(written.tenant.cloud_id)
            if milestone.is_live():
                self._story.noticed(written.tenant, milestone)
        ground.found(ground.judge.written(ground, written))

    def _outcome(self) -> tuple[str, ...]:
        return tuple(
            f"{life.site.name} {m.trigger} {m.revision} {m.state} {m.due_at:%d %H:%M:%S} "
            f"attempts={m.attempts} starts={m.starts} report={m.report_id}"
            for life in self._lives
            for m in life.milestones(self._ground.truth)
        )

    def _look_for_rest(self) -> None:
        """End the world once nothing is under way for a site that has the app (I10)."""
        ground = self._ground
        waiting = [
            f"{life.site.name} {milestone.trigger} {milestone.revision}"
            for life in self._lives
            if life.is_installed
            for milestone in life.milestones(ground.truth)
            if milestone.state in (State.SCHEDULED, State.CLAIMED)
        ]
        if not waiting:
            self._is_at_rest = True
        elif ground.agenda.now > self._calm_at + CALM_AT_MOST:
            ground.find(f"I10: still waiting at the end: {', '.join(waiting)}")
        else:
            ground.agenda.after(3600.0, self._look_for_rest)


def _policy(plan: Random) -> Policy:
    """Return the default policy, or every other time one that comes to its ends sooner."""
    if plan.random() < 0.5:
        return Policy()
    return Policy(
        max_attempts=plan.choice((1, 2, 3, 10)),
        manual_rate=plan.choice((1, 6)),
        catch_up=plan.choice(list(CatchUp)),
        generation_timeout=timedelta(seconds=plan.choice((20, 120))),
        lease=timedelta(seconds=plan.choice((130, 300))),
    )


def _let_fade(life: Life, plan: Random) -> None:
    """Have the site refuse us from before its last due time on, and its ticks end soon after."""
    life.site.faults.append(Fault(FaultKind.UNAUTHORIZED, start=life.installs_at + 21 * HOUR))
    life.fades_at = life.installs_at + timedelta(hours=plan.uniform(24.5, 25.5))


def _let_fail_to_the_brink(life: Life, plan: Random) -> None:
    """Have the site fail from its first due time until shortly before that window ends."""
    ends_at = life.installs_at + 24 * HOUR - timedelta(seconds=plan.uniform(0, 300))
    life.site.faults.append(
        Fault(FaultKind.UNAVAILABLE, start=life.installs_at + 12 * HOUR, end=ends_at)
    )
