"""The memory store is the model: SQLite and PostgreSQL do the same, act by act (T3).

A machine draws acts at random and lets all stores run them at the same instant.
After each act their answers, records, ledgers, reports, tokens and lists must be
equal, and every invariant must hold for what they have.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import sql

from firstry.domain.claim import Claim
from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.domain.ledger import ERASED, OPERATOR
from firstry.domain.milestone import Act
from firstry.domain.outcome import Completed, Deferred, Failed, Outcome
from firstry.domain.policy import MANUAL, DeferralKind, Policy, Trigger
from firstry.domain.record import Order
from firstry.domain.tenant import Tenant
from firstry.lifecycle.erase import erase
from firstry.lifecycle.install import record_upgrade
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause, resume
from firstry.lifecycle.reset import reset
from firstry.lifecycle.retry import retry_now
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.store import Store
from firstry.stores.memory import MemoryStore
from firstry.stores.sql.postgres.store import PostgresStore
from firstry.stores.sql.sqlite.migration import upgrade
from firstry.stores.sql.sqlite.store import SqliteStore
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    INSTALLED_AT,
    MOMENT,
    claim_at,
    claimable_at,
    completed,
    drop_token,
    install,
    settle_at,
    tenant,
    tick_at,
    token,
)
from support.invariants import Snapshot, breaches_between, breaches_of, snapshot
from support.postgres_service import ServiceDatabase, new_service_database
from support.wire import PATIENCE_SECONDS, until

MINUTE = timedelta(minutes=1)
POLICY = Policy(
    triggers=((AUTO_12H, 12 * MINUTE), (AUTO_24H, 24 * MINUTE)),
    waits=(MINUTE, 2 * MINUTE, 5 * MINUTE),
    max_attempts=3,
    manual_rate=2,
    generation_timeout=timedelta(seconds=10),
    lease=timedelta(seconds=30),
)
EVERYBODY = (tenant(1), tenant(2))
TRIGGERS = (AUTO_12H, AUTO_24H, MANUAL)
EXAMPLES = {("sqlite",): 150, ("sqlite", "postgres"): 100}
"""How many runs each company of stores makes beside the model; PostgreSQL takes the longest."""
who = st.sampled_from(EVERYBODY)
whose_trigger = st.sampled_from(TRIGGERS)
OUTCOMES = st.sampled_from(["completed", "failed", "refused", "throttled", "crash"])
lifetime = st.sampled_from([timedelta(days=9), 90 * MINUTE, 4 * MINUTE])
BACK = timedelta(seconds=5)
ACTS: dict[str, Callable[[Store, Tenant, Trigger, datetime], object]] = {
    "erase": lambda store, who, _, now: erase(eraser_of(store), who, Order("why", OPERATOR, now)),
    "ask": lambda store, who, _, now: request_report(store, who, "why", OPERATOR, now, POLICY),
    "pause": lambda store, who, _, now: pause(store, who, "why", now),
    "refuse": lambda store, who, _, now: drop_token(store, now, who),
    "reset": lambda store, who, trigger, now: reset(store, who, trigger, "why", now),
    "resume": lambda store, who, _, now: resume(store, who, "why", now),
    "retry": lambda store, who, trigger, now: retry_now(store, who, trigger, "why", now),
    "uninstall": lambda store, who, _, now: record_uninstallation(store, who, None, now),
    "upgrade": lambda store, who, trigger, now: record_upgrade(store, who, trigger, now),
}
OFTEN = ["ask", "reset", "reset", *4 * ["retry"], *3 * ["resume", "uninstall"]]
told: Counter[str] = Counter()
"""How often each kind of entry was written over all runs."""


@cache
def fresh_file() -> bytes:
    """Return the bytes of an upgraded file, so that not every run has to make one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fresh.db"
        upgrade(path)
        return path.read_bytes()


def new_sqlite(folder: Path) -> Store:
    """Return a store on a file of its own."""
    path = folder / "store.db"
    path.write_bytes(fresh_file())
    return SqliteStore(path)


@cache
def database() -> ServiceDatabase:
    """The one database of all runs."""
    return new_service_database()


