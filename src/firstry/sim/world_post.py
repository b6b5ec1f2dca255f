"""How Forge's invocations reach the service in a simulated world, or fail to.

An invocation is signed when it is sent and judged when it arrives: it may be lost,
doubled, late within its token's life or beyond it, and overtaken by a later one.
What is not answered with a 2xx within five seconds is repeated by the platform.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firstry.domain.due import Reason
from firstry.sim.delivery import ANSWER_WITHIN, Delivery, Invocation, Prepared, next_retry
from firstry.sim.jira import JiraSite
from firstry.sim.world_fault import Mishap
from firstry.sim.world_fleet import Fleet
from firstry.sim.world_ground import Ground, Reply

LATE_SECONDS = (0.5, 20.0)
EXPIRED_SECONDS = (32.0, 7200.0)
REASONS = frozenset(Reason)


@dataclass(frozen=True, slots=True)
class Letter:
    """One invocation on its way. `number` is its place among those of its site."""

    site: JiraSite
    prepared: Prepared
    route: str
    number: int
    attempt: int


class Post:
    """Delivers the invocations of all sites."""

    def __init__(self, ground: Ground, fleet: Fleet) -> None:
        self._ground = ground
        self._fleet = fleet
        rng = ground.dice.of("delivery")
        self._delivery = Delivery(ground.platform, "http://service", rng)
        self._sent: dict[str, int] = {}
        self._arrived: dict[str, int] = {}

    def send(
        self,
        site: JiraSite,
        invocation: Invocation,
        *,
        is_repeated: bool = True,
        is_sure: bool = False,
        attempt: int = 1,
        then: Callable[[Reply], None] = lambda _: None,
    ) -> None:
        """Send an invocation; `then` gets the reply to the last attempt that there is.

        What is sure is not lost on its way.
        """
        ground = self._ground
        if not is_sure and ground.befalls(Mishap.LOST):
            ground.hit(Mishap.LOST, f"{site.name} {invocation.route}")
            return
        number = self._sent[site.name] = self._sent.get(site.name, 0) + 1
        prepared = self._delivery.prepare(invocation, at=ground.agenda.now, attempt=attempt)
        letter = Letter(site, prepared, invocation.route, number, attempt)

        def answered(reply: Reply) -> None:
            wait = None if reply.is_success or not is_repeated else next_retry(attempt)
            if wait is None:
                then(reply)
                return
            ground.hit(Mishap.RETRIED, f"{site.name} {invocation.route}")
            ground.agenda.after(
                wait.total_seconds(),
                lambda: self.send(site, invocation, attempt=attempt + 1, then=then),
            )

        self._carry(letter, answered)
        if ground.befalls(Mishap.DUPLICATE):
            ground.hit(Mishap.DUPLICATE, f"{site.name} {invocation.route}")
            self._carry(letter, lambda _: None)

    def _carry(self, letter: Letter, answered: Callable[[Reply], None]) -> None:
        ground, delay = self._ground, 0.0
        for mishap, seconds in ((Mishap.LATE, LATE_SECONDS), (Mishap.EXPIRED, EXPIRED_SECONDS)):
            if ground.befalls(mishap):
                delay = ground.dice.of("post").uniform(*seconds)
                ground.hit(mishap, f"{letter.site.name} {delay:.1f} s")
        ground.agenda.after(delay, lambda: self._arrive(letter, answered))

    def _arrive(self, letter: Letter, answered: Callable[[Reply], None]) -> None:
        ground, name = self._ground, letter.site.name
        if letter.number < self._arrived.get(name, 0):
            ground.hit(Mishap.REORDERED, f"{name} {letter.number}")
        self._arrived[name] = max(letter.number, self._arrived.get(name, 0))
        process = self._fleet.pick()
        if process is None:
            ground.hit(Mishap.NO_PROCESS)
            answered(Reply(None, {}))
            return
        began = ground.agenda.seconds
        is_open = True

        def replied(reply: Reply) -> None:
            nonlocal is_open
            self._judge(letter, reply, ground.agenda.seconds - began)
            if is_open:
                is_open = False
                answered(reply)

        def lost_patience() -> None:
            nonlocal is_open
            if is_open:
                is_open = False
                answered(Reply(None, {}))

        process.request(letter.prepared, replied)
        ground.agenda.after(ANSWER_WITHIN.total_seconds(), lost_patience)

    def _judge(self, letter: Letter, reply: Reply, seconds: float) -> None:
        ground = self._ground
        shown = ("due_trigger", "attempt_count", "report_id", "backoff_until")
        told = " ".join(str(reply.body[name]) for name in shown if reply.body.get(name) is not None)
        ground.note(
            f"{letter.site.name} {letter.route} {letter.number}/{letter.attempt}: "
            f"{reply.status} {reply.reason} {told}"
        )
        if reply.reason in REASONS:
            ground.tally[f"reason {reply.reason}"] += 1
        ground.tally[f"status {reply.status}"] += 1
        ground.found(ground.judge.answered(ground, letter.site, letter.route, reply, seconds))
