"""Virtual time, and work that runs one piece at a time in an order that a seed decides.

The service is written to wait: for a site's answer, for a store that falters. So
each piece of its work is a task with a thread of its own, but only one of them,
or the agenda itself, ever runs: a task that waits hands the turn back and gets it
again at its time. Nothing is left to the machine's scheduler, so the same seed
interleaves the same way, and a task may be held up anywhere while others go on.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

START = datetime(2026, 3, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Crash(BaseException):
    """The process dies here. No `except Exception` may see it, as none sees a SIGKILL."""


class Agenda:
    """What is to happen, by instant and, where instants are equal, in the order it was noted."""

    def __init__(self) -> None:
        self._now = 0
        self._noted = 0
        self._entries: list[tuple[int, int, Callable[[], None]]] = []

    @property
    def now(self) -> datetime:
        """The true instant; a host's clock may say another one."""
        return START + self._now * _MICROSECOND

    @property
    def seconds(self) -> float:
        """Seconds since the beginning, which no clock's jump can move."""
        return self._now / 1_000_000

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        """Note `act` for `when`; what has passed happens now."""
        self._note((when - START) // _MICROSECOND, act)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Note `act` for so many seconds from now."""
        self._note(self._now + round(seconds * 1_000_000), act)

    def step(self) -> bool:
        """Let the next entry happen; return whether there was one."""
        if not self._entries:
            return False
        when, _, act = heappop(self._entries)
        self._now = when
        act()
        return True

    def _note(self, when: int, act: Callable[[], None]) -> None:
        self._noted += 1
        heappush(self._entries, (max(when, self._now), self._noted, act))


@dataclass(eq=False, slots=True)
class Task:
    """One piece of work. `owner` is the process that it dies with."""

    owner: object
    work: Callable[[], None]
    seat: "Seat"
    is_over: bool = False
    is_doomed: bool = False
    failure: BaseException | None = None


class Seat:
    """A thread that tasks sit in, one after the other; it runs only when it has the turn."""

    def __init__(self, back: threading.Lock) -> None:
        self.turn = threading.Lock()
        self.turn.acquire()
        self.task: Task | None = None
        self._back = back
        threading.Thread(target=self._live, name="task", daemon=True).start()

    def _live(self) -> None:
        self.turn.acquire()
        while (task := self.task) is not None:
            try:
                if not task.is_doomed:
                    task.work()
            except Crash:
                pass
            except BaseException as failure:  # raised again by whoever gave the turn
                task.failure = failure
            task.is_over = True
            self._back.release()
            self.turn.acquire()


class Tasks:
    """All tasks of a world. Whoever calls runs alone."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._back = threading.Lock()
        self._back.acquire()
        self._open: list[Task] = []
        self._free: list[Seat] = []
        self._current: Task | None = None
        self.owner_outside: object = None
        """Whose code runs outside of any task, in a callback of its event loop."""

    @property
    def owner(self) -> object:
        """The process whose code runs now, None where it is the world's own."""
        return self._current.owner if self._current is not None else self.owner_outside

    @property
    def may_wait(self) -> bool:
        """Whether what runs now is a task, which may be held up."""
        return self._current is not None

    def start(self, owner: object, work: Callable[[], None]) -> None:
        """Begin `work` at this instant, after all that was noted for it before."""
        seat = self._free.pop() if self._free else Seat(self._back)
        task = seat.task = Task(owner, work, seat)
        self._open.append(task)
        self._agenda.after(0, lambda: self._resume(task))

    def wait(self, seconds: float) -> None:
        """Let others go on for so long. Called in a task."""
        task = self._current
        assert task is not None, "only a task can wait"
        self._agenda.after(max(0.0, seconds), lambda: self._resume(task))
        self._back.release()
        task.seat.turn.acquire()
        if task.is_doomed:
            raise Crash

    def end(self, owner: object) -> None:
        """Let every task of `owner` die where it stands."""
        for task in [task for task in self._open if task.owner is owner]:
            task.is_doomed = True
            self._resume(task)
            assert task.is_over, "what dies waits for nothing"

    def close(self) -> None:
        """End all threads; no task may be open."""
        assert not self._open, "a task goes on behind the end of its world"
        while self._free:
            seat = self._free.pop()
            seat.task = None
            seat.turn.release()

    def _resume(self, task: Task) -> None:
        """Give a task the turn until it waits or ends; one that is over takes none."""
        if task not in self._open:
            return
        self._current = task
        task.seat.turn.release()
        self._back.acquire()
        self._current = None
        if task.is_over:
            self._open.remove(task)
            self._free.append(task.seat)
        if task.failure is not None:
            raise task.failure