def new_postgres(folder: Path) -> Store:
    """Return a store on the one database, with nothing in it any more."""
    with psycopg.connect(database().admin_url) as connection:
        connection.execute("SET session_replication_role = replica")  # the rules keep all rows
        for (table,) in connection.execute(TABLES).fetchall():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute("UPDATE store_clock SET high_water_at = 0")
    # The model's clock knows no steps, and no machine is too slow for it.
    store = PostgresStore(database().url, PATIENCE_SECONDS, clock_milliseconds=0)
    wait = until()
    while True:
        try:
            store.check()
        except StoreUnavailable:
            wait.more("a connection")
        else:
            return store


@cache
def eraser() -> PostgresStore:
    """The one database, as the role that may erase in it."""
    return PostgresStore(database().eraser_url, PATIENCE_SECONDS, clock_milliseconds=0)


def eraser_of(store: Store) -> Store:
    """Return what may erase in a store: on PostgreSQL another role than the service's."""
    return eraser() if isinstance(store, PostgresStore) else store


TABLES = "SELECT table_name FROM information_schema.columns WHERE column_name = 'cloud_id'"
NEW: Mapping[str, Callable[[Path], Store]] = {"sqlite": new_sqlite, "postgres": new_postgres}


class Lockstep(RuleBasedStateMachine):
    """Two tenants on several stores, with one clock."""

    kinds: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="firstry-"))
        self.model = MemoryStore()
        self.stores = [NEW[kind](self.folder) for kind in self.kinds]
        self.now = INSTALLED_AT
        self.claims: list[Claim] = []
        self.seen: dict[Tenant, Snapshot] = {}

    def teardown(self) -> None:
        for each in self.seen.values():
            told.update(json.loads(entry.body)["kind"] for entry in each.entries)
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    def all(self, who: Tenant, act: Callable[[Store], object]) -> object:
        """Run `act` on all stores, compare all that they show, and return its answer."""
        expected = _answer(act, self.model)
        for store in self.stores:
            assert _answer(act, store) == expected
        self._compare(who)
        if isinstance(expected, Claim):
            self.claims.append(expected)
        return expected

    def _compare(self, who: Tenant) -> None:
        record = self.model.read(who)
        now = snapshot(self.model, record) if record is not None else None
        shown = self._shown(self.model, who)
        for store in self.stores:
            assert store.read(who) == record
            assert self._shown(store, who) == shown
            assert record is None or snapshot(store, record) == now
        if now is not None:
            assert breaches_of(now, POLICY) == []
            if who in self.seen:
                assert breaches_between(self.seen[who], now) == []
            self.seen[who] = now

    def _shown(self, store: Store, who: Tenant) -> object:
        """Return what a store answers to all but the reading of the tenant's own rows."""
        later = (self.now, self.now + 3 * MINUTE, self.now + timedelta(days=4))
        due = [claimable_at(store, at, POLICY) for at in later]
        return store.token(who), store.check(), store.tenants(None, 9), due

    @initialize(live=lifetime)
    def begin(self, live: timedelta) -> None:
        self.all(EVERYBODY[0], lambda store: self._install(store, EVERYBODY[0], live, "1"))

    def _install(self, store: Store, who: Tenant, live: timedelta | None, name: str) -> object:
        until = self.now + live if live is not None else None
        return install(
            store,
            who,
            installed_at=self.now,
            token_until=until,
            policy=POLICY,
            installation_id=name,
            now=self.now,
        )

    @rule(who=who, live=lifetime, name=st.sampled_from("12"), again=st.integers(0, 3))
    def site_installs(self, who: Tenant, live: timedelta, name: str, again: int) -> None:
        """Install where the app is not installed, and now and then where it is."""
        known = self.seen.get(who)
        if again == 0 or known is None or known.record.uninstalled_at is not None:
            self.all(who, lambda store: self._install(store, who, live, name))

    @rule(who=who, live=st.none() | lifetime)
    def tick(self, who: Tenant, live: timedelta | None) -> None:
        brought = token(self.now + live, b"%d" % live.seconds) if live is not None else None
        self.all(who, lambda store: tick_at(store, self.now, brought, who, POLICY))

    @rule(pick=st.integers(0, 9), outcome=OUTCOMES)
    def worker_serves_who_is_due(self, pick: int, outcome: str) -> None:
        """Go to when something may be claimed, claim it, and settle it or die."""
        due = sorted(
            (milestone.next_due, who.cloud_id)
            for who, seen in self.seen.items()
            for milestone in seen.record.milestones
            if milestone.is_live()
        )
        if due:
            next_due, cloud_id = due[pick % len(due)]
            self.now = max(self.now, next_due)
            self._serve(Tenant.from_row(cloud_id), outcome)

    @rule(pick=st.integers(0, 9), outcome=st.sampled_from(["failed", "crash"]))
    def worker_serves_in_vain(self, pick: int, outcome: str) -> None:
        """Go on until the attempts are used up, if the window is long enough."""
        for _ in range(POLICY.max_attempts + 1):
            self.worker_serves_who_is_due(pick, outcome)

    @rule(who=who, outcome=OUTCOMES)
    def worker_serves(self, who: Tenant, outcome: str) -> None:
        self._serve(who, outcome)

    def _serve(self, who: Tenant, outcome: str) -> None:
        held = self.all(who, lambda store: claim_at(store, self.now, who, POLICY))
        if isinstance(held, Claim) and outcome != "crash":
            self._settle(held, outcome)

    @precondition(lambda self: self.claims)
    @rule(pick=st.integers(0, 3), outcome=OUTCOMES)
    def attempt_settles(self, pick: int, outcome: str) -> None:
        """Settle one of the last claims: the one in force, a stale or a settled one."""
        self._settle(self.claims[-1 - pick % len(self.claims)], outcome)

    def _settle(self, held: Claim, outcome: str) -> None:
        result = self._outcome(held, outcome)
        self.all(held.tenant, lambda store: settle_at(store, held, result, self.now, POLICY))

    def _outcome(self, held: Claim, kind: str) -> Outcome:
        if kind == "failed":
            return Failed("CODE", "words")
        if kind == "refused":
            return Deferred(DeferralKind.TOKEN, "refused")
        if kind == "throttled":
            return Deferred(DeferralKind.QUOTA, "throttled", self.now + 3 * MINUTE)
        return _completed(held)

    @rule(who=who, trigger=whose_trigger, act=st.sampled_from(sorted(ACTS) + OFTEN))
    def somebody_acts(self, who: Tenant, trigger: Trigger, act: str) -> None:
        self.all(who, lambda store: ACTS[act](store, who, trigger, self.now))

    @rule(passed=st.sampled_from([MOMENT, MINUTE, 5 * MINUTE, 73 * 60 * MINUTE, -BACK, -4 * BACK]))
    def time_passes(self, passed: timedelta) -> None:
        """Let time pass, or the clock step back: a little, or more than is forgiven."""
        self.now += passed

    @precondition(lambda self: self.seen)
    @rule(who=who, pick=st.integers(0, 7), off=st.sampled_from([-MOMENT, MOMENT * 0, MOMENT]))
    def time_passes_to_an_edge(self, who: Tenant, pick: int, off: timedelta) -> None:
        """Go to where something of a milestone begins or ends, or right beside it."""
        edges = _edges(self.seen[who]) if who in self.seen else []
        later = [edge for edge in edges if edge + off > self.now]
        if later:
            self.now = later[pick % len(later)] + off


