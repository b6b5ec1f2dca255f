"""Whole stories on every store: at each step the invariants hold and the ledger tells it all."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from firstry.domain.claim import Claim
from firstry.domain.ledger import OPERATOR
from firstry.domain.milestone import Act
from firstry.domain.outcome import Deferred, Failed, Outcome
from firstry.domain.policy import DeferralKind, Policy
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause, resume
from firstry.lifecycle.reset import reset
from firstry.lifecycle.retry import retry_now
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.store import Store
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    DEFAULT,
    TENANT,
    at,
    claim_at,
    completed,
    install,
    known,
    settle_at,
    tick_at,
    won,
)
from support.invariants import Snapshot, breaches, snapshot

FAILED = Failed("CODE", "words")
REFUSED = Deferred(DeferralKind.TOKEN, "refused")
THROTTLED = Deferred(DeferralKind.QUOTA, "throttled")


@dataclass(slots=True)
class Story:
    """One tenant on one store, with every committed state of it."""

    store: Store
    policy: Policy = DEFAULT
    history: list[Snapshot] = field(default_factory=list)

    def see(self) -> None:
        self.history.append(snapshot(self.store, known(self.store)))

    def claim(self, now: datetime) -> Claim:
        held = won(self.store, now, policy=self.policy)
        self.see()
        return held

    def settle(self, held: Claim, outcome: Outcome | None, now: datetime) -> None:
        """Settle with `outcome`, or with a report if None."""
        settle_at(self.store, held, outcome or completed(held), now, self.policy)
        self.see()

    def tick(self, now: datetime) -> None:
        tick_at(self.store, now, policy=self.policy)
        self.see()

    def kinds(self) -> list[str]:
        told = [json.loads(entry.body)["kind"] for entry in self.history[-1].entries]
        return [kind for kind in told if kind != "EVIDENCE_READ"]


def good_day(story: Story) -> list[str]:
    story.settle(story.claim(at(12)), None, at(12, 1))
    story.settle(story.claim(at(24)), None, at(24, 1))
    return ["CLAIMED", "COMPLETED", "CLAIMED", "COMPLETED"]


def failures_then_success(story: Story) -> list[str]:
    story.settle(story.claim(at(12)), FAILED, at(12))
    story.settle(story.claim(at(12, 30)), FAILED, at(12, 30))
    story.settle(story.claim(at(14, 30)), None, at(14, 31))
    return ["CLAIMED", "FAILED", "CLAIMED", "FAILED", "CLAIMED", "COMPLETED"]


def crash_then_success(story: Story) -> list[str]:
    story.claim(at(12))
    story.settle(story.claim(at(12, 35)), None, at(12, 36))
    return ["CLAIMED", "CLAIMED", "COMPLETED"]


def stale_worker_comes_back(story: Story) -> list[str]:
    stale = story.claim(at(12))
    held = story.claim(at(12, 35))
    story.settle(stale, None, at(12, 36))
    story.settle(held, FAILED, at(12, 37))
    story.settle(stale, None, at(12, 38))
    return ["CLAIMED", "CLAIMED", "FAILED"]


def settle_sent_three_times(story: Story) -> list[str]:
    held = story.claim(at(12))
    for minutes in (1, 2, 3):
        story.settle(held, None, at(12, minutes))
    return ["CLAIMED", "COMPLETED"]


def deferrals_then_success(story: Story) -> list[str]:
    story.settle(story.claim(at(12)), REFUSED, at(12))
    story.settle(story.claim(at(12, 15)), THROTTLED, at(12, 15))
    story.settle(story.claim(at(12, 16)), None, at(12, 16))
    return ["CLAIMED", "DEFERRED", "CLAIMED", "DEFERRED", "CLAIMED", "COMPLETED"]


def missed_while_waiting(story: Story) -> list[str]:
    story.settle(story.claim(at(23)), FAILED, at(23, 59))
    story.tick(at(24))
    return ["CLAIMED", "FAILED", "MISSED", "CLAIMED"]


def used_up(story: Story) -> list[str]:
    story.policy = Policy(max_attempts=2)
    story.settle(story.claim(at(24)), FAILED, at(24))
    story.claim(at(24, 30))
    story.tick(at(99))
    return ["MISSED", "CLAIMED", "FAILED", "CLAIMED", "DISCARDED"]


def retried_by_hand(story: Story) -> list[str]:
    story.settle(story.claim(at(12)), FAILED, at(12))
    retry_now(story.store, TENANT, AUTO_12H, "Jira is back", at(12, 1))
    story.see()
    story.settle(story.claim(at(12, 1)), None, at(12, 2))
    return ["CLAIMED", "FAILED", "RETRY_REQUESTED", "CLAIMED", "COMPLETED"]


def retried_after_a_crash(story: Story) -> list[str]:
    stale = story.claim(at(12))
    retry_now(story.store, TENANT, AUTO_12H, "the worker died", at(12, 6))
    story.settle(stale, None, at(12, 7))
    story.settle(story.claim(at(12, 8)), None, at(12, 9))
    return ["CLAIMED", "RETRY_REQUESTED", "CLAIMED", "COMPLETED"]


def reset_when_done(story: Story) -> list[str]:
    story.settle(story.claim(at(12)), None, at(12))
    reset(story.store, TENANT, AUTO_12H, "counted wrongly", at(13))
    story.see()
    story.settle(story.claim(at(13)), None, at(13))
    return ["CLAIMED", "COMPLETED", "RESET", "CLAIMED", "COMPLETED"]


def reset_while_held(story: Story) -> list[str]:
    stale = story.claim(at(12))
    reset(story.store, TENANT, AUTO_12H, "start over", at(12, 1))
    story.see()
    story.settle(stale, None, at(12, 2))
    story.settle(story.claim(at(12, 3)), None, at(12, 4))
    return ["CLAIMED", "RESET", "CLAIMED", "COMPLETED"]


def asked_for(story: Story) -> list[str]:
    for hours in (1, 2):
        request_report(story.store, TENANT, "audit", OPERATOR, at(hours), DEFAULT)
        story.see()
        story.settle(story.claim(at(hours)), FAILED, at(hours))
        request_report(story.store, TENANT, "audit", OPERATOR, at(hours, 1), DEFAULT)
        story.settle(story.claim(at(hours, 1)), None, at(hours, 2))
    return ["MANUAL_REQUESTED", "CLAIMED", "FAILED", "MANUAL_REQUESTED", "CLAIMED", "COMPLETED"] * 2


def uninstalled_and_back(story: Story) -> list[str]:
    story.settle(story.claim(at(12)), None, at(12))
    held = story.claim(at(24))
    record_uninstallation(story.store, TENANT, None, at(24, 1))
    story.see()
    story.settle(held, None, at(24, 2))
    install(story.store, installed_at=at(30), installation_id="second", now=at(30))
    story.see()
    story.settle(story.claim(at(54)), None, at(54))
    return [
        "CLAIMED",
        "COMPLETED",
        "CLAIMED",
        "UNINSTALLED",
        "CANCELLED",
        "REINSTALLED",
        "CLAIMED",
        "COMPLETED",
    ]


def paused_over_a_window(story: Story) -> list[str]:
    held = story.claim(at(12))
    pause(story.store, TENANT, "migration", at(12, 1))
    story.settle(held, FAILED, at(12, 2))
    story.tick(at(24))
    resume(story.store, TENANT, "done", at(25))
    story.tick(at(25))
    return ["CLAIMED", "PAUSED", "FAILED", "RESUMED", "MISSED", "CLAIMED"]


def silent_and_refused(story: Story) -> list[str]:
    story.tick(at(11))
    story.settle(story.claim(at(24)), REFUSED, at(24))
    story.settle(story.claim(at(24, 15)), REFUSED, at(24, 15))
    claim_at(story.store, at(11 + 72))
    story.see()
    return [
        "MISSED",
        "CLAIMED",
        "DEFERRED",
        "CLAIMED",
        "DEFERRED",
        "PRESUMED_UNINSTALLED",
        "CANCELLED",
    ]


STORIES = (
    good_day,
    failures_then_success,
    crash_then_success,
    stale_worker_comes_back,
    settle_sent_three_times,
    deferrals_then_success,
    missed_while_waiting,
    used_up,
    retried_by_hand,
    retried_after_a_crash,
    reset_when_done,
    reset_while_held,
    asked_for,
    uninstalled_and_back,
    paused_over_a_window,
    silent_and_refused,
)


@pytest.mark.parametrize("tell", STORIES, ids=lambda story: story.__name__)
def test_a_story_keeps_every_invariant(store: Store, tell: Callable[[Story], list[str]]) -> None:
    """I1 to I8, I15: the chain verifies, and every transition left one entry and no more."""
    story = Story(store)
    install(store)
    story.see()
    expected = tell(story)
    story.see()
    assert breaches(story.history, story.policy) == []
    assert story.kinds() == ["INSTALLED", *expected]


def test_the_stories_show_every_transition() -> None:
    """So that a transition without a story is found. ARMED is told by the entry that armed it."""
    shown: set[str] = set()
    for tell in STORIES:
        store = MemoryStore()
        install(store)
        shown |= set(tell(Story(store)))
    assert {act.value for act in Act} - shown == {Act.ARM.value}
