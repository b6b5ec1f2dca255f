"""The demo's day: everything Forge has to say, in the order of virtual time.

The clock jumps from one event to the next. It never jumps while an attempt runs: an attempt
is real work against real sockets, so its lease, its token and its time-outs have to see the
time that it really takes (decision 0005).
"""

import heapq
import itertools
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from firstry.sim.delivery import HOUR, Delivered, Delivery, Invocation, Prepared, ticks
from firstry.sim.demo_cast import Member, Part
from firstry.sim.demo_record import INSTALL, TICK, Call, Record, Tally
from firstry.sim.demo_service import ServiceProcess
from firstry.sim.demo_story import Grown, Hear, Killed, Now, Restarted
from firstry.sim.demo_watch import Attempt, Watch
from firstry.sim.platform import Platform
from firstry.sim.platform_event import installed_event, scheduled_body
from firstry.sim.time import SimulatedClock

DAY: Final = 25 * HOUR
"""A site installs within the first hour, so its 24 hours end within the 25th."""
PATIENCE: Final = 3 * HOUR
"""How much longer ticks come while a report is missing."""
OUTAGE: Final = timedelta(seconds=90)
GROWS_AFTER: Final = 18 * HOUR
DUPLICATES: Final = 0.08
ATTEMPT_SECONDS: Final = 130.0
CLAIM_SECONDS: Final = 3.0
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a day is played on."""

    platform: Platform
    cast: tuple[Member, ...]
    clock: SimulatedClock
    service: ServiceProcess
    database: Path
    watch: Watch
    start: datetime


class Day:
    """Plays one day. Use it once, from the thread that made it."""

    def __init__(self, stage: Stage, rng: Random, hear: Hear) -> None:
        self._stage = stage
        self._record = Record(stage.cast, stage.watch, hear)
        self._chance = Random(rng.getrandbits(32))
        self._rng = rng
        self._wire = self._new_wire()
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._dead: set[tuple[str, str, int]] = set()

    @property
    def tally(self) -> Tally:
        """What was counted so far."""
        return self._record.tally

    def play(self) -> None:
        """Play the day, and some hours more if a report is still missing then."""
        end = self._stage.start + DAY
        for member in self._stage.cast:
            self._at(member.installs_at, partial(self._install, member))
            self._queue_ticks(member, member.installs_at, end)
        self._at(self._stage.start + GROWS_AFTER, self._grow)
        try:
            self._play_queue()
            while self._stage.watch.open_milestones() and end < self._stage.start + DAY + PATIENCE:
                for member in self._stage.cast:
                    self._queue_ticks(member, end, end + HOUR)
                end += HOUR
                self._play_queue()
        finally:
            self._wire.close()
        self._record.teller.tell_rest()

    def _at(self, at: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at, next(self._order), act))

    def _queue_ticks(self, member: Member, after: datetime, until: datetime) -> None:
        for tick in ticks(member.site.cloud_id, after, until):
            self._at(tick, partial(self._tick, member))

    def _play_queue(self) -> None:
        while self._queue:
            at, _, act = heapq.heappop(self._queue)
            self._stage.clock.advance_to(at)
            act()
            self._let_attempts_end()

    def _install(self, member: Member) -> None:
        event = installed_event(member.site)
        self._send(Invocation(member.site, "on-installed", INSTALL, event), Call(member, INSTALL))

    def _tick(self, member: Member) -> None:
        is_first_due = member.is_first_due(self._stage.clock.now())
        by_chance = self._chance.random() < DUPLICATES
        if is_first_due and member.part is Part.INTERRUPTED and not self.tally.kills:
            self._kill_in_mid_report(member)
        else:
            copies = 2 if by_chance or (is_first_due and member.is_doubled) else 1
            self._send(_tick_of(member), Call(member, TICK), copies)

    def _grow(self) -> None:
        """Let the sites have more issues, so that the second report has other numbers."""
        grown, at = 0, self._stage.clock.now()
        for member in self._stage.cast:
            if member.part is not Part.EMPTY:
                number = self._chance.randint(5, 400)
                member.site.create_issues(number, at)
                grown += number
        if grown:
            self._record.teller.tell(Grown(at, grown))

    def _send(self, invocation: Invocation, call: Call, copies: int = 1) -> None:
        """Deliver an invocation, maybe twice; if it had no success, again as Forge does."""
        self._record.see_ends()
        now = self._stage.clock.now()
        prepared = self._wire.prepare(invocation, at=now, attempt=call.delivery)
        for copy in range(1, copies + 1):
            self._send_copy(invocation, replace(call, copy=copy), prepared)

    def _send_copy(self, invocation: Invocation, call: Call, prepared: Prepared) -> None:
        """Send one copy, and look whether a duplicate had an effect."""
        cloud_id = invocation.site.cloud_id
        starts, entries = self._stage.watch.trace(cloud_id)
        delivered = self._wire.send(prepared)
        later_starts, later_entries = self._stage.watch.trace(cloud_id)
        is_written = later_entries != entries and -1 not in (entries, later_entries)
        if call.copy > 1 and (later_starts != starts or is_written):
            self.tally.duplicates_with_effect += 1
        self._hear(invocation, call, delivered)

    def _hear(self, invocation: Invocation, call: Call, delivered: Delivered) -> None:
        retry_at = self._record.hear(call, delivered, self._stage.clock.now())
        if retry_at is not None:
            again = replace(call, delivery=call.delivery + 1)
            self._at(retry_at, partial(self._send, invocation, again))

    def _let_attempts_end(self) -> None:
        """Wait while an attempt runs; until it has ended, time is not to jump."""
        deadline = time.monotonic() + ATTEMPT_SECONDS
        while (running := self._running()) and time.monotonic() < deadline:
            names = sorted({self._record.name_of(attempt.cloud_id) for attempt in running})
            self._tell_waiting(", ".join(names))
            time.sleep(POLL_SECONDS)
        self._record.teller.tell(Now(""))
        self._record.see_ends()

    def _running(self) -> list[Attempt]:
        """Return the attempts that are really under way: not those of a killed process."""
        held = self._stage.watch.attempts(self._stage.clock.now())
        return [attempt for attempt in held if attempt.key not in self._dead]

    def _tell_waiting(self, name: str) -> None:
        self._record.teller.tell(Now(f"the clock runs 1:1 while the report of {name} is made"))

    def _kill_in_mid_report(self, member: Member) -> None:
        """Send a tick and its duplicate, and kill the service while the attempt runs."""
        invocation, call = _tick_of(member), Call(member, TICK)
        prepared = self._wire.prepare(invocation, at=self._stage.clock.now())
        thread = ThreadPoolExecutor(1)
        try:
            first = thread.submit(self._send_alone, prepared)
            self._tell_waiting(member.name)
            if self._has_claimed(member, first):
                self._send_copy(invocation, replace(call, copy=2), prepared)
            self._hear(invocation, call, first.result())
        finally:
            thread.shutdown(wait=False)
        for attempt in self._running():
            if attempt.cloud_id == member.site.cloud_id:
                self._kill(member, attempt)

    def _send_alone(self, prepared: Prepared) -> Delivered:
        with self._new_wire() as wire:
            return wire.send(prepared)

    def _new_wire(self) -> Delivery:
        return Delivery(self._stage.platform, self._stage.service.base_url, self._rng)

    def _has_claimed(self, member: Member, first: "Future[Delivered]") -> bool:
        """Wait until the site's attempt is in the database, or the tick has its answer."""
        deadline = time.monotonic() + CLAIM_SECONDS
        while not first.done() and time.monotonic() < deadline:
            if any(attempt.cloud_id == member.site.cloud_id for attempt in self._running()):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _kill(self, member: Member, attempt: Attempt) -> None:
        pid, now = self._stage.service.pid, self._stage.clock.now()
        self._stage.service.kill()
        self.tally.kills += 1
        self._dead.update(each.key for each in self._running())
        self._record.forget_running()
        self._at(now + OUTAGE, self._restart)
        name, trigger, number = member.name, attempt.trigger, attempt.number
        self._record.teller.tell(Killed(now, pid, name, trigger, number, attempt.next_due))

    def _restart(self) -> None:
        at, began = self._stage.clock.now(), time.monotonic()
        self._record.teller.tell(Now("the service starts again"))
        self._stage.service.start()
        self._wire.close()
        self._wire = self._new_wire()
        seconds = time.monotonic() - began
        self._record.teller.tell(Restarted(at, self._stage.service.pid, seconds))


def _tick_of(member: Member) -> Invocation:
    return Invocation(member.site, "hourly-tick", TICK, scheduled_body(member.site))
