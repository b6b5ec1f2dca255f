"""The thread that works on bulk jobs: one job after the other, also those of before a restart."""

import threading

from firstry.domain.job import Job
from firstry.lifecycle.bulk import BulkParts, work_once
from firstry.ports.telemetry import Event, Telemetry, told_if_it_fails

POLL_SECONDS = 5.0


class BulkRunner:
    """Looks for jobs when woken and every few seconds. Start it once, close it at the end.

    A job that an error interrupts is told and tried again; a job that the process
    leaves unfinished is taken up by the next one, when its hold has run out.
    """

    def __init__(self, parts: BulkParts, telemetry: Telemetry, name: str) -> None:
        self._parts, self._telemetry, self._name = parts, telemetry, name
        self._woken = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="bulk", daemon=True)

    def start(self) -> None:
        """Begin to look for jobs."""
        self._thread.start()

    def wake(self) -> None:
        """Look for a job now."""
        self._woken.set()

    def close(self) -> None:
        """End after the batch that is under way."""
        self._is_closing = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._is_closing:
            self._woken.clear()
            told_if_it_fails(self._telemetry, Event.BULK_INTERRUPTED, self._work)
            self._woken.wait(POLL_SECONDS)

    def _work(self) -> None:
        while not self._is_closing:
            if not work_once(self._parts, self._name, lambda: self._is_closing, self._told):
                return

    def _told(self, job: Job) -> None:
        if job.ended_at is not None:
            self._telemetry.emit(Event.BULK_ENDED, count=job.done, detail=f"{job.failed} failed")
