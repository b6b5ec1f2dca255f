"""Several tenants in one read: the same records, and nothing waited for where that is asked."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from firstry.domain.record import Change, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.store import MustWait, Store
from firstry.stores.sql.postgres.store import PostgresStore
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.domain import TENANT, at, install, known, tenant
from support.postgres_service import new_service_database
from support.wire import until

EVERYBODY = [tenant(number) for number in range(4)]
UNKNOWN = tenant(9)
END_WHO_WAITS = b"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND usename = 'firstry_service'
"""
READS: Mapping[str, Callable[[Store], object]] = {
    "read": lambda store: store.read(TENANT),
    "read_many": lambda store: store.read_many((TENANT,))[TENANT],
}


def found_at_once(store: Store, who: Tenant) -> object:
    """Return what is read at once, or what an ordinary read says where that has to wait."""
    try:
        return store.read_many((who,), at_once=True).get(who)
    except MustWait:
        return store.read(who)


def test_many_are_read_as_each_alone(store: Store) -> None:
    for who in EVERYBODY:
        install(store, who)
    found = store.read_many([*reversed(EVERYBODY), UNKNOWN])
    assert found == {who: known(store, who) for who in EVERYBODY}


def test_nobody_is_read_as_nobody(store: Store) -> None:
    install(store, TENANT)
    assert store.read_many([]) == {}


@pytest.mark.parametrize("who", [TENANT, UNKNOWN], ids=["known", "unknown"])
def test_what_is_read_at_once_is_what_is_read(store: Store, who: Tenant) -> None:
    install(store, TENANT)
    assert found_at_once(store, who) == store.read(who)


def test_a_file_is_read_at_once_unless_its_connections_are_in_use(tmp_path: Path) -> None:
    upgrade(tmp_path / "store.db")
    store = SqliteStore(tmp_path / "store.db")
    install(store)
    assert store.read_many((TENANT,), at_once=True) == {TENANT: known(store)}

    def looks_meanwhile(_: TenantRecord | None) -> Change[None]:
        with pytest.raises(MustWait):
            store.read_many((TENANT,), at_once=True)
        return Change(None)

    store.transact(TENANT, at(1), looks_meanwhile)
    assert store.read_many((TENANT,), at_once=True) == {TENANT: known(store)}
    store.close()


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_a_read_whose_session_ends_amid_it_is_made_again(read: Callable[[Store], object]) -> None:
    """Whoever ends it, a server that is stopped or an operator: it costs no tick."""
    database = new_service_database()
    store = PostgresStore(database.url)
    install(store)
    with psycopg.connect(database.admin_url) as admin, ThreadPoolExecutor(1) as threads:
        admin.execute("LOCK TABLE tenant IN ACCESS EXCLUSIVE MODE")
        found = threads.submit(read, store)
        wait = until()
        while not admin.execute(END_WHO_WAITS).fetchall():
            wait.more("the read to wait")
        admin.rollback()
        assert found.result(10) == known(store)
    store.close()
