"""The way from a simulated process to Atlassian: a `Transport` without a network.

A request reaches the simulated site after a drawn latency and waits as its answer
says; while it waits, others go on. The key set is answered at once, because the
service holds a lock while it fetches it.
"""

import json
from urllib.parse import urlsplit

from firstry.forge.transport import FailureKind, Request, Response, TransportFailed
from firstry.sim.jira import API_HOST
from firstry.sim.jira_message import Ending, JiraAnswer, JiraRequest
from firstry.sim.world_fault import Mishap
from firstry.sim.world_ground import Ground

JWKS_URL = "https://keys.invalid/.well-known/jwks.json"
LATENCY_SECONDS = (0.02, 0.4)


class WorldWire:
    """Answers for the platform's key set and for every site of a world."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def send(self, request: Request, timeout_seconds: float, max_bytes: int) -> Response:
        """See `forge.transport.Transport`."""
        if timeout_seconds <= 0:
            raise TransportFailed(FailureKind.TIMEOUT)
        if request.url == JWKS_URL:
            return self._key_set()
        if not request.url.startswith(API_HOST):
            raise TransportFailed(FailureKind.UNREACHABLE)
        return self._jira(request, timeout_seconds, max_bytes)

    def _key_set(self) -> Response:
        if self._ground.is_key_set_down:
            self._ground.hit(Mishap.KEY_SET_DOWN)
            raise TransportFailed(FailureKind.UNREACHABLE)
        return Response(200, {}, json.dumps(self._ground.platform.jwks()).encode())

    def _jira(self, request: Request, timeout_seconds: float, max_bytes: int) -> Response:
        ground = self._ground
        latency = ground.dice.of("latency").uniform(*LATENCY_SECONDS)
        if latency >= timeout_seconds:
            self._give_up(timeout_seconds)
        ground.tasks.wait(latency)
        answer = self._answer_of(request)
        left = timeout_seconds - latency
        delay = answer.delay.total_seconds()
        if answer.ending is Ending.HANGING or delay >= left:
            self._give_up(left)
        if delay:
            ground.tasks.wait(delay)
        if answer.ending is Ending.RESET:
            raise TransportFailed(FailureKind.UNREACHABLE)
        if len(answer.body) > max_bytes:
            raise TransportFailed(FailureKind.OVERSIZED)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, headers, answer.body)

    def _give_up(self, seconds: float) -> None:
        self._ground.tasks.wait(seconds)
        raise TransportFailed(FailureKind.TIMEOUT)

    def _answer_of(self, request: Request) -> JiraAnswer:
        ground = self._ground
        asked = JiraRequest.of(request.method, request.url, request.headers, request.body or b"")
        site = ground.sites[urlsplit(request.url).path.split("/")[3]]
        before = site.hits.copy()
        answer = site.respond(asked, ground.agenda.now)
        for kind in site.hits - before:
            ground.tally[f"jira {kind}"] += 1
            ground.note(f"jira {kind} {site.name} {asked.path.rpartition('/')[2]}")
        return answer
