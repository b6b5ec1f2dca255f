"""Two sessions, statement by statement: every end is that of one act after the other (T4).

All orders in which rows are touched after a crash, and a sample of orders everywhere
else; `python tests/interleave.py` plays all of them in all scenes. Then the runner is
tried itself: faults that are put into the store's statements must be found.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice

import pytest

from firstry.domain.record import Decide
from firstry.domain.tenant import Tenant
from firstry.ports.store import T
from firstry.stores.sql.session import Again
from firstry.stores.sql.store import SqlStore
from support.interleaving import Stage, everywhere, where_rows_are_touched
from support.postgres_service import ServiceDatabase, new_service_database
from support.race import SCENES, Judged, Scene, races

SAMPLE = 4
CRASHED = next(scene for scene in SCENES if scene.name.startswith("crashed"))
UNKNOWN = next(scene for scene in SCENES if scene.name.startswith("unknown"))
OTHERS = [scene for scene in SCENES if scene is not CRASHED]
ORDERS_AT_MOST = 60
RACES_FOR_A_KEY = 12
INSTALLS = ("install", "install")
UNIQUE_VIOLATION = "23505"


@pytest.fixture(scope="module")
def database() -> ServiceDatabase:
    return new_service_database()


@pytest.fixture(scope="module")
def stage(database: ServiceDatabase) -> Iterator[Stage]:
    with Stage(database, where_rows_are_touched) as stage:
        yield stage


@pytest.fixture(scope="module")
def slow_stage(database: ServiceDatabase) -> Iterator[Stage]:
    """A stage that stops before every statement."""
    with Stage(database, everywhere) as stage:
        yield stage


def named(pair: tuple[str, str]) -> str:
    return " x ".join(pair)


def assert_sound(raced: list[Judged]) -> None:
    """Require no finding, that each order was another one, and that nobody gave up."""
    assert [finding for judged in raced for finding in judged.findings] == []
    assert {error for judged in raced for error in judged.played.errors} <= {UNIQUE_VIOLATION}


@pytest.mark.parametrize("pair", CRASHED.pairs(), ids=named)
def test_every_order_after_a_crash(stage: Stage, pair: tuple[str, str]) -> None:
    """I1 to I8: both may claim, settle, reset and retry, and both want to."""
    raced = list(races(stage, CRASHED, pair))
    assert_sound(raced)
    orders = [tuple(choice.went for choice in judged.played.choices) for judged in raced]
    assert len(set(orders)) == len(orders) > 10
    # In the first and the last order nobody meets; in most others one waits for the other.
    assert sum(judged.played.waits for judged in raced) >= len(orders) - 4


@pytest.mark.parametrize("scene", OTHERS, ids=lambda scene: scene.name.partition(":")[0])
def test_a_sample_of_orders(slow_stage: Stage, scene: Scene) -> None:
    raced = [judged for pair in scene.pairs() for judged in races(slow_stage, scene, pair, SAMPLE)]
    assert_sound(raced)
    assert sum(judged.played.waits for judged in raced) > 0


def test_whoever_records_a_new_tenant_second_begins_again(stage: Stage) -> None:
    """I13: there was no row to lock, so the second meets the key of the first."""
    raced = list(races(stage, UNKNOWN, INSTALLS, RACES_FOR_A_KEY))
    assert_sound(raced)
    assert any(judged.played.errors for judged in raced)
    for judged in raced:
        assert sorted(map(str, judged.played.answers)) == [
            "ALREADY_RECORDED",
            "INSTALLATION_RECORDED",
        ]


# The runner finds what is wrong ------------------------------------------------------


def reads_before_it_locks(statement: str) -> str:
    """Hold nobody while reading; the first update is what locks."""
    return statement.replace("FOR NO KEY UPDATE", "")


def reads_before_it_locks_and_does_not_look_again(statement: str) -> str:
    """And write over whatever stands there now."""
    guards = r"AND t?\.?(state|fence|head_sequence) = \S*expected_\w+\S*"
    return re.sub(guards, "", reads_before_it_locks(statement))


@pytest.mark.parametrize(
    "fault", [reads_before_it_locks, reads_before_it_locks_and_does_not_look_again]
)
@pytest.mark.parametrize(
    "pair", [("claim", "claim"), ("claim", "settle-complete"), ("reset", "retry")], ids=named
)
def test_a_fault_in_the_locks_is_found(
    database: ServiceDatabase, fault: Callable[[str], str], pair: tuple[str, str]
) -> None:
    with Stage(database, where_rows_are_touched, fault) as stage:
        raced = islice(races(stage, CRASHED, pair), ORDERS_AT_MOST)
        assert any(judged.findings for judged in raced)


class Impatient(SqlStore):
    """A store that makes a transaction once only."""

    def transact_many(
        self, now: datetime, work: Mapping[Tenant, Decide[T]], *, skip_locked: bool = False
    ) -> dict[Tenant, T]:
        return self._transact(now, work, skip_locked)


def test_a_session_that_gives_up_is_found(database: ServiceDatabase) -> None:
    """Without its second try, the one that comes second is told of an error."""
    with Stage(database, where_rows_are_touched, kind=Impatient) as stage:
        raced = races(stage, UNKNOWN, INSTALLS, RACES_FOR_A_KEY)
        found = [finding for judged in raced for finding in judged.findings]
    assert found
    assert all(Again.__name__ in finding for finding in found)
