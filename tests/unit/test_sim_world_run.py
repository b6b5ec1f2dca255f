"""A whole simulated world: a finding ends it, and says how to have it again."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from firstry.domain.tenant import Tenant
from firstry.ports.telemetry import Event
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from firstry.sim.world import Kind, run
from firstry.sim.world_ground import Ground, Reply
from firstry.sim.world_store import Written
from support.judge import WorldJudge
from support.simulation import Sum, again

SEED = 58


class Stern:
    """A judge to whom the first report is one too many."""

    def __init__(self) -> None:
        self._fair = WorldJudge()

    def written(self, ground: Ground, written: Written) -> Iterator[str]:
        """See `world_ground.Judge`."""
        yield from self._fair.written(ground, written)
        if written.change.report is not None:
            yield "a report"

    def answered(
        self, ground: Ground, site: JiraSite, route: str, reply: Reply, seconds: float
    ) -> Iterator[str]:
        """See `world_ground.Judge`."""
        yield from self._fair.answered(ground, site, route, reply, seconds)

    def told(
        self, ground: Ground, event: Event, tenant: Tenant, fields: Mapping[str, object]
    ) -> Iterator[str]:
        """See `world_ground.Judge`."""
        yield from self._fair.told(ground, event, tenant, fields)

    def ended(self, ground: Ground) -> Iterator[str]:
        """See `world_ground.Judge`."""
        yield from self._fair.ended(ground)


def test_a_finding_ends_the_world_and_is_its_last_note(tmp_path: Path) -> None:
    fair = run(SEED, Kind.MEMORY, tmp_path, KeyRing(), WorldJudge())
    found = run(SEED, Kind.MEMORY, tmp_path, KeyRing(), Stern(), keeps_notes=True)
    assert fair.findings == ()
    assert found.findings == ("a report",)
    assert found.hours < fair.hours
    assert any("FINDING a report" in line for line in found.lines)


def test_a_sum_names_the_seed_and_the_command_of_every_finding(tmp_path: Path) -> None:
    happened = run(SEED, Kind.MEMORY, tmp_path, KeyRing(), WorldJudge())
    total = Sum()
    total.add(happened)
    assert total.findings == []
    total.add(replace(happened, findings=("I1: two",)))
    assert total.worlds == 2
    assert total.findings == [
        f"seed {SEED}, memory: I1: two",
        f"  again: {again(SEED, Kind.MEMORY)}",
    ]
    assert total.shortcomings(least=0) == total.findings
