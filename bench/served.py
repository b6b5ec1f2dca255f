"""`firstry serve` as operators meet it: a process of its own, a real token, kept connections."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from support.command import shell
from support.console import Browser
from support.load_process import LoadedProcess
from support.service import SECRETS

ROUNDS = 3
FORM = {"accept": "text/html"}


@dataclass(slots=True)
class Served:
    """A web process over one database, with an admin's token and a session of the console."""

    folder: Path
    url: str
    name: str
    web: LoadedProcess = field(init=False)
    headers: dict[str, str] = field(init=False)
    cookies: dict[str, str] = field(init=False)
    _connection: HTTPConnection = field(init=False)

    def __enter__(self) -> Self:
        made = shell(
            self.folder,
            self.environ,
            *("tokens", "create", "--name", f"bench-{time.time_ns()}", "--role", "admin", "--json"),
        )
        if made.code:
            raise RuntimeError(made.out + made.err)
        secret = made.json()["token"]
        self.headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
        self.web = self.process("web", f"{self.name}-web")
        browser = Browser(self.port)
        browser.sign_in(secret)
        self.cookies = {"cookie": "; ".join(f"{n}={v}" for n, v in browser.cookies.items())} | FORM
        self._connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self.web.kill()

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its processes; nothing listens where Forge and Jira would be."""
        return {
            "FIRSTRY_DATABASE_URL": self.url,
            "FIRSTRY_FORGE_APP_ID": "ari:cloud:ecosystem::app/00000000-0000-4000-8000-000000000000",
            "FIRSTRY_FORGE_JWKS_URL": "http://127.0.0.1:9/jwks.json",
            "FIRSTRY_FORGE_API_HOSTS": "127.0.0.1:9",
            **SECRETS,
        }

    @property
    def port(self) -> int:
        """Where the web process answers."""
        assert self.web.known_port is not None
        return self.web.known_port

    def process(self, role: str, name: str) -> LoadedProcess:
        """Start one more process over the same database, and wait until it answers."""
        made = LoadedProcess(self.folder, self.environ, role, name)
        made.wait_started()
        return made

    def best(self, path: str, headers: Mapping[str, str], rounds: int = ROUNDS) -> float:
        """Return the milliseconds of the quickest of a few requests: the others met somebody."""
        return min(self.once(path, headers) for _ in range(rounds))

    def once(self, path: str, headers: Mapping[str, str]) -> float:
        """Return the milliseconds of one request, from sending it to the last byte."""
        began = time.perf_counter()
        self.ask("GET", path, headers)
        return (time.perf_counter() - began) * 1000

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> bytes:
        """Return the bytes of an answer; one that is no success is an error."""
        content = json.dumps(body).encode() if body is not None else None
        self._connection.request(method, path, content, dict(headers))
        answer = self._connection.getresponse()
        read = answer.read()
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise RuntimeError(f"{method} {path}: {answer.status} {read[:300]!r}")
        return read

    def hang_up(self) -> None:
        """Close the connection before the server does, which keeps one for some seconds."""
        self._connection.close()

    def page(self, path: str, **query: str) -> dict[str, Any]:
        """Return what the API shows at a path."""
        return self.told("GET", f"{path}?{urlencode(query)}" if query else path)

    def told(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the document that the API answers with."""
        found: dict[str, Any] = json.loads(self.ask(method, path, self.headers, body))
        return found
