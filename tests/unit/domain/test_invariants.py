"""The checker of invariants finds what it looks for: each breach, planted, is named.

A history without a breach is broken in one place, and the finding begins with
the number of the invariant that was broken there.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from firstry.domain.instant import iso
from firstry.domain.ledger import SCHEDULER, Entry, genesis, seal
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.outcome import Deferred, Failed
from firstry.domain.policy import DeferralKind, Trigger
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    DEFAULT,
    at,
    complete,
    install,
    known,
    settle_at,
    won,
)
from support.invariants import Snapshot, breaches, breaches_between, breaches_of, snapshot


def history() -> list[Snapshot]:
    """AUTO_12H fails once and completes; AUTO_24H is put off once, fails, and is held."""
    store = MemoryStore()
    install(store)
    seen = [snapshot(store, known(store))]

    def see() -> None:
        seen.append(snapshot(store, known(store)))

    settle_at(store, won(store, at(12)), Failed("CODE", "words"), at(12))
    see()
    complete(store, at(12, 30))
    see()
    settle_at(store, won(store, at(24)), Deferred(DeferralKind.TOKEN, "later"), at(24))
    settle_at(store, won(store, at(24, 15)), Failed("CODE", "words"), at(24, 15))
    won(store, at(24, 45))
    see()
    return seen


GOOD = history()
LAST = GOOD[-1]


def test_a_history_without_a_breach_has_none() -> None:
    assert breaches(GOOD, DEFAULT) == []
    assert breaches([GOOD[0], GOOD[-1]], DEFAULT) == []


def rewritten(change: Callable[[list[dict[str, Any]]], None]) -> Snapshot:
    """Return the last snapshot with another past, sealed as if it had been so."""
    entries = [json.loads(entry.body) for entry in LAST.entries]
    change(entries)
    told = [
        Entry(e["kind"], datetime.fromisoformat(e["at"]), SCHEDULER, e["detail"]) for e in entries
    ]
    sealed, head = seal(genesis(LAST.record.tenant), told)
    return replace(LAST, record=replace(LAST.record, head=head), entries=sealed)


def of_kind(entries: list[dict[str, Any]], kind: str, trigger: Trigger = AUTO_24H) -> Any:
    """Return the last entry of a kind about a trigger."""
    return [e for e in entries if e["kind"] == kind and e["detail"].get("trigger") == trigger][-1]


def _reading(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return next(e for e in entries if e["kind"] == "EVIDENCE_READ")


def past(kind: str, trigger: Trigger = AUTO_24H, **detail: object) -> Callable[[], Snapshot]:
    """Return the snapshot in which the last such entry has other details (or another `at`)."""

    def change(entries: list[dict[str, Any]]) -> None:
        entry = of_kind(entries, kind, trigger)
        entry["at"] = detail.pop("at", entry["at"])
        entry["detail"] |= detail

    return lambda: rewritten(change)


def without(kind: str, trigger: Trigger = AUTO_24H) -> Callable[[], Snapshot]:
    """Return the snapshot in which the last such entry was never written."""
    return lambda: rewritten(lambda entries: entries.remove(of_kind(entries, kind, trigger)))


def twice(kind: str, trigger: Trigger = AUTO_24H) -> Callable[[], Snapshot]:
    """Return the snapshot in which the last such entry was written twice."""
    return lambda: rewritten(lambda entries: entries.append(of_kind(entries, kind, trigger)))


def row(trigger: Trigger, **fields: object) -> Callable[[], Snapshot]:
    """Return the snapshot in which a milestone's row has other fields."""

    def change() -> Snapshot:
        milestone = LAST.record.latest(trigger)
        assert milestone is not None
        other: Milestone = replace(milestone, **fields)  # type: ignore[arg-type]
        return replace(LAST, record=LAST.record.with_milestone(other))

    return change


def reports(*indices: int, **fields: object) -> Callable[[], Snapshot]:
    """Return the snapshot with these of its reports, and other fields in the last one."""

    def change() -> Snapshot:
        kept = [LAST.reports[index] for index in indices]
        kept[-1:] = [replace(each, **fields) for each in kept[-1:]]  # type: ignore[arg-type]
        return replace(LAST, reports=tuple(kept))

    return change


def cut(number: int) -> Callable[[], Snapshot]:
    return lambda: replace(LAST, entries=LAST.entries[:number])


