"""An asyncio event loop that lives by an agenda: the service's own HTTP side in virtual time.

Callbacks and timers become entries of the agenda, work for a thread pool becomes
a task. So the deadline of an answer, a request that is cut off and an attempt that
goes on behind its answer happen as in service, only without real time.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import Context
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

from firstry.sim.world_task import Agenda, Crash, Tasks

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class AgendaLoop(asyncio.SelectorEventLoop):
    """The event loop of one process. Its selector is never asked: there are no sockets."""

    def __init__(self, agenda: Agenda, tasks: Tasks, owner: object) -> None:
        super().__init__()
        self._agenda = agenda
        self._tasks = tasks
        self._owner = owner

    def time(self) -> float:
        """Return the agenda's seconds."""
        return self._agenda.seconds

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_soon`."""
        return self.call_at(self.time(), callback, *args, context=context)

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_later`."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_at`."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._agenda.after(when - self.time(), lambda: self._run(handle))
        return handle

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run `func` as a task; `executor` is left alone."""
        done: Future[T] = TaskExecutor(self._tasks, self._owner).submit(func, *args)
        return asyncio.wrap_future(done, loop=self)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say nothing: whoever awaits a failure is told, and the dead await nothing."""

    def _run(self, handle: asyncio.TimerHandle) -> None:
        if handle.cancelled() or self.is_closed():
            return
        asyncio._set_running_loop(self)
        self._tasks.owner_outside = self._owner
        try:
            handle._run()
        finally:
            self._tasks.owner_outside = None
            asyncio._set_running_loop(None)


class TaskExecutor(Executor):
    """An executor whose threads are the tasks of one process."""

    def __init__(
        self, tasks: Tasks, owner: object, failed: Callable[[Exception], None] = lambda _: None
    ) -> None:
        """`failed` is told of every exception in a task."""
        self._tasks = tasks
        self._owner = owner
        self._failed = failed

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """See `concurrent.futures.Executor.submit`."""
        done: Future[T] = Future()

        def work() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except Crash:
                raise
            except Exception as error:  # whoever awaits `done` meets it
                self._failed(error)
                done.set_exception(error)
            else:
                done.set_result(result)

        self._tasks.start(self._owner, work)
        return done
