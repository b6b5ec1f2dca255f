"""Several tenants in one read: the same records, and nothing waited for where that is asked."""

from pathlib import Path

import pytest

from firstry.domain.record import Change, TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.store import MustWait, Store
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.domain import TENANT, at, install, known, tenant

EVERYBODY = [tenant(number) for number in range(4)]
UNKNOWN = tenant(9)


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
