"""Troubles of a simulated world that last for a while: each begins, takes its time and ends."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.world_fault import Mishap
from firstry.sim.world_fleet import Fleet
from firstry.sim.world_ground import Ground

RATES: Mapping[Mishap, float] = {
    Mishap.CRASH: 0.025,
    Mishap.HELD_UP: 0.04,
    Mishap.COMMIT_LOST: 0.02,
    Mishap.COMMIT_ANSWER_LOST: 0.02,
    Mishap.DISK_FULL: 0.01,
    Mishap.STORE_HICCUP: 0.012,
    Mishap.DUPLICATE: 0.15,
    Mishap.LATE: 0.08,
    Mishap.EXPIRED: 0.01,
    Mishap.LOST: 0.05,
    Mishap.TOKEN_WITHHELD: 0.1,
}
"""How probable each is at every opportunity, before a seed weighs it."""
SWARM = (0.0, 0.5, 1.0, 2.0)
"""A seed weighs each kind of trouble with one of these: some worlds know no crash at all."""
AMBUSHES = (0.0, 0.2, 0.4)
"""How probably a site goes wrong just when an attempt begins, one of these for each seed."""
STORE_AMBUSH = 0.35
"""In such a share of them it is the store that goes away."""
ATTEMPT_SECONDS = (0.0, 3.0)
"""How long after its beginning an attempt is under way, where nothing goes wrong."""
JIRA_PATHS = (None, None, "/rest/api/3/field", "/rest/api/3/search", "/rest/api/3/project")


def weighed_rates(rng: Random) -> dict[Mishap, float]:
    """Return the rates of one seed."""
    return {mishap: rate * rng.choice(SWARM) for mishap, rate in RATES.items()}


class Trouble:
    """Makes what lasts: at the store, the key set, the clock, the tokens and the sites."""

    def __init__(self, ground: Ground, fleet: Fleet, sites: Sequence[JiraSite]) -> None:
        self._ground = ground
        self._fleet = fleet
        self._sites = sites
        self._rng = ground.dice.of("trouble")
        self._ambushes = 0.0

    def begin(self) -> None:
        """Note the first of each kind. The hours are means of an exponential distribution."""
        self._ambushes = self._rng.choice(AMBUSHES)
        kinds = (
            (self._site_fault, 1.3),
            (self._store_down, 7.0),
            (self._key_set_down, 12.0),
            (self._clock_jumps, 6.5),
            (self._token_revoked, 15.0),
            (self._killed_idle, 15.0),
            (self._keys_rotated, 150.0),
        )
        for act, hours in kinds:
            weight = self._rng.choice(SWARM)
            if weight:
                self._recur(act, hours / weight)

    def _recur(self, act: Callable[[], None], mean_hours: float) -> None:
        def again() -> None:
            if not self._ground.is_calm:
                act()
                self._recur(act, mean_hours)

        self._ground.agenda.after(3600 * self._rng.expovariate(1 / mean_hours), again)

    def ambush(self, cloud_id: str) -> None:
        """Perhaps have something go wrong for an attempt that has just begun."""
        if self._ground.is_calm or self._rng.random() >= self._ambushes:
            return
        if self._rng.random() < STORE_AMBUSH:
            self._ground.agenda.after(self._rng.uniform(*ATTEMPT_SECONDS), self._store_down)
        else:
            self._go_wrong(self._ground.sites[cloud_id])

    def _site_fault(self) -> None:
        self._go_wrong(self._rng.choice(self._sites))

    def _go_wrong(self, site: JiraSite) -> None:
        rng, now = self._rng, self._ground.agenda.now
        kind = rng.choice(list(FaultKind))
        lasts = timedelta(minutes=rng.choice((2, 30, 90, 300)))
        site.faults.append(
            Fault(
                kind,
                start=now,
                end=now + lasts,
                times=rng.choice((1, 3, None)),
                path=rng.choice(JIRA_PATHS),
                delay=timedelta(seconds=rng.choice((1, 10, 19, 40))),
                retry_after=timedelta(seconds=rng.choice((1, 9, 60, 4000))),
            )
        )
        self._ground.note(f"{site.name} will answer {kind} for {lasts}")

    def _store_down(self) -> None:
        self._ground.is_store_down = True
        self._ground.note("the store is down")

        def comes_back() -> None:
            self._ground.is_store_down = False
            self._ground.note("the store is back")

        self._later(comes_back, (2.0, 20.0), (60.0, 3000.0))

    def _key_set_down(self) -> None:
        self._ground.is_key_set_down = True
        self._ground.note("the key set is down")

        def comes_back() -> None:
            self._ground.is_key_set_down = False
            self._ground.note("the key set is back")

        self._later(comes_back, (60.0, 3000.0), (3600.0, 30 * 3600.0))

    def _keys_rotated(self) -> None:
        self._ground.platform.rotate(retire=self._rng.random() < 0.5)
        self._ground.hit(Mishap.KEYS_ROTATED)

    def _clock_jumps(self) -> None:
        """Set the host's clock wrong; after a while it is set right, which is a jump too."""
        rng = self._rng
        seconds = rng.choice((rng.uniform(-4, 4), rng.uniform(6, 11000), -rng.uniform(6, 7000)))
        self._set_clock(timedelta(seconds=seconds))
        self._later(lambda: self._set_clock(timedelta()), (600.0, 7200.0))

    def _set_clock(self, offset: timedelta) -> None:
        step = offset - self._ground.host_offset
        self._ground.host_offset = offset
        if step:
            self._ground.hit(Mishap.CLOCK_AHEAD if step > timedelta() else Mishap.CLOCK_BACK)

    def _token_revoked(self) -> None:
        site = self._rng.choice(self._sites)
        self._ground.platform.revoke(site)
        self._ground.hit(Mishap.TOKEN_REVOKED, site.name)

    def _killed_idle(self) -> None:
        self._fleet.kill_one()

    def _later(self, act: Callable[[], None], *ranges: tuple[float, float]) -> None:
        self._ground.agenda.after(self._rng.uniform(*self._rng.choice(ranges)), act)