def _answer(act: Callable[[Store], object], store: Store) -> object:
    try:
        return act(store)
    except FirstryError as error:
        return type(error).__name__, error.message


@cache
def _completed(held: Claim) -> Completed:
    return completed(held)


def _edges(seen: Snapshot) -> list[datetime]:
    edges = {seen.record.token_expires_at}
    for milestone in seen.record.milestones:
        edges |= {milestone.next_due, milestone.window_end_at, milestone.lease_until}
    return sorted(edge for edge in edges if edge is not None)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kinds", EXAMPLES, ids=" ".join)
def test_every_store_agrees_with_the_model_step_by_step(kinds: tuple[str, ...]) -> None:
    """I1 to I8, I15 over every committed state; P1, P5, P7, P9, P10, P18 at random."""
    machine = type("Company", (Lockstep,), {"kinds": kinds})
    run_state_machine_as_test(machine, settings=runs(EXAMPLES[kinds]))


def test_the_runs_above_wrote_every_kind_of_entry() -> None:
    """A machine that never gets somewhere proves nothing about it."""
    expected = {act.value for act in Act if act is not Act.ARM} | {ERASED}
    assert expected <= set(told), f"never reached: {sorted(expected - set(told))}"


def runs(examples: int) -> settings:
    """Return how often and how far the machine runs."""
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,  # so that what was reached once is reached every time
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
