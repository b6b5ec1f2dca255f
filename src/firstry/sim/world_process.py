"""One process of the service in a simulated world: the real parts, wired to virtual things.

From the ASGI application down to the store everything is what `wiring` puts
together; clock, transport, threads and pauses are the world's. A process can die
at any failpoint. Then nothing of it goes on: its requests are never answered, its
attempts end where they stand, and what it knew is gone; a new one begins on the
same store.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from firstry.domain.errors import FirstryError, StoreUnavailable
from firstry.domain.evidence import Dataset
from firstry.domain.tenant import Tenant
from firstry.exports.signature import Ed25519Signer
from firstry.forge.client import JiraClient
from firstry.forge.evidence import JiraEvidence
from firstry.forge.jwks import KeySet
from firstry.forge.vault import TokenVault
from firstry.forge.verifier import ForgeVerifier
from firstry.ports.failpoint import Failpoint
from firstry.ports.store import Store
from firstry.ports.telemetry import Event
from firstry.scheduler.attempt import Parts
from firstry.scheduler.runner import Runner
from firstry.scheduler.settler import settle_alone
from firstry.scheduler.worker import run_pass
from firstry.sim.delivery import Prepared
from firstry.sim.jira import API_HOST
from firstry.sim.platform import APP_ID, ENVIRONMENTS
from firstry.sim.world_fault import IN_TRANSACTION, Mishap
from firstry.sim.world_ground import Ground, Reply
from firstry.sim.world_loop import AgendaLoop, TaskExecutor
from firstry.sim.world_store import LineStore, Written
from firstry.sim.world_task import Crash
from firstry.sim.world_wire import JWKS_URL, WorldWire
from firstry.web.app import build_app
from firstry.web.remote.endpoint import Remote

SLOTS = 64
ANSWER_WITHIN_SECONDS = 4.0
DATASETS = frozenset(Dataset) - {
    Dataset.USERS,
    Dataset.GROUPS,
    Dataset.WORKFLOWS,
    Dataset.AUTOMATION_RULES,
}
SECRETS = (("k1", bytes(range(32))),)
SIGNER = Ed25519Signer("s1", bytes(range(32, 64)))
_STORE = frozenset({"STORE_UNAVAILABLE", "COMMIT_UNKNOWN"})
EXPECTED = {
    Event.ATTEMPT_UNEXPECTED: frozenset({"StoreUnavailable", "CommitUnknown"}),
    Event.WORKER_PASS_FAILED: _STORE,
    Event.INVOCATION_FAILED: _STORE | {"TimeoutError", "SCHEDULER_ERROR"},
    Event.ATTEMPT_UNSETTLED: _STORE,
    Event.WORKER_TENANT_FAILED: frozenset[str](),
}
"""What may be told of a failure. Anything else is a defect of the service."""
UNREPEATABLE = frozenset({"answer_ms", "count"})
"""Fields that real time or the number of the platform's keys goes into."""
HELD_UP_SECONDS = (
    (0.5, 6.0),
    (0.5, 6.0),
    (30.0, 290.0),
    (2400.0, 4000.0),
    (7900.0, 11000.0),
)
"""For how long a process is held up: for a moment, within its lease, beyond one backoff or two."""


