"""When a tenant is erased by itself, and when it counts as erased."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from firstry.domain.erasure import erase_at, is_erased
from firstry.domain.ledger import Head
from firstry.domain.record import Erasure, Installation, InstallationSource, TenantRecord
from support.domain import INSTALLED_AT, MOMENT, TENANT, at

HEAD = Head(7, "sha256:" + "0" * 64)
EVIDENCE = Installation(INSTALLED_AT, InstallationSource.LIFECYCLE)
RECORD = TenantRecord(TENANT, EVIDENCE, HEAD)
GONE = replace(RECORD, uninstalled_at=at(5))
DAYS = timedelta(days=90)


def test_a_tenant_is_erased_until_something_is_told_again() -> None:
    erased = replace(RECORD, erasure=Erasure(at(3), 7))
    assert is_erased(erased)
    assert not is_erased(replace(erased, head=Head(8, HEAD.hash)))
    assert not is_erased(RECORD)


def test_retention_counts_from_the_uninstallation() -> None:
    assert erase_at(GONE, DAYS) == at(5) + DAYS
    assert erase_at(RECORD, DAYS) is None
    assert erase_at(GONE, None) is None


@pytest.mark.parametrize("erased_at", [at(5), at(5) + MOMENT])
def test_what_was_erased_after_the_uninstallation_is_not_erased_again(erased_at: datetime) -> None:
    assert erase_at(replace(GONE, erasure=Erasure(erased_at, 7)), DAYS) is None


def test_what_was_told_after_an_erasure_is_erased_in_its_turn() -> None:
    """The site came back after an erasure, and has gone again."""
    assert erase_at(replace(GONE, erasure=Erasure(at(5) - MOMENT, 3)), DAYS) == at(5) + DAYS
