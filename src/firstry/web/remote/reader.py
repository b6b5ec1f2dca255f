"""Read the tenants of ticks as cheaply as their store allows.

Nine of ten ticks need nothing but this read. A store that answers without waiting,
as a file does, is read in the event loop: the way into a thread and back would cost
more than the read. Any other store is read in a thread, for all calls at once that
arrived while the last group was read. Nobody waits for company.

All state belongs to the event loop, so nothing here is locked.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.store import MustWait, Store

GROUP = 100

_Found = TenantRecord | None
_Answer = _Found | BaseException
_Waiting = tuple[Tenant, "asyncio.Future[_Found]"]


class Reader:
    """Reads in the loop that it is used in, or else one group at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._waiting: list[_Waiting] = []
        self._is_reading = False

    async def read(self, tenant: Tenant) -> TenantRecord | None:
        """Return what `Store.read` returns, or raise what it raises."""
        try:
            return self._store.read_many((tenant,), at_once=True).get(tenant)
        except MustWait:
            return await self._read_in_thread(tenant)

    def close(self) -> None:
        """Wait for the read that is under way."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _read_in_thread(self, tenant: Tenant) -> TenantRecord | None:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[_Found] = loop.create_future()
        self._waiting.append((tenant, found))
        if not self._is_reading:
            self._is_reading = True
            loop.call_soon(self._begin, loop)  # whoever else has arrived by now comes along
        return await found

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the oldest that wait; who has given up meanwhile is left out."""
        group = [each for each in self._waiting[:GROUP] if not each[1].done()]
        del self._waiting[:GROUP]
        reading = loop.run_in_executor(self._thread, self._answers, [each for each, _ in group])
        reading.add_done_callback(lambda read: self._end(loop, group, read))

    def _answers(self, tenants: Sequence[Tenant]) -> Sequence[_Answer]:
        try:
            found = self._store.read_many(tenants)
        except StoreUnavailable:
            raise
        except FirstryError:  # each alone, so that the one that cannot be read is told apart
            return [self._alone(tenant) for tenant in tenants]
        return [found.get(tenant) for tenant in tenants]

    def _alone(self, tenant: Tenant) -> _Answer:
        try:
            return self._store.read(tenant)
        except FirstryError as error:
            return error

    def _end(
        self,
        loop: asyncio.AbstractEventLoop,
        group: Sequence[_Waiting],
        read: "asyncio.Future[Sequence[_Answer]]",
    ) -> None:
        self._is_reading = bool(self._waiting)
        if self._is_reading:
            self._begin(loop)
        fault = read.exception()
        answers = read.result() if fault is None else [fault] * len(group)
        for (_, found), answer in zip(group, answers, strict=True):
            if found.done():
                continue
            if isinstance(answer, BaseException):
                found.set_exception(answer)
            else:
                found.set_result(answer)
