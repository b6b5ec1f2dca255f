"""What happens in a simulated world: sites come and go, ticks arrive, people meddle.

Everything is drawn from the seed when its time comes. After the time of trouble
comes the calm: no more faults, everybody who is not gone ticks, nobody is paused;
then whatever was begun must come to its end (I10).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from firstry.domain.due import Quiet
from firstry.domain.errors import FirstryError
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import Milestone
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.record import Installation, InstallationSource
from firstry.domain.tenant import Tenant
from firstry.lifecycle.install import record_installation
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause, resume
from firstry.lifecycle.reset import reset
from firstry.lifecycle.retry import retry_now
from firstry.ports.store import Store
from firstry.scheduler.tick import tick
from firstry.sim.delivery import Invocation, ticks
from firstry.sim.jira import JiraSite
from firstry.sim.platform import new_uuid
from firstry.sim.platform_event import (
    installed_event,
    scheduled_body,
    uninstall_event,
    upgraded_event,
)
from firstry.sim.world_fault import Mishap, Person
from firstry.sim.world_fleet import Fleet
from firstry.sim.world_ground import Ground
from firstry.sim.world_post import Post
from firstry.sim.world_process import Process

TICK, LIFECYCLE, UNINSTALL = "/forge/tick", "/forge/lifecycle", "/forge/uninstall"
DAY = timedelta(days=1)


@dataclass(slots=True)
class Life:
    """One site's life with the app.

    `fades_at` is when its ticks end without a word; nobody touches it before.
    """

    site: JiraSite
    installs_at: datetime
    fades_at: datetime | None = None
    is_installed: bool = False
    is_silent: bool = False
    version: int = 1

    @property
    def is_touched(self) -> bool:
        """Whether people do anything with it."""
        return self.fades_at is None and not self.is_silent

    @property
    def tenant(self) -> Tenant:
        """The tenant that the service keeps of it."""
        return Tenant.from_operator(self.site.cloud_id)

    def milestones(self, store: Store) -> tuple[Milestone, ...]:
        """What a store holds for it."""
        record = store.read(self.tenant)
        return record.milestones if record is not None else ()


class Story:
    """Writes the agenda of one world."""

    def __init__(self, ground: Ground, fleet: Fleet, lives: list[Life], until: datetime) -> None:
        """`until` is when the calm begins."""
        self._ground = ground
        self._fleet = fleet
        self._post = Post(ground, fleet)
        self._lives = lives
        self._until = until
        self._rng = ground.dice.of("story")
        self._is_contended = False

    def begin(self, *, is_meddled_with: bool) -> None:
        """Note what is known from the beginning."""
        for life in self._lives:
            self._ground.agenda.at(life.installs_at, partial(self._install, life))
        self._recur(self._move_a_site, 9.0)
        if is_meddled_with:
            self._recur(self._meddle, 1.2)
            self._is_contended = True
        self._ground.agenda.at(self._until, self._calm)

    def noticed(self, tenant: Tenant, milestone: Milestone) -> None:
        """Have everybody come at once to where a milestone may be claimed, or its window ends."""
        life = next(life for life in self._lives if life.tenant == tenant)
        end = milestone.window_end_at
        if not self._is_contended or self._ground.is_calm or self._rng.random() < 0.5:
            return
        self._contend_at(milestone.next_due, life)
        if milestone.lease_until is not None and self._rng.random() < 0.3:
            self._ground.agenda.after(self._rng.uniform(0.0, 6.0), lambda: self._meddle_with(life))
        if end is not None and milestone.lease_until is not None and end < milestone.lease_until:
            self._contend_at(end, life)
        if end is not None and milestone.starts == 0:
            seconds = self._rng.uniform(0.0, self._ground.policy.lease.total_seconds())
            brink = end - timedelta(seconds=seconds) - self._ground.host_offset
            self._ground.agenda.at(brink, lambda: self._hurry(life, milestone.trigger))

    def _contend_at(self, host_time: datetime, life: Life) -> None:
        early = timedelta(seconds=self._rng.choice((0.0, 0.0, 0.001, 2.0, -1.0)))

        def contend() -> None:
            self._fleet.pass_everywhere()
            if life.is_installed and not life.is_silent:
                self._tick(life)

        self._ground.agenda.at(host_time - self._ground.host_offset + early, contend)

    def _hurry(self, life: Life, trigger: Trigger) -> None:
        """Have an operator try once more before the window ends."""
        if not self._ground.is_calm:
            self._act(Person.RETRY, life, trigger, self._retry)
            self._act(Person.TICK, life, trigger, self._tick_by_hand)

    def _recur(self, act: Callable[[], None], mean_hours: float) -> None:
        def again() -> None:
            if not self._ground.is_calm:
                act()
                self._recur(act, mean_hours)

        self._ground.agenda.after(3600 * self._rng.expovariate(1 / mean_hours), again)

    # The site.

    def _install(self, life: Life) -> None:
        """Install the app, for the first time or again: then with another installation id."""
        life.is_installed = True
        body = installed_event(life.site, wrapped=self._rng.random() < 0.5)
        self._event(life, Person.INSTALL, "on-installed", LIFECYCLE, body)
        self._tick_on(life)

    def _tick_on(self, life: Life) -> None:
        now = self._ground.agenda.now
        next_at = next(iter(ticks(life.site.cloud_id, now, now + DAY)))
        installation = life.site.installation_id

        def happen() -> None:
            if life.is_installed and life.site.installation_id == installation:
                if not life.is_silent:
                    self._tick(life)
                self._tick_on(life)

        self._ground.agenda.at(next_at, happen)

    def _tick(self, life: Life) -> None:
        site = life.site
        is_withheld = self._ground.befalls(Mishap.TOKEN_WITHHELD)
        if is_withheld:
            self._ground.hit(Mishap.TOKEN_WITHHELD, site.name)
        body = scheduled_body(site) if self._rng.random() < 0.5 else None
        invocation = Invocation(site, "hourly-tick", TICK, body, with_system_token=not is_withheld)
        self._post.send(site, invocation)
        if life.fades_at is not None and self._ground.agenda.now >= life.fades_at:
            life.is_silent = True
            self._ground.hit(Mishap.SILENCE, site.name)

    def _event(
        self, life: Life, person: Person, module: str, route: str, body: dict[str, object]
    ) -> None:
        self._ground.tally[f"person {person}"] += 1
        invocation = Invocation(life.site, module, route, body)
        is_sure = life.fades_at is not None
        self._post.send(life.site, invocation, is_repeated=route != UNINSTALL, is_sure=is_sure)

    def _move_a_site(self) -> None:
        """Upgrade, uninstall or reinstall one site."""
        life = self._rng.choice(self._lives)
        if not life.is_touched:
            return
        if not life.is_installed:
            if life.installs_at <= self._ground.agenda.now:
                self._reinstall(life)
            return
        if self._rng.random() < 0.5:
            life.version += 1
            body = upgraded_event(life.site, version=f"{life.version}.0.0")
            self._event(life, Person.UPGRADE, "on-upgraded", LIFECYCLE, body)
            return
        body = uninstall_event(life.site, wrapped=self._rng.random() < 0.5)
        self._event(life, Person.UNINSTALL, "before-uninstall", UNINSTALL, body)
        life.is_installed = False
        self._ground.platform.revoke(life.site)

    def _reinstall(self, life: Life) -> None:
        life.site.installation_id = new_uuid(self._rng)
        self._ground.tally[f"person {Person.REINSTALL}"] += 1
        self._install(life)

    # People at the command line.

    def _meddle(self) -> None:
        """Do one thing that an operator may do, to one tenant, through one process."""
        self._meddle_with(self._rng.choice(self._lives))

    def _meddle_with(self, life: Life) -> None:
        if not life.is_touched:
            return
        trigger = self._rng.choice([name for name, _ in self._ground.policy.triggers])
        acts = {
            Person.ATTEST: self._attest,
            Person.TICK: self._tick_by_hand,
            Person.RETRY: self._retry,
            Person.RESET: self._reset,
            Person.PAUSE: self._pause,
            Person.RESUME: self._resume,
            Person.MANUAL: self._manual,
        }
        weights = (1, 6, 3, 2, 1, 3, 3)
        person = self._rng.choices(list(acts), weights)[0]
        self._act(person, life, trigger, acts[person])

    def _act(
        self,
        person: Person,
        life: Life,
        trigger: Trigger,
        act: Callable[[Process, Tenant, Trigger], object],
    ) -> None:
        ground, process = self._ground, self._fleet.pick()
        if process is None:
            return

        def acting() -> None:
            try:
                act(process, life.tenant, trigger)
            except FirstryError as error:
                said = error.code
                if error.code == "DEFECT":
                    ground.find(f"{person} met a defect: {error.message}")
            else:
                said = "done"
                ground.tally[f"person {person}"] += 1
            ground.note(f"{person} {life.site.name} {trigger}: {said}")

        ground.tasks.start(process, acting)

    def _attest(self, process: Process, tenant: Tenant, _: Trigger) -> None:
        now = process.now()
        evidence = Installation(now - timedelta(hours=3), InstallationSource.OPERATOR)
        record_installation(
            process.store, tenant, evidence, now, process.parts.policy, reason="attested"
        )

    def _tick_by_hand(self, process: Process, tenant: Tenant, _: Trigger) -> None:
        begun = process.runner.start(
            lambda: tick(process.parts, process.vault, tenant, None, process.now()), 0
        )
        if isinstance(begun, Quiet):
            self._ground.tally[f"reason {begun.reason}"] += 1
            self._ground.note(f"tick by hand: {begun.reason}")

    def _retry(self, process: Process, tenant: Tenant, trigger: Trigger) -> None:
        of = self._rng.choice((trigger, trigger, MANUAL))
        retry_now(process.store, tenant, of, "try again", process.now())

    def _reset(self, process: Process, tenant: Tenant, trigger: Trigger) -> None:
        reset(process.store, tenant, trigger, "make it again", process.now())

    def _pause(self, process: Process, tenant: Tenant, _: Trigger) -> None:
        pause(process.store, tenant, "hold on", process.now())

    def _resume(self, process: Process, tenant: Tenant, _: Trigger) -> None:
        resume(process.store, tenant, "go on", process.now())

    def _manual(self, process: Process, tenant: Tenant, _: Trigger) -> None:
        request_report(
            process.store, tenant, "now please", OPERATOR, process.now(), process.parts.policy
        )

    # The end of all trouble.

    def _calm(self) -> None:
        """Let nothing go wrong any more, and everybody who is not gone go on."""
        ground = self._ground
        ground.is_calm = True
        ground.is_store_down = ground.is_key_set_down = False
        ground.host_offset = timedelta()
        ground.note("calm")
        for life in self._lives:
            life.site.faults.clear()
            life.is_silent, life.fades_at = False, None
        self._let_all_go_on()

    def _let_all_go_on(self) -> None:
        """Resume whoever is paused, also by an act that was held up until now."""
        ground = self._ground
        for life in self._lives:
            record = ground.truth.read(life.tenant)
            if record is not None and record.paused_at is not None:
                self._act(Person.RESUME, life, MANUAL, self._resume)
        ground.agenda.after(600.0, self._let_all_go_on)
