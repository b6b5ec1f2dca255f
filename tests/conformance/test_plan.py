"""Settings with other triggers or ages, on every store: what has not begun is planned anew."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import Milestone, State
from firstry.domain.outcome import Failed
from firstry.domain.plan import Fate, replanning
from firstry.domain.policy import CatchUp, Policy, Trigger
from firstry.domain.record import Order
from firstry.domain.tenant import Tenant
from firstry.insight.scan import ScanInsight
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.plan import PlanLine, changes, preview, replan
from firstry.lifecycle.reset import reset
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.store import Store
from support.backing import Backing
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    INSTALLED_AT,
    TENANT,
    all_entries,
    at,
    claim_at,
    complete,
    completed,
    install,
    known,
    milestone_of,
    settle_at,
    tenant,
    won,
)
from support.invariants import breaches, snapshot

AUTO_48H = Trigger("AUTO_48H")
HOUR = timedelta(hours=1)


def by(catch_up: CatchUp = CatchUp.LATEST, **hours: float) -> Policy:
    """Return settings with these triggers and their ages in hours."""
    ages = tuple((Trigger(name), hour * HOUR) for name, hour in hours.items())
    return replace(DEFAULT, triggers=ages, catch_up=catch_up)


LATER = by(AUTO_12H=18, AUTO_24H=36)


def ordered(now: datetime) -> Order:
    return Order("longer ages", OPERATOR, now)


def done(store: Store, now: datetime, policy: Policy) -> Sequence[PlanLine]:
    """Look, then do it; what is done is what was shown, and then nothing is left to do."""
    shown = [line for line in preview(store, now, policy) if line.fate is not Fate.STAYS]
    before = snapshot(store, known(store))
    assert ScanInsight(store).count_outdated(now, policy) == changes(shown)
    did = replan(store, ordered(now), policy, lambda _: None)
    assert did == shown
    assert not changes(preview(store, now, policy))
    after = snapshot(store, known(store))
    found = breaches([before, after], policy)
    assert [breach for breach in found if not breach.startswith("I8: the due time is not")] == []
    assert replan(store, ordered(now), policy, lambda _: None) == []
    assert snapshot(store, known(store)) == after, "a second time changes nothing"
    return did


def seen(milestone: Milestone) -> tuple[float, float | None]:
    """Return due time and window's end in hours after the installation."""
    end = milestone.window_end_at
    window = None if end is None else (end - INSTALLED_AT) / HOUR
    return (milestone.due_at - INSTALLED_AT) / HOUR, window


def test_what_has_not_begun_moves_and_its_due_time_is_evidence_plus_age(store: Store) -> None:
    install(store)
    did = done(store, at(1), LATER)
    assert [(x.trigger, x.fate, x.age, x.new_age, x.count, x.due, x.over) for x in did] == [
        (AUTO_12H, Fate.MOVES, 12 * HOUR, 18 * HOUR, 1, 0, 0),
        (AUTO_24H, Fate.MOVES, 24 * HOUR, 36 * HOUR, 1, 0, 0),
    ]
    assert milestone_of(store, AUTO_12H).state is State.CANCELLED
    assert seen(milestone_of(store, AUTO_12H)) == (12, 24), "what was planned stays readable"
    assert seen(milestone_of(store, AUTO_12H, revision=2)) == (18, 36)
    assert seen(milestone_of(store, AUTO_24H, revision=2)) == (36, None)
    assert claim_at(store, at(13), policy=LATER) == Quiet(Reason.NOT_DUE)
    complete(store, at(18), policy=LATER)
    complete(store, at(36), policy=LATER)


def test_each_change_leaves_its_entries_with_the_reason(store: Store) -> None:
    install(store)
    done(store, at(1), LATER)
    told = [json.loads(entry.body) for entry in all_entries(store)][1:]
    assert [(entry["kind"], entry["detail"]["trigger"]) for entry in told] == [
        ("CANCELLED", "AUTO_12H"),
        ("REPLANNED", "AUTO_12H"),
        ("CANCELLED", "AUTO_24H"),
        ("REPLANNED", "AUTO_24H"),
    ]
    assert {(each["actor"], each["detail"]["reason"]) for each in told} == {
        ("operator", "longer ages")
    }
    assert told[1]["detail"]["armed"] == [
        {"trigger": "AUTO_12H", "revision": 2, "due_at": "2026-01-01T18:00:00.000Z"}
    ]


