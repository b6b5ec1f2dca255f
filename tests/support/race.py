"""What two sessions race for, and what may come of it (T4).

A scene is where a tenant stands when both begin; an act is what a session does then.
Whatever the order of the statements, the end must be one that the model reaches by
one act after the other, with the same answers, and no invariant may be broken.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations_with_replacement, count, product
from random import Random

from firstry.domain.claim import Claim, claim
from firstry.domain.errors import FirstryError
from firstry.domain.ledger import OPERATOR
from firstry.domain.outcome import Failed
from firstry.domain.record import Order
from firstry.domain.tenant import Tenant
from firstry.lifecycle.erase import erase
from firstry.lifecycle.pause import resume
from firstry.lifecycle.reset import reset
from firstry.lifecycle.retry import retry_now
from firstry.ports.store import Store
from firstry.stores.memory import MemoryStore
from support.domain import (
    AUTO_12H,
    DEFAULT,
    INSTALLED_AT,
    all_entries,
    all_reports,
    claim_at,
    completed,
    install,
    settle_at,
    tenant,
    won,
)
from support.interleaving import Choose, Played, Stage, orders, some_orders
from support.invariants import Snapshot, breaches_between, breaches_of, snapshot

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DUE = 12 * HOUR
TOKEN_LIVES = timedelta(days=30)
serial = count(1)
"""Every race has tenants and days of its own, so that one database serves them all."""


@dataclass(frozen=True, slots=True)
class Part:
    """What an act works on: the tenants, the instant, and the claim that the session holds."""

    whom: Sequence[Tenant]
    now: datetime
    held: Claim | None


def _claim_all(store: Store, part: Part, whom: Sequence[Tenant]) -> object:
    work = {who: lambda record: claim(record, part.now, DEFAULT) for who in whom}
    answers = store.transact_many(part.now, work)
    return [answers[who] for who in part.whom]


def _complete(store: Store, part: Part) -> object:
    assert part.held is not None
    return settle_at(store, part.held, completed(part.held), part.now)


def _fail(store: Store, part: Part) -> object:
    assert part.held is not None
    return settle_at(store, part.held, Failed("CODE", "words"), part.now)


Act = Callable[[Store, Part], object]
ACTS: Mapping[str, Act] = {
    "claim": lambda store, part: claim_at(store, part.now, part.whom[0]),
    "settle-complete": _complete,
    "settle-fail": _fail,
    "reset": lambda store, part: reset(store, part.whom[0], AUTO_12H, "why", part.now),
    "retry": lambda store, part: retry_now(store, part.whom[0], AUTO_12H, "why", part.now),
    "resume": lambda store, part: resume(store, part.whom[0], "why", part.now),
    "erase": lambda store, part: erase(store, part.whom[0], Order("why", OPERATOR, part.now)),
    "install": lambda store, part: install(
        store, part.whom[0], installed_at=part.now, token_until=part.now + TOKEN_LIVES
    ),
    "claim last": lambda store, part: claim_at(store, part.now, part.whom[-1]),
    "claim all": lambda store, part: _claim_all(store, part, part.whom),
    "claim all, from the end": lambda store, part: _claim_all(store, part, part.whom[::-1]),
}
PROTOCOL = ("claim", "settle-complete", "settle-fail", "reset", "retry")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the tenants stand. Instants are counted from the installation.

    `claims` is when AUTO_12H was claimed; of two claims the first session holds the
    older one. `is_done`: the last claim was settled with its report.
    """

    name: str
    acts: Sequence[str]
    now: timedelta
    claims: Sequence[timedelta] = ()
    is_done: bool = False
    tenants: int = 1
    is_known: bool = True

    def pairs(self) -> Sequence[tuple[str, str]]:
        """Return the pairs of acts; who does which matters where they hold different claims."""
        if len(self.claims) > 1:
            return list(product(self.acts, self.acts))
        return list(combinations_with_replacement(self.acts, 2))

    def prepare(self, store: Store, whom: Sequence[Tenant], begin: datetime) -> list[Claim]:
        """Bring the tenants here; return the claims of the first."""
        for who in whom if self.is_known else ():
            install(store, who, installed_at=begin, token_until=begin + TOKEN_LIVES)
        held = [won(store, begin + at, whom[0]) for at in self.claims]
        if self.is_done:
            settle_at(store, held[-1], completed(held[-1]), begin + self.claims[-1])
        return held


