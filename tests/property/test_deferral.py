"""Deferrals end: for any order of outcomes, and no sooner than each kind's own limit says.

A second, plain statement of the limits follows along beside the code: so many of one kind in
a row are free, and whatever is charged beyond that is a change of kind, once as many
attempts were given back as both kinds allow.
"""

from dataclasses import dataclass
from itertools import cycle

from hypothesis import example, given, settings
from hypothesis import strategies as st

from firstry.domain.claim import Claim
from firstry.domain.milestone import Act, Milestone
from firstry.domain.outcome import Deferred, Failed, Outcome
from firstry.domain.policy import DeferralKind
from firstry.domain.settle import Settled
from firstry.lifecycle.reset import reset
from firstry.stores.memory import MemoryStore
from support.domain import AUTO_24H, TENANT, at, claim_at, install, milestone_of, settle_at

FREE = {DeferralKind.TOKEN: 5, DeferralKind.QUOTA: 48}
BOTH = 53
ATTEMPTS = 10
MOST_STARTS = ATTEMPTS * (1 + BOTH) + 47
"""Ten charged ones, what both kinds give back for each, and the rest of a row that is under way."""

CRASH, RESET = "crash", "reset"
KINDS = st.sampled_from(DeferralKind)
LENGTHS = st.sampled_from([1, 2, 5, 6, 20, 48, 49])
RUNS = st.lists(
    st.tuples(KINDS | st.sampled_from([Act.FAIL, CRASH, RESET]), LENGTHS), min_size=1, max_size=12
)
TURNS = st.lists(st.tuples(KINDS, LENGTHS), min_size=1, max_size=4)


@dataclass
class Site:
    """One milestone without a window, and what is told of it."""

    store: MemoryStore
    held: Claim

    def settled(self, outcome: Outcome) -> Settled:
        answer = settle_at(self.store, self.held, outcome, self.held.decided_at)
        assert isinstance(answer, Settled)
        return answer

    @property
    def milestone(self) -> Milestone:
        return milestone_of(self.store, AUTO_24H)

    def goes_on(self) -> bool:
        """Claim again when that is allowed; False when there is an end."""
        answer = claim_at(self.store, max(self.milestone.next_due, self.held.decided_at))
        assert isinstance(answer, Claim) or not self.milestone.is_live()
        if isinstance(answer, Claim):
            self.held = answer
        return isinstance(answer, Claim)


def _site() -> Site:
    store = MemoryStore()
    install(store)
    held = claim_at(store, at(24))
    assert isinstance(held, Claim)
    return Site(store, held)


def _outcome(kind: DeferralKind | Act) -> Outcome:
    return Deferred(kind, "later") if isinstance(kind, DeferralKind) else Failed("X", "failed")


@given(runs=RUNS)
@example(runs=[(DeferralKind.TOKEN, 1), (DeferralKind.QUOTA, 1)] * 30)
@example(runs=[(DeferralKind.QUOTA, 48), (DeferralKind.TOKEN, 2), (DeferralKind.QUOTA, 4)] * 3)
@example(runs=[(DeferralKind.QUOTA, 48), (RESET, 1), (DeferralKind.QUOTA, 48), (RESET, 1)] * 3)
@settings(max_examples=20, deadline=None)
def test_only_a_change_of_kind_is_charged_before_its_row_is_full(
    runs: list[tuple[DeferralKind | Act | str, int]],
) -> None:
    """I6, I10: within a row, and after a reset, nothing is charged sooner than the row says."""
    site = _site()
    for kind, length in runs:
        for _ in range(length if isinstance(kind, DeferralKind) else 1):
            if kind == RESET:
                reset(site.store, TENANT, AUTO_24H, "why", site.held.decided_at)
            elif kind != CRASH:
                _judge(site, kind)
            if not site.goes_on():
                return


def _judge(site: Site, kind: DeferralKind | Act | str) -> None:
    """Settle with `kind`, and compare the answer with the limits as they stand above."""
    assert isinstance(kind, DeferralKind | Act)
    before = site.milestone
    answer = site.settled(_outcome(kind))
    if not isinstance(kind, DeferralKind):
        assert answer.act is Act.FAIL
        return
    is_full = before.deferral_kind is kind and before.deferrals >= FREE[kind]
    is_change = before.deferral_kind not in (None, kind)
    is_spent = before.starts - before.attempts >= BOTH * before.attempts
    error = answer.milestone.last_error
    if answer.act is Act.DEFER:
        assert not is_full
        assert not (is_change and is_spent)
    else:
        assert error is not None
        code = f"DEFERRED_TOO_OFTEN_{kind.name}" if is_full else "DEFERRED_TOO_OFTEN_BY_TURNS"
        assert error.code == code
        assert is_full or (is_change and is_spent)


@given(turns=TURNS)
@example(turns=[(DeferralKind.TOKEN, 1), (DeferralKind.QUOTA, 1)])
@example(turns=[(DeferralKind.TOKEN, 5), (DeferralKind.QUOTA, 48)])
@settings(max_examples=10, deadline=None)
def test_deferrals_without_an_end_come_to_an_end(turns: list[tuple[DeferralKind, int]]) -> None:
    """I10: whatever the order of kinds, the attempts are used up after a bounded number."""
    site = _site()
    for kind in cycle([kind for kind, length in turns for _ in range(length)]):
        site.settled(_outcome(kind))
        if not site.goes_on():
            break
    assert site.milestone.attempts == ATTEMPTS
    assert site.milestone.starts <= MOST_STARTS


@given(turns=TURNS, is_reset=st.booleans())
@example(turns=[(DeferralKind.QUOTA, 48), (DeferralKind.TOKEN, 5)] * 3, is_reset=True)
@example(turns=[(DeferralKind.TOKEN, 1), (DeferralKind.QUOTA, 1)] * 27, is_reset=False)
@settings(max_examples=10, deadline=None)
def test_refused_tokens_still_come_two_in_a_row(
    turns: list[tuple[DeferralKind, int]], is_reset: bool
) -> None:
    """The sign of an uninstallation that nobody told of is seen, however deferrals went before."""
    site = _site()
    for kind in [kind for kind, length in turns for _ in range(length)]:
        site.settled(_outcome(kind))
        if not site.goes_on():
            return
    if is_reset:
        reset(site.store, TENANT, AUTO_24H, "why", site.held.decided_at)
        assert site.goes_on()
    in_a_row = []
    for _ in range(3):
        if site.milestone.deferral_kind is DeferralKind.TOKEN:
            in_a_row.append(site.milestone.deferrals)
        in_a_row.append(site.settled(_outcome(DeferralKind.TOKEN)).milestone.deferrals)
        if not site.goes_on():
            return
    assert max(in_a_row) >= 2
