"""The demo: a day of Forge and Jira around a real `firstry serve`, on one SQLite file.

What is simulated is the platform: keys, ticks, duplicates, retries, Jira sites and their
faults. What is real is everything of firstry's: the process, HTTP, the database, the kill.
The simulated day lies in the past, so that commands which look at the database later, by the
host's clock, do not find it ahead of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from firstry.exports.key import FILE_NAME as KEYS_NAME
from firstry.sim.delivery import HOUR
from firstry.sim.demo_cast import cast_of
from firstry.sim.demo_check import DATABASE_NAME, write_expected
from firstry.sim.demo_day import DAY, PATIENCE, Day, Stage
from firstry.sim.demo_record import Tally
from firstry.sim.demo_service import ServiceProcess
from firstry.sim.demo_story import Hear
from firstry.sim.demo_watch import Watch
from firstry.sim.platform import Platform
from firstry.sim.server import SimulatorServer
from firstry.sim.time import SimulatedClock

SEED: Final = 24
CLOCK_NAME: Final = "clock"


def new_folder(parent: Path, now: datetime) -> Path:
    """Make and return an empty folder for one demo, named for the real time."""
    name = f"demo-{now:%Y%m%d-%H%M%S}"
    for number in range(100):
        folder = parent / (name if number == 0 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent / name} and 99 more are there already")


@contextmanager
def staged(folder: Path, tenants: int, unset: Sequence[str] = ()) -> Iterator[Stage]:
    """Start simulator and service for `tenants` sites; nothing of it runs afterwards.

    `unset` names variables of our environment that must not reach the service.
    """
    rng = Random(SEED)
    platform = Platform(rng)
    clock = SimulatedClock(folder / CLOCK_NAME)
    start = _start_of_day(clock.now())
    clock.advance(start - clock.now())
    cast = cast_of(platform, rng, tenants, start)
    with SimulatorServer(platform, [member.site for member in cast], clock=clock.now) as simulator:
        settings = {
            "FIRSTRY_DATABASE_URL": f"sqlite:///{folder.resolve() / DATABASE_NAME}",
            "FIRSTRY_FORGE_JWKS_URL": simulator.jwks_url,
            "FIRSTRY_FORGE_API_HOSTS": simulator.api_host,
            "FIRSTRY_LOG_FORMAT": "json",
            "FIRSTRY_PORT": "0",
        }
        service = ServiceProcess(folder, folder.resolve() / CLOCK_NAME, settings, tuple(unset))
        try:
            service.start()
            (folder / KEYS_NAME).write_bytes(service.published_keys())
            database = folder / DATABASE_NAME
            watch = Watch(database)
            try:
                yield Stage(platform, cast, clock, service, database, watch, start)
            finally:
                watch.close()
            service.stop()
        finally:
            service.end_at_once()
            clock.close()


def play(stage: Stage, folder: Path, hear: Hear) -> Tally:
    """Play the day, and write down what its reports have to say."""
    day = Day(stage, Random(SEED + 1), hear)
    day.play()
    names = {member.site.cloud_id: member.name for member in stage.cast}
    write_expected(folder, names, day.tally.held)
    return day.tally


def _start_of_day(now: datetime) -> datetime:
    """Return an instant from which the day is over before `now`.

    Half past an hour, because Jira fills its quotas at the full hour: the site that waits
    for that is not to be served while the clock runs 1:1 for another.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    return hour - DAY - PATIENCE - HOUR + timedelta(minutes=30)
