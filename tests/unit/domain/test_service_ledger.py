"""The service's own ledger chains like a tenant's, and neither passes for the other."""

from firstry.domain.ledger import OPERATOR, Entry, first_break, genesis, seal
from firstry.domain.service_ledger import first_service_break, service_genesis
from support.domain import TENANT, at

ENTRIES = [Entry("FLAG_SWITCHED", at(hours), OPERATOR, {"flag": "manual"}) for hours in (1, 2)]


def test_its_chain_begins_at_its_own_beginning() -> None:
    assert service_genesis().sequence == 0
    chain, head = seal(service_genesis(), ENTRIES)
    assert [entry.sequence for entry in chain] == [1, 2]
    assert first_service_break(chain, head) is None
    assert first_service_break((), service_genesis()) is None


def test_the_chain_of_a_tenant_is_not_the_service_s() -> None:
    ours, head = seal(service_genesis(), ENTRIES)
    theirs, their_head = seal(genesis(TENANT), ENTRIES)
    assert first_service_break(theirs, their_head) == 1
    assert first_break(TENANT, ours, head) == 1


def test_what_is_missing_at_the_end_is_noticed() -> None:
    chain, head = seal(service_genesis(), ENTRIES)
    assert first_service_break(chain[:1], head) is not None
