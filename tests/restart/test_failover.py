"""The primary is lost for good and its standby takes over (T7).

The service knows both servers by one URL and finds the one that takes writes. With a
synchronous standby nothing that was acknowledged is lost. With another one, what it
had not received is lost: those reports are due again and are made once more.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from firstry.domain.tenant import Tenant
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.postgres.store import PostgresStore
from support.domain import all_reports
from support.load import LAST, Load, ShortDay
from support.load_crowd import Pace
from support.load_place import LoadedPlace
from support.load_process import Sizes
from support.postgres import Cluster
from support.postgres_binaries import newest
from support.postgres_service import SERVICE, new_service_database
from support.postgres_standby import Standby, kill_whole, url_of_either, wait_for_standby
from support.service import World
from support.wire import until

IS_LONG = int(os.environ.get("RESTART_ROUNDS", "0")) > 10
COMMITS = ("on", "remote_apply") if IS_LONG else ("on",)
TENANTS = 400 if IS_LONG else 40
SECONDS_BEFORE, SECONDS_AFTER = (40.0, 40.0) if IS_LONG else (4.0, 4.0)
SECONDS_WITHOUT = 2.0
PATIENCE_SECONDS = 90.0
DAY = ShortDay(
    first_age="2s", last_age="5s", lease="6s", generation_timeout="5s", backoff="1s,2s,4s"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary and its standby, and a database of the service on both."""

    primary: Cluster
    standby: Standby
    url: str

    def fail_over(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Lose the primary at once, and let the standby take over after a while."""
        kill_whole(self.primary)
        meanwhile()
        self.standby.promote()


@contextmanager
def _pair(commit: str | None) -> Iterator[Pair]:
    """Lend a pair; commits of the primary wait for the standby unless `commit` is None."""
    primary = Cluster(newest(), durable=False)
    primary.start()
    database = new_service_database(cluster=primary).name
    standby = Standby(primary, durable=False)
    try:
        standby.start()
        if commit is not None:
            wait_for_standby(primary, commit)
        standby.wait_until_it_follows(is_synchronous=commit is not None)
        yield Pair(primary, standby, url_of_either(SERVICE, database, primary, standby))
    finally:
        standby.remove()
        primary.remove()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("commit", COMMITS)
def test_a_synchronous_standby_has_everything_that_was_acknowledged(
    tmp_path: Path, keys: KeyRing, commit: str
) -> None:
    seconds = SECONDS_BEFORE + SECONDS_AFTER
    pace = Pace(arriving_seconds=seconds, tick_seconds=1.0, last_trigger=LAST)
    with _pair(commit) as pair:
        place = LoadedPlace("postgres", pair.url, pair.url, None, lambda: None)
        sizes = Sizes(web=1, steady=1, sacrificed=0)
        with Load(tmp_path, keys, place, DAY, pace, TENANTS, sizes) as load:
            load.run(SECONDS_BEFORE)
            before = dict(load.crowd.heard.completions)
            pair.fail_over(meanwhile=lambda: load.run(SECONDS_WITHOUT))
            load.run(SECONDS_AFTER)
            load.await_ends(PATIENCE_SECONDS)
            result = load.judge()
    assert result.all_breaches == []
    assert result.verdict.tenants == TENANTS
    assert before, "nothing was acknowledged before the primary was lost"
    assert result.acknowledged > len(before)
    assert load.crowd.heard.statuses[500] > 0, "the loss of the primary was never noticed"


def test_what_the_synchronous_standby_has_not_seen_is_not_acknowledged(
    tmp_path: Path, keys: KeyRing
) -> None:
    with _pair("on") as pair, World(tmp_path, keys, DATABASE_URL=pair.url) as world:
        site = world.installed()
        world.clock.advance(hours=12)
        pair.standby.hold_up()
        answer = world.tick(site)
        assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
        pair.fail_over()
        assert _until_told(world, site) == "GENERATED"
        assert _reports(pair, site) == 1
        assert world.breaches() == []


def test_a_standby_that_is_not_waited_for_may_lose_what_was_acknowledged(
    tmp_path: Path, keys: KeyRing
) -> None:
    """What is lost is made again, once: the next tick finds it due, as before the loss."""
    with _pair(None) as pair, World(tmp_path, keys, DATABASE_URL=pair.url) as world:
        site = world.installed()
        assert _until_received(pair, site)
        world.clock.advance(hours=12)
        pair.standby.hold_up()
        lost = world.told(site, "GENERATED")
        pair.fail_over()
        assert _reports(pair, site) == 0
        world.clock.advance(minutes=1)
        assert _until_told(world, site) == "GENERATED"
        again = world.told(site, "DONE_KEY_EXISTS")
        assert again["report_id"] == lost["report_id"]
        assert again["attempt_count"] == lost["attempt_count"] == 1
        assert _reports(pair, site) == 1
        assert world.breaches() == []


def _until_told(world: World, site: JiraSite) -> str:
    """Tick until the service has found the new primary; return what it then said."""
    wait = until()
    while (answer := world.tick(site)).status == 500:
        wait.more("the service to find the new primary")
    return str(answer.json()["reason"])


def _until_received(pair: Pair, site: JiraSite) -> bool:
    """Wait until the standby holds the tenant of a site."""
    wait = until()
    sql = "SELECT count(*) FROM tenant WHERE cloud_id = %s"
    name = pair.url.rpartition("/")[2].partition("?")[0]
    while True:
        with pair.standby.connect(name) as connection:
            found = connection.execute(sql, (site.cloud_id,)).fetchone()
        if found is not None and found[0] == 1:
            return True
        wait.more("the standby to receive the installation")


def _reports(pair: Pair, site: JiraSite) -> int:
    """Return how many reports the server that takes writes holds for a site."""
    store = PostgresStore(pair.url)
    try:
        return len(all_reports(store, Tenant.from_operator(site.cloud_id)))
    finally:
        store.close()
