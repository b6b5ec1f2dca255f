"""Which signs say that a silent site has gone: refused tokens do, a spent quota does not."""

from dataclasses import replace

import pytest

from firstry.domain.cancel import REFUSALS_NEEDED, is_presumed_uninstalled
from firstry.domain.policy import DeferralKind
from firstry.stores.memory import MemoryStore
from support.domain import AUTO_12H, at, install, known, milestone_of


@pytest.mark.parametrize(
    ("kind", "is_a_sign"), [(DeferralKind.TOKEN, True), (DeferralKind.QUOTA, False)]
)
def test_only_a_refused_token_is_a_sign(kind: DeferralKind, is_a_sign: bool) -> None:
    store = MemoryStore()
    install(store)
    put_off = replace(milestone_of(store, AUTO_12H), deferral_kind=kind, deferrals=REFUSALS_NEEDED)
    record = replace(known(store).with_milestone(put_off), last_tick_at=at(0))
    assert is_presumed_uninstalled(record, at(24 * 9)) is is_a_sign