BREACHES: dict[str, tuple[str, Callable[[], Snapshot]]] = {
    "a second report": ("I1", reports(0, 0, report_id="r-2")),
    "a report went": ("I2", reports()),
    "a report of what is not done": ("I2", reports(0, trigger=AUTO_24H)),
    "another digest": ("I2", reports(0, digest="sha256:0")),
    "another body": ("I2", reports(0, body=LAST.reports[0].body + b" ")),
    "a marker of another report": ("I2", row(AUTO_12H, report_id="r-2")),
    "a marker without a state": ("I2", row(AUTO_24H, completed_at=at(25))),
    "a state without a marker": ("I2", row(AUTO_12H, completed_at=None)),
    "a claim after the end": ("I15", row(AUTO_12H, state=State.SCHEDULED)),
    "a fence twice": ("I4", past("CLAIMED", fence=2)),
    "a fence that falls": ("I4", past("CLAIMED", fence=1)),
    "settled under another fence": ("I5", past("FAILED", fence=1)),
    "settled twice": ("I5", twice("FAILED")),
    "an attempt that was not counted": ("I6", past("CLAIMED", attempt=1)),
    "a start that was not counted": ("I15", row(AUTO_24H, starts=2)),
    "claimed before the wait was over": ("I7", past("CLAIMED", at=iso(at(24, 44)))),
    "a failure with another wait": ("I7", past("FAILED", until=iso(at(24, 16)))),
    "a deferral of two days": ("I7", past("DEFERRED", until=iso(at(72)))),
    "claimed before it was due": ("I8", past("CLAIMED", AUTO_12H, at=iso(at(11)))),
    "claimed after its window": ("I8", past("CLAIMED", AUTO_12H, at=iso(at(24)))),
    "a due time of its own": ("I8", row(AUTO_24H, due_at=at(25))),
    "an installation time of its own": (
        "I8",
        row(AUTO_24H, due_at=at(25), installed_at=at(1)),
    ),
    "an entry went from the end": ("I15", cut(-1)),
    "an entry went from the middle": (
        "I15",
        lambda: replace(LAST, entries=LAST.entries[:3] + LAST.entries[4:]),
    ),
    "an entry was edited": (
        "I15",
        lambda: replace(LAST, entries=(replace(LAST.entries[0], body=b"{}"), *LAST.entries[1:])),
    ),
    "a transition without an entry": ("I15", without("FAILED")),
    "an entry without a transition": ("I15", row(AUTO_24H, settled_as=Act.DEFER)),
    "armed without an entry": ("I15", row(AUTO_24H, revision=2)),
    "evidence that the ledger does not hold": (
        "I15",
        lambda: rewritten(lambda entries: entries.remove(_reading(entries))),
    ),
}


@pytest.mark.parametrize(("number", "plant"), BREACHES.values(), ids=BREACHES.keys())
def test_a_planted_breach_is_found(number: str, plant: Callable[[], Snapshot]) -> None:
    found = breaches_of(plant(), DEFAULT)
    assert [breach for breach in found if breach.startswith(number)], found


def _moved_evidence() -> Snapshot:
    installation = replace(LAST.record.installation, installed_at=at(1))
    return replace(LAST, record=replace(LAST.record, installation=installation))


def _milestone_gone() -> Snapshot:
    return replace(LAST, record=replace(LAST.record, milestones=LAST.record.milestones[:1]))


LOSSES: dict[str, tuple[str, Callable[[], Snapshot]]] = {
    "a report went": ("I3", reports()),
    "a report changed": ("I3", reports(0, body=b"{}")),
    "a signature changed": ("I3", reports(0, envelope=b"another")),
    "a milestone went": ("I3", _milestone_gone),
    "a finished one changed": ("I3", row(AUTO_12H, state=State.SCHEDULED)),
    "a finished one changed its time": ("I3", row(AUTO_12H, completed_at=at(13))),
    "a fence fell": ("I4", row(AUTO_24H, fence=0)),
    "starts fell": ("I4, I6", row(AUTO_24H, starts=0)),
    "the evidence moved": ("I8", _moved_evidence),
    "an entry went": ("I15", cut(-2)),
    "an entry changed": ("I15", past("FAILED", message="others")),
}


@pytest.mark.parametrize(("number", "later"), LOSSES.values(), ids=LOSSES.keys())
def test_what_was_lost_or_changed_since_is_found(
    number: str, later: Callable[[], Snapshot]
) -> None:
    found = breaches_between(LAST, later())
    assert [breach for breach in found if breach.startswith(number)], found


def test_a_closing_before_its_time_is_found() -> None:
    """I10: missed inside its window, discarded with attempts left, closed under a lease."""

    def close(kind: str, now: datetime) -> Snapshot:
        entry = {
            "kind": kind,
            "at": iso(now),
            "detail": {"trigger": AUTO_24H, "revision": 1},
        }
        return rewritten(lambda entries: entries.append(entry))

    held_until = at(24, 50)
    for kind in ("MISSED", "DISCARDED"):
        assert any(b.startswith("I10") for b in breaches_of(close(kind, at(99)), DEFAULT))
        early = close(kind, held_until - timedelta(milliseconds=1))
        assert any(b.startswith("I5") for b in breaches_of(early, DEFAULT))
