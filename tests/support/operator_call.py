"""Operators as the API sees them: a token of each role, and calls over real HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firstry.domain.access import Role
from support.service import World
from support.wire import Answer, exchange, until

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a token, or with none."""

    port: int
    secret: str | None
    name: str = ""

    def get(self, path: str) -> Answer:
        """Ask for a path below the API's base."""
        return self.send("GET", path)

    def post(self, path: str, **body: Any) -> Answer:
        """Order something."""
        return self.send("POST", path, body)

    def put(self, path: str, **body: Any) -> Answer:
        """Set something."""
        return self.send("PUT", path, body)

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request as it is; a body that is not bytes goes as JSON."""
        sent = {"content-type": "application/json", **(headers or {})}
        if self.secret is not None:
            sent["authorization"] = f"Bearer {self.secret}"
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        where = path if path.startswith(("/api", "/openapi", "/health/detail")) else BASE + path
        return exchange(self.port, method, where, sent, raw)

    def got(self, path: str) -> dict[str, Any]:
        """Return what a path answers; an assertion fails on anything but 200."""
        answer = self.get(path)
        assert answer.status == 200, answer.body
        return answer.json()

    def finished(self, job_id: str) -> dict[str, Any]:
        """Wait for a bulk job to end and return it."""
        wait = until()
        while (job := self.got(f"/bulk/{job_id}")["job"])["state"] != "done":
            wait.more(f"the end of {job_id}")
        assert isinstance(job, dict)
        return job


def operator(world: World, role: Role = Role.OPERATOR, name: str | None = None) -> Operator:
    """Return somebody with a new token of this role."""
    named = name or f"{role}-1"
    ran = world.command("tokens", "create", "--name", named, "--role", role, "--json")
    assert ran.code == 0, ran
    return Operator(world.door.port, ran.json()["token"], named)


def nobody(world: World) -> Operator:
    """Return somebody without a token."""
    return Operator(world.door.port, None)


def refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Require a problem with this status and code, whole and of the right media type."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code), problem
    assert {"type", "title"} <= problem.keys()
    assert all((problem["detail"], problem["remedy"])), problem
    return problem
