"""Ticks that arrive together are read together, and each gets its own answer."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from firstry.domain.errors import Defect, FirstryError, StoreUnavailable
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.store import MustWait
from firstry.stores.memory import MemoryStore
from firstry.web.remote.reader import Reader
from support.domain import install, tenant

EVERYBODY = [tenant(number) for number in range(6)]


class Distant(MemoryStore):
    """A store that has to be waited for: the first read ends when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[Tenant]] = []
        self.came, self.may_go = threading.Event(), threading.Event()
        self.lost: FirstryError | None = None
        self.unreadable: Tenant | None = None

    def read(self, tenant: Tenant) -> TenantRecord | None:
        if tenant == self.unreadable:
            raise Defect("a row of this tenant cannot be read")
        return super().read(tenant)

    def read_many(
        self, tenants: Sequence[Tenant], *, at_once: bool = False
    ) -> Mapping[Tenant, TenantRecord]:
        if at_once:
            raise MustWait
        self.groups.append(list(tenants))
        self.came.set()
        assert self.may_go.wait(10)
        if self.lost is not None:
            raise self.lost
        if self.unreadable in tenants:
            raise Defect("a row of this tenant cannot be read")
        return super().read_many(tenants)


Answers = list[TenantRecord | BaseException | None]


def answers(store: Distant, then: Callable[[Reader], Awaitable[object]]) -> Answers:
    """Return what reads of everybody say that were begun while the first one's was under way."""

    async def gathered() -> Answers:
        reader = Reader(store)
        first = asyncio.ensure_future(reader.read(EVERYBODY[0]))
        assert await asyncio.to_thread(store.came.wait, 10)
        others = [asyncio.ensure_future(reader.read(each)) for each in EVERYBODY[1:]]
        await asyncio.sleep(0)
        await then(reader)
        store.may_go.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        reader.close()
        return found

    return asyncio.run(gathered())


async def nothing(_: Reader) -> None:
    """Let everybody wait."""


@pytest.fixture
def store() -> Distant:
    store = Distant()
    for each in EVERYBODY[:-1]:
        install(store, each)
    return store


def test_who_comes_during_a_read_goes_along_with_the_next(store: Distant) -> None:
    found = answers(store, nothing)
    assert store.groups == [EVERYBODY[:1], EVERYBODY[1:]]
    assert found == [store.read(each) for each in EVERYBODY]


def test_one_that_cannot_be_read_stands_in_nobodys_way(store: Distant) -> None:
    store.unreadable = EVERYBODY[2]
    found = answers(store, nothing)
    assert isinstance(found.pop(2), Defect)
    assert found == [store.read(each) for each in EVERYBODY if each != store.unreadable]


def test_a_store_that_is_lost_is_told_to_everybody(store: Distant) -> None:
    store.lost = StoreUnavailable("gone")
    found = answers(store, nothing)
    assert len(store.groups) == 2
    assert found == [store.lost] * len(EVERYBODY)


def test_who_gives_up_is_not_read_and_holds_up_nobody(store: Distant) -> None:
    async def one_gives_up(reader: Reader) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(tenant(7)), 0.01)

    found = answers(store, one_gives_up)
    assert tenant(7) not in store.groups[1]
    assert found == [store.read(each) for each in EVERYBODY]
