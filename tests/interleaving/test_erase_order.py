"""An erasure beside another session, statement by statement: one after the other, in any order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pytest
from psycopg import sql

from firstry.domain.claim import Claim
from firstry.domain.tenant import Tenant
from firstry.lifecycle.pause import pause
from firstry.ports.store import Store
from support.interleaving import Stage, where_rows_are_touched
from support.postgres_service import ServiceDatabase, new_service_database
from support.race import DUE, MINUTE, Scene, races

SAMPLE = 12
OTHERS = ("settle-complete", "settle-fail", "claim", "retry", "reset", "resume", "erase")


@dataclass(frozen=True, slots=True)
class Paused(Scene):
    """A scene in which an attempt runs while the tenant is paused."""

    def prepare(self, store: Store, whom: Sequence[Tenant], begin: datetime) -> list[Claim]:
        """Claim, then pause."""
        held = Scene.prepare(self, store, whom, begin)
        pause(store, whom[0], "to be erased", begin + self.claims[-1])
        return held


RUNNING = Paused("paused: an attempt runs", ("erase",), DUE + MINUTE, (DUE,))
OVER = Paused("paused: its lease and wait are over", ("erase",), DUE + 40 * MINUTE, (DUE,))


@dataclass(frozen=True, slots=True)
class Erasing(ServiceDatabase):
    """A database in which both sessions have a role that may erase, and look over all tenants."""

    role: str

    @property
    def url(self) -> str:
        """As both sessions connect."""
        return self.cluster.url(self.role, self.name)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = new_service_database()
    role = made.cluster.new_role()
    for group in ("firstry_scheduler", "firstry_eraser"):
        text = sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(role))
        made.cluster.run(text)
    with Stage(Erasing(made.name, made.cluster, role), where_rows_are_touched) as stage:
        yield stage


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("scene", [RUNNING, OVER], ids=["running", "over"])
def test_an_erasure_comes_before_or_after(stage: Stage, scene: Scene, other: str) -> None:
    """I5, I17: the answers and the rows are those of one act after the other."""
    raced = list(races(stage, scene, ("erase", other), SAMPLE))
    assert [finding for judged in raced for finding in judged.findings] == []
    assert [error for judged in raced for error in judged.played.errors] == []
    assert sum(judged.played.waits for judged in raced) > 0