def test_what_was_begun_or_ended_stays(store: Store) -> None:
    install(store)
    failed = won(store, at(12))
    settle_at(store, failed, Failed("CODE", "words"), at(12))
    (mine, _) = known(store).milestones
    did = done(store, at(12, 10), LATER)
    assert [(x.trigger, x.fate) for x in did] == [(AUTO_24H, Fate.MOVES)]
    assert known(store).milestone(AUTO_12H, 1) == mine
    stays = [x for x in preview(store, at(12, 10), LATER) if x.fate is Fate.STAYS]
    assert [(x.trigger, x.count) for x in stays] == [(AUTO_12H, 1)]
    complete(store, at(12, 30), policy=LATER)
    assert preview(store, at(13), LATER) == [], "what has ended is no plan"


def test_a_claim_that_comes_first_wins(store: Store) -> None:
    """The plan was looked at, then a worker claimed: the running attempt is not touched."""
    install(store)
    policy = by(AUTO_12H=13, AUTO_24H=36)
    now = at(12, 1)
    shown = preview(store, now, policy)
    held = won(store, at(12))
    did = store.transact(TENANT, now, replanning(ordered(now), policy))
    assert (changes(shown), [x.fate for x in did]) == (2, [Fate.STAYS, Fate.MOVES])
    assert settle_at(store, held, completed(held), at(12, 2)) is not None
    assert milestone_of(store, AUTO_12H).state is State.COMPLETED


def test_shorter_ages_make_due_at_once_and_say_what_is_too_late(store: Store) -> None:
    install(store)
    did = done(store, at(7), by(AUTO_12H=2, AUTO_24H=6))
    assert [(x.trigger, x.due, x.over) for x in did] == [(AUTO_12H, 0, 1), (AUTO_24H, 1, 0)]
    held = won(store, at(7), policy=by(AUTO_12H=2, AUTO_24H=6))
    assert held.trigger == AUTO_24H
    assert milestone_of(store, AUTO_12H, revision=2).state is State.MISSED


def test_a_window_alone_moves_in_its_place(store: Store) -> None:
    install(store)
    did = done(store, at(1), by(AUTO_12H=12, AUTO_24H=48))
    assert [(x.trigger, x.fate) for x in did] == [
        (AUTO_12H, Fate.WINDOW_MOVES),
        (AUTO_24H, Fate.MOVES),
    ]
    assert seen(milestone_of(store, AUTO_12H)) == (12, 48)
    assert known(store).latest(AUTO_12H) == milestone_of(store, AUTO_12H)
    did = done(store, at(2), by(CatchUp.ALL, AUTO_12H=12, AUTO_24H=48))
    assert [(x.trigger, x.fate) for x in did] == [(AUTO_12H, Fate.WINDOW_MOVES)]
    assert seen(milestone_of(store, AUTO_12H)) == (12, None)


def test_a_new_trigger_is_armed_where_it_is_still_to_come(store: Store) -> None:
    install(store)
    policy = by(AUTO_12H=12, AUTO_24H=24, AUTO_48H=48)
    did = done(store, at(2), policy)
    assert [(x.trigger, x.fate) for x in did] == [
        (AUTO_24H, Fate.WINDOW_MOVES),
        (AUTO_48H, Fate.ADDED),
    ]
    assert seen(milestone_of(store, AUTO_48H)) == (48, None)
    old = tenant(9)
    install(store, old)
    assert {x.trigger for x in preview(store, at(49), policy)} == {AUTO_24H}
    replan(store, ordered(at(49)), policy, lambda _: None)
    assert known(store, old).latest(AUTO_48H) is None, "it is older than that"