SCENES = (
    Scene("fresh: due, never claimed", ("claim", "reset", "retry"), DUE),
    Scene("crashed: lease and wait are over", PROTOCOL, DUE + 40 * MINUTE, (DUE,)),
    Scene("waiting: the lease is over, the wait is not", PROTOCOL, DUE + 10 * MINUTE, (DUE,)),
    Scene("running: the lease is not over", PROTOCOL, DUE + MINUTE, (DUE,)),
    Scene("stale: an old and a new claim", PROTOCOL, DUE + 36 * MINUTE, (DUE, DUE + 35 * MINUTE)),
    Scene("done: there is a report", PROTOCOL, DUE + MINUTE, (DUE,), is_done=True),
    Scene("unknown: nobody has installed", ("install", "claim"), DUE, is_known=False),
    Scene(
        "two: batches over both",
        ("claim all", "claim all, from the end", "claim last"),
        DUE,
        tenants=2,
    ),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """One order that was played, and every fault that was found in its end."""

    played: Played
    findings: list[str]


def race(stage: Stage, scene: Scene, pair: Sequence[str], choose: Choose) -> Judged:
    """Let both sessions act on new tenants in one order, and judge the end."""
    number = next(serial)
    begin = INSTALLED_AT + 100 * HOUR * number
    whom = [tenant(10 * number + place) for place in range(scene.tenants)]
    store = stage.players[0].store
    held = scene.prepare(store, whom, begin)
    before = _seen(store, whom)
    parts = _parts(scene, whom, begin, held)
    acts = [partial(_answer, ACTS[name], part) for name, part in zip(pair, parts, strict=True)]
    played = stage.play(acts, choose)
    after = _seen(store, whom)
    findings = [finding for each in after.values() for finding in breaches_of(each, DEFAULT)]
    for who, each in before.items():
        findings += breaches_between(each, after[who])
    ends = [_in_turn(scene, whom, begin, pair, turn) for turn in ((0, 1), (1, 0))]
    if (played.answers, _contents(store, whom)) not in ends:
        findings.append(f"no turn of one after the other ends like this: {played.answers}")
    return Judged(played, findings)


def _in_turn(
    scene: Scene, whom: Sequence[Tenant], begin: datetime, pair: Sequence[str], turn: Sequence[int]
) -> tuple[list[object], list[object]]:
    """Return the answers and the end if the model does one act after the other."""
    model = MemoryStore()
    parts = _parts(scene, whom, begin, scene.prepare(model, whom, begin))
    answers = {place: _answer(ACTS[pair[place]], parts[place], model) for place in turn}
    return [answers[0], answers[1]], _contents(model, whom)


def _parts(
    scene: Scene, whom: Sequence[Tenant], begin: datetime, held: Sequence[Claim]
) -> list[Part]:
    first, last = (held[0], held[-1]) if held else (None, None)
    return [Part(whom, begin + scene.now, each) for each in (first, last)]


def _answer(act: Act, part: Part, store: Store) -> object:
    try:
        return act(store, part)
    except FirstryError as error:
        return type(error).__name__, error.message


def _seen(store: Store, whom: Sequence[Tenant]) -> dict[Tenant, Snapshot]:
    records = {who: store.read(who) for who in whom}
    return {who: snapshot(store, record) for who, record in records.items() if record is not None}


def _contents(store: Store, whom: Sequence[Tenant]) -> list[object]:
    records = [store.read(who) for who in whom]
    return [
        record
        and (
            replace(record, store_clock_at=None),
            all_entries(store, record.tenant),
            all_reports(store, record.tenant),
            store.token(record.tenant),
        )
        for record in records
    ]


def races(
    stage: Stage, scene: Scene, pair: Sequence[str], sample: int | None = None
) -> Iterator[Judged]:
    """Race in every order of the statements, or in a sample of orders drawn at random."""
    judged: list[Judged] = []

    def play(choose: Choose) -> Played:
        judged.append(race(stage, scene, pair, choose))
        return judged[-1].played

    rng = Random(f"{scene.name} {pair}")
    for _ in orders(play) if sample is None else some_orders(play, rng, sample):
        yield judged.pop()
