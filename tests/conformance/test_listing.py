"""Lists: in order, in pages, and never more than a page."""

import pytest

from firstry.domain.ledger import SCHEDULER, Entry
from firstry.domain.outcome import Failed
from firstry.domain.record import Change, TenantRecord, ledgered
from firstry.domain.tenant import CloudId, Tenant
from firstry.ports.store import PAGE_LIMIT, ReportHead, Store
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    TENANT,
    all_entries,
    at,
    claimable_at,
    complete,
    install,
    known,
    tenant,
)

FAILED = Failed("CODE", "words")


def tenants_by(store: Store, size: int) -> list[Tenant]:
    found: list[TenantRecord] = []
    while page := store.tenants(found[-1].tenant.cloud_id if found else None, size):
        assert len(page) <= size
        found += page
    return [record.tenant for record in found]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_tenants_come_in_cloud_id_order_page_by_page(store: Store, size: int) -> None:
    everybody = [tenant(number) for number in (5, 1, 4, 2, 3, 0, 6)]
    for who in everybody:
        install(store, who)
    assert tenants_by(store, size) == sorted(everybody, key=lambda who: who.cloud_id)


def test_a_listed_tenant_is_the_tenant_that_is_read(store: Store) -> None:
    for number in range(3):
        install(store, tenant(number))
    complete(store, at(12), tenant(1))
    assert [known(store, record.tenant) for record in store.tenants(None, 10)] == list(
        store.tenants(None, 10)
    )


@pytest.mark.parametrize("after", ["", "A", "a", "site-00001x", "~"])
def test_a_page_begins_behind_any_id(store: Store, after: str) -> None:
    ids = ["0", "A", "Z", "_", "a", "site-00001", "site-00002", "z"]
    for cloud_id in ids:
        install(store, Tenant.from_row(cloud_id))
    listed = [record.tenant.cloud_id for record in store.tenants(CloudId(after), 100)]
    assert listed == [cloud_id for cloud_id in sorted(ids) if cloud_id > after]


def test_a_page_of_none_is_empty(store: Store) -> None:
    install(store)
    complete(store, at(12))
    pages = (store.tenants(None, 0), store.reports(None, None, 0), store.entries(TENANT, 0, 0))
    assert [len(page) for page in (*pages, claimable_at(store, at(24), limit=0))] == [0] * 4


def heads_by(store: Store, who: Tenant | None, size: int) -> list[ReportHead]:
    found: list[ReportHead] = []
    while page := store.reports(who, found[-1].report_id if found else None, size):
        assert len(page) <= size
        found += page
    return found


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_reports_come_in_id_order_of_one_tenant_or_of_all(store: Store, size: int) -> None:
    """I9: the list of one tenant holds no other's."""
    made = []
    for number in range(3):
        install(store, tenant(number))
    for hours in (12, 24):
        made += [complete(store, at(hours), tenant(number)) for number in range(3)]
    listed = heads_by(store, None, size)
    assert [head.report_id for head in listed] == sorted(report.report_id for report in made)
    for number in range(3):
        own = heads_by(store, tenant(number), size)
        assert {head.trigger for head in own} == {AUTO_12H, AUTO_24H}
        assert [head for head in listed if head.tenant == tenant(number)] == own


def test_a_listed_report_is_the_one_that_is_stored(store: Store) -> None:
    install(store)
    report = complete(store, at(12))
    (head,) = store.reports(TENANT, None, 10)
    assert head == ReportHead(
        report.report_id, TENANT, AUTO_12H, 1, report.generated_at, report.digest
    )


@pytest.mark.parametrize("size", [1, 3, 100])
def test_entries_come_in_order_behind_a_sequence(store: Store, size: int) -> None:
    install(store)
    complete(store, at(12))
    whole = all_entries(store)
    assert len(whole) == 8
    for after in range(len(whole) + 2):
        assert tuple(store.entries(TENANT, after, size)) == whole[after : after + size]


def test_nobody_has_no_entries(store: Store) -> None:
    assert list(store.entries(tenant(9), 0, 10)) == []


@pytest.mark.timeout(120)
def test_no_list_is_longer_than_a_page(store: Store) -> None:
    install(store)

    def fill(record: TenantRecord | None) -> Change[None]:
        assert record is not None
        notes = [Entry("NOTE", at(1), SCHEDULER, {"n": n}) for n in range(PAGE_LIMIT + 5)]
        return Change(None, *ledgered(record, notes))

    store.transact(TENANT, at(1), fill)
    for number in range(PAGE_LIMIT + 5):
        install(store, tenant(number))
    assert len(store.entries(TENANT, 0, 10 * PAGE_LIMIT)) == PAGE_LIMIT
    assert len(store.tenants(None, 10 * PAGE_LIMIT)) == PAGE_LIMIT
    assert len(claimable_at(store, at(12), limit=10 * PAGE_LIMIT)) == PAGE_LIMIT
