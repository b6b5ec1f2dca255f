"""A service with tenants in every state that an operator meets, made by what makes them."""

from dataclasses import dataclass, field

from firstry.domain.ledger import OPERATOR
from firstry.domain.tenant import Tenant
from firstry.lifecycle.pause import pause
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from support.service import World

FAILING = 6


@dataclass(slots=True)
class Fleet:
    """The sites by what became of them, 12 hours and 20 minutes after the first was there."""

    failing: list[JiraSite] = field(default_factory=list)
    done: list[JiraSite] = field(default_factory=list)
    waiting: list[JiraSite] = field(default_factory=list)
    paused: list[JiraSite] = field(default_factory=list)
    missed: list[JiraSite] = field(default_factory=list)


def busy(world: World) -> Fleet:
    """Fill a new world: one missed, six failing alike, two done, three to come, one paused."""
    fleet = Fleet()
    fleet.missed.append(world.installed("swift"))
    world.clock.advance(hours=24)
    fleet.failing = [world.installed(f"heron-{number}") for number in range(FAILING)]
    fleet.done = [world.installed(name) for name in ("lark", "wren")]
    world.clock.advance(hours=12)
    for site in fleet.missed:
        world.told(site, "GENERATED")
    for site in fleet.failing:
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.told(site, "GENERATION_FAILED", 202)
    for site in fleet.done:
        world.told(site, "GENERATED")
    fleet.waiting = [world.installed(name) for name in ("crane", "ibis", "teal")]
    fleet.paused = [world.installed("stork")]
    for site in fleet.paused:
        paused = Tenant.from_operator(site.cloud_id)
        pause(world.parts.store, paused, "the site is being moved", world.now(), OPERATOR)
    world.clock.advance(minutes=20)
    return fleet