class Process:
    """A running service. `number` only names it."""

    def __init__(
        self, ground: Ground, store: Store, number: int, watch: Callable[[Written], None]
    ) -> None:
        self._ground = ground
        self.number = number
        self.is_alive = True
        self._watch = watch
        self._exchanges: dict[Coroutine[Any, Any, Reply], Callable[[Reply], None]] = {}
        self.store = LineStore(store, self, ground.disk)
        wire = WorldWire(ground)
        self.vault = TokenVault(self.store, SECRETS)
        client = JiraClient(wire, self, ground.tasks.wait, ground.dice.of("jitter"))
        self.parts = Parts(
            store=self.store,
            clock=self,
            evidence=JiraEvidence(client, self.vault, self, DATASETS),
            telemetry=self,
            policy=ground.policy,
            sleep=ground.tasks.wait,
            signer=SIGNER,
            settle=settle_alone(self.store, ground.policy),
        )
        self.runner = Runner(self.parts, SLOTS, TaskExecutor(ground.tasks, self, self._ended))
        verifier = ForgeVerifier(
            app_id=APP_ID,
            environments=frozenset(ENVIRONMENTS),
            api_hosts=(urlsplit(API_HOST).netloc,),
            is_loopback=lambda host: False,
            keys=KeySet(JWKS_URL, wire, self, self),
        )
        self._remote = Remote(self.parts, self.vault, verifier, self.runner, ANSWER_WITHIN_SECONDS)
        self._app = build_app(self.store, self, self, self._remote, dict)
        self._loop = AgendaLoop(ground.agenda, ground.tasks, self)

    # The clock of the host that it runs on.

    def now(self) -> datetime:
        """See `ports.clock.Clock`."""
        return self._ground.host_now()

    def monotonic(self) -> float:
        """See `ports.clock.Clock`."""
        return self._ground.agenda.seconds

    # Its telemetry.

    def emit(self, event: Event, tenant: Tenant | None = None, **fields: object) -> None:
        """See `ports.telemetry.Telemetry`."""
        ground = self._ground
        ground.tally[f"event {event}"] += 1
        shown = {n: v for n, v in fields.items() if v is not None and n not in UNREPEATABLE}
        told = " ".join(f"{name}={value}" for name, value in shown.items())
        name = ground.name_of(tenant.cloud_id) if tenant is not None else ""
        ground.note(f"p{self.number} {event} {name} {told}")
        if tenant is not None:
            ground.found(ground.judge.told(ground, event, tenant, fields))
        told_of = fields.get("error_code") or fields.get("detail")
        if event in EXPECTED and told_of not in EXPECTED[event]:
            ground.find(f"{event}: {told_of}")

    def _ended(self, error: Exception) -> None:
        """An attempt of its runner ended in an error that nobody waits for."""
        if not isinstance(error, StoreUnavailable):
            self._ground.find(f"an attempt ended in {type(error).__name__}: {error}")

    # The line to its store.

    def ask(self) -> None:
        """See `world_store.Line`."""
        if not self.is_alive:
            raise Crash
        if self._ground.is_store_down:
            self._ground.hit(Mishap.STORE_DOWN)
            raise StoreUnavailable("the store is down")
        if self._ground.befalls(Mishap.STORE_HICCUP):
            self._ground.hit(Mishap.STORE_HICCUP)
            raise StoreUnavailable("the store does not answer this once")

    def mishap_of_write(self) -> Mishap | None:
        """See `world_store.Line`."""
        for mishap in (Mishap.COMMIT_LOST, Mishap.COMMIT_ANSWER_LOST, Mishap.DISK_FULL):
            if self._ground.befalls(mishap):
                self._ground.hit(mishap)
                return mishap
        return None

    def watch(self, written: Written) -> None:
        """See `world_store.Line`."""
        self._watch(written)

    # What is done with it.

    def reach(self, place: Failpoint) -> None:
        """Pass a failpoint, or die there, or be held up for a while."""
        ground = self._ground
        ground.tally[f"passed {place}"] += 1
        rate = ground.rates.get(Mishap.CRASH, 0.0) / (7 if place in IN_TRANSACTION else 1)
        if not ground.is_calm and ground.dice.chance("crash", rate):
            ground.tally[f"crash at {place}"] += 1
            ground.hit(Mishap.CRASH, f"p{self.number} at {place}")
            self.is_alive = False
            raise Crash
        if place in IN_TRANSACTION or not ground.tasks.may_wait:
            return
        if ground.befalls(Mishap.HELD_UP):
            self._hold_up(place)

    def _hold_up(self, place: Failpoint) -> None:
        ground = self._ground
        rng = ground.dice.of("hold")
        seconds = rng.uniform(*rng.choice(HELD_UP_SECONDS))
        ground.tally[f"held up at {place}"] += 1
        ground.hit(Mishap.HELD_UP, f"p{self.number} at {place} for {seconds:.0f} s")
        if seconds > ground.policy.lease.total_seconds():
            ground.hit(Mishap.HELD_UP_BEYOND_LEASE)
        ground.tasks.wait(seconds)

    def request(self, prepared: Prepared, then: Callable[[Reply], None]) -> None:
        """Send a request to its HTTP side; `then` gets the reply, also if it dies before."""
        exchange = self._exchange(prepared)
        self._exchanges[exchange] = then

        def answered(done: "asyncio.Task[Reply]") -> None:
            if self.is_alive:
                self._exchanges.pop(exchange)(done.result())

        self._loop.create_task(exchange).add_done_callback(answered)

    def work(self) -> None:
        """Make a worker's pass, as `worker.run_until` does."""

        def one_pass() -> None:
            try:
                run_pass(self.parts, self.runner)
            except FirstryError as error:
                self.emit(Event.WORKER_PASS_FAILED, error_code=error.code)

        self._ground.tasks.start(self, one_pass)

    def bury(self) -> None:
        """Let nothing of it go on: call it once it is dead, outside of any task."""
        self.is_alive = False
        self._ground.tasks.end(self)
        self._loop.close()
        self._remote.close()
        self.store.close()
        for exchange, waiting in self._exchanges.items():
            exchange.close()
            waiting(Reply(None, {}))

    async def _exchange(self, prepared: Prepared) -> Reply:
        parts = urlsplit(prepared.url)
        said: list[Any] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(n.lower().encode(), v.encode()) for n, v in prepared.headers.items()],
            "client": ("127.0.0.1", 1),
            "server": (parts.netloc, 80),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": prepared.body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self._app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in said)
        return Reply(said[0]["status"], json.loads(body))
