"""PostgreSQL crashes and comes back under load, again and again (T7).

Several processes claim and settle for a crowd of sites while the server is ended
without warning every few seconds. Nothing that anybody was told is lost, no
invariant breaks, and no process has to be started anew. `RESTART_ROUNDS` says how
often the server goes.
"""

import os
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing
from support.load import LAST, Load, Often, ShortDay
from support.load_crowd import Pace
from support.load_place import postgres_place
from support.load_process import Sizes

ROUNDS = int(os.environ.get("RESTART_ROUNDS", "3"))
PAUSE_SECONDS = 3.5
TENANTS_A_ROUND = 25
PATIENCE_SECONDS = 90.0
DAY = ShortDay(
    first_age="2s", last_age="7s", lease="6s", generation_timeout="5s", backoff="1s,2s,4s"
)


@pytest.mark.timeout(900)
def test_what_was_acknowledged_survives_every_crash_of_the_server(
    tmp_path: Path, keys: KeyRing
) -> None:
    seconds = (ROUNDS + 0.5) * PAUSE_SECONDS
    pace = Pace(arriving_seconds=0.8 * seconds, tick_seconds=1.5, last_trigger=LAST)
    place = postgres_place(durable=False)
    try:
        tenants = ROUNDS * TENANTS_A_ROUND
        sizes = Sizes(web=2, steady=1, sacrificed=0)
        with Load(tmp_path, keys, place, DAY, pace, tenants, sizes) as load:
            began = {process.pid for process in load.gang.living}
            load.run(seconds, Often(PAUSE_SECONDS, load.disturb))
            load.await_ends(PATIENCE_SECONDS)
            assert {process.pid for process in load.gang.living} == began
            result = load.judge()
    finally:
        place.close()
    assert result.all_breaches == []
    assert len(load.outages) >= ROUNDS - 1
    assert result.verdict.tenants == tenants
    assert result.acknowledged > tenants
    assert load.crowd.heard.statuses[500] > 0, "no crash of the server was ever noticed"