def test_a_trigger_that_is_taken_away_is_cancelled_unless_begun(store: Store) -> None:
    install(store)
    began = tenant(9)
    install(store, began)
    held = won(store, at(12), began)
    done(store, at(12, 1), by(AUTO_24H=24))
    assert milestone_of(store, AUTO_12H).state is State.CANCELLED
    assert known(store).latest(AUTO_12H) == milestone_of(store, AUTO_12H)
    assert milestone_of(store, held.trigger, began).state is State.CLAIMED


def test_what_an_operator_ordered_again_stays(store: Store) -> None:
    install(store)
    complete(store, at(12))
    reset(store, TENANT, AUTO_12H, "again", at(13))
    request_report(store, TENANT, "now", OPERATOR, at(13), DEFAULT)
    policy = by(AUTO_12H=48, AUTO_24H=72)
    did = done(store, at(13), policy)
    assert {x.trigger for x in did} == {AUTO_24H}
    assert milestone_of(store, AUTO_12H, revision=2).state is State.SCHEDULED
    assert seen(milestone_of(store, AUTO_12H, revision=2)) == (12, None)
    assert not [x for x in preview(store, at(13), DEFAULT) if x.trigger == AUTO_12H]


def test_back_to_the_first_ages(store: Store) -> None:
    """Each change is one revision more; a plan that was planned before is no order."""
    install(store)
    done(store, at(1), LATER)
    did = done(store, at(2), DEFAULT)
    assert [(x.trigger, x.fate) for x in did] == [(AUTO_12H, Fate.MOVES), (AUTO_24H, Fate.MOVES)]
    assert seen(milestone_of(store, AUTO_12H, revision=3)) == (12, 24)
    complete(store, at(12))
    assert claim_at(store, at(13)) == Quiet(
        Reason.DONE_KEY_EXISTS, milestone_of(store, AUTO_12H, revision=3)
    )


@pytest.mark.parametrize("gone", ["uninstalled", "unknown"])
def test_nothing_is_planned_for_who_is_gone_or_not_known(store: Store, gone: str) -> None:
    install(store)
    if gone == "uninstalled":
        record_uninstallation(store, TENANT, None, at(1))
    else:
        assert store.transact(tenant(9), at(1), replanning(ordered(at(1)), LATER)) == ()
        return
    assert preview(store, at(2), LATER) == []


def test_many_tenants_go_in_batches_and_a_second_run_does_the_rest(store: Store) -> None:
    for number in range(230):
        install(store, tenant(number))
    steps: list[int] = []

    def stop(count: int) -> None:
        steps.append(count)
        if count == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replan(store, ordered(at(1)), LATER, stop)
    assert changes(preview(store, at(1), LATER)) == 260
    did = replan(store, ordered(at(1)), LATER, steps.append)
    assert (changes(did), steps) == (260, [100, 100, 130])


def test_workers_that_claim_at_the_same_moment(shared: Backing) -> None:
    """Each milestone is either claimed as it was planned, or planned anew and not claimed."""
    policy, now, everybody = by(AUTO_12H=20, AUTO_24H=40), at(12), [tenant(n) for n in range(60)]
    stores = [shared.open() for _ in range(3)]
    for who in everybody:
        install(stores[0], who)
    both = Barrier(3)

    def claims(store: Store, whose: Sequence[Tenant]) -> list[Claim]:
        both.wait()
        found = [claim_at(store, now, who) for who in whose]
        return [each for each in found if isinstance(each, Claim)]

    def plans(store: Store) -> Sequence[PlanLine]:
        both.wait()
        return replan(store, ordered(now), policy, lambda _: None)

    with ThreadPoolExecutor(3) as threads:
        claiming = [
            threads.submit(claims, stores[0], everybody[:30]),
            threads.submit(claims, stores[1], everybody[:29:-1]),
        ]
        did = threads.submit(plans, stores[2]).result()
        won_by = {held.tenant for each in claiming for held in each.result()}
    moved = sum(line.count for line in did if line.trigger == AUTO_12H)
    assert moved + len(won_by) == len(everybody)
    for who in everybody:
        first = milestone_of(stores[0], AUTO_12H, who)
        assert first.state is (State.CLAIMED if who in won_by else State.CANCELLED)
    for store in stores:
        store.close()
