"""Bounded slots for attempts, shared by the ticks and the worker of one process.

A slot is taken before the claim, so a claimed attempt never queues under its
own lease. When all slots are busy nothing is claimed and nothing is lost: the
next tick or worker pass finds the same milestone due.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet
from firstry.domain.settle import Fenced, Settled
from firstry.ports.trace import carried
from firstry.scheduler.attempt import Parts, perform


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that was claimed and goes on in its slot."""

    claim: Claim
    settled: "Future[Settled | Fenced]"


class Busy:
    """No slot came free in time; nothing was claimed."""


class Runner:
    """Runs at most `slots` attempts at a time, in `threads` or in threads of its own."""

    def __init__(self, parts: Parts, slots: int, threads: Executor | None = None) -> None:
        self._parts = parts
        self._free = threading.Semaphore(slots)
        self._threads = threads or ThreadPoolExecutor(slots, thread_name_prefix="attempt")

    def start(
        self, begin: Callable[[], Claim | Quiet], wait_seconds: float
    ) -> Running | Quiet | Busy:
        """Call `begin` once a slot is free, and run the claim that it returns.

        Waits at most `wait_seconds` for the slot; 0 does not wait.
        """
        if not self._free.acquire(timeout=max(0.0, wait_seconds)):
            return Busy()
        begun: Claim | Quiet | None = None
        try:
            begun = begin()
        finally:
            if not isinstance(begun, Claim):
                self._free.release()
        if isinstance(begun, Quiet):
            return begun
        return self._run(begun)

    def start_many(
        self, begin: Callable[[int], Sequence[Claim]], wanted: int, wait_seconds: float
    ) -> list[Running] | Busy:
        """Take up to `wanted` slots, call `begin` with their number, and run the claims.

        Waits at most `wait_seconds` for the first slot. `begin` returns no more
        claims than slots; so nothing is claimed that cannot begin at once.
        """
        taken = 0
        while taken < wanted and self._free.acquire(timeout=0.0 if taken else wait_seconds):
            taken += 1
        if not taken:
            return Busy()
        begun: Sequence[Claim] = ()
        try:
            begun = begin(taken)
        finally:
            for _ in range(taken - len(begun)):
                self._free.release()
        return [self._run(claim) for claim in begun]

    def close(self) -> None:
        """Wait for the running attempts; each is bounded by the generation time-out.

        What is finished and finds no store gets its least tries, and is then given up.
        """
        self._parts.stopping.set()
        self._threads.shutdown(wait=True)

    def _run(self, claim: Claim) -> Running:
        settled = self._threads.submit(carried(perform), self._parts, claim)
        settled.add_done_callback(lambda _: self._free.release())
        return Running(claim, settled)
