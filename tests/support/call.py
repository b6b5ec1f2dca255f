"""Calls as Forge makes them: an endpoint, an invocation token, perhaps a system token."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstry.sim.jira import JiraSite
from firstry.sim.platform import Platform
from firstry.sim.platform_key import JSONObject
from support.wire import Answer, exchange


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the app's doors: the module that calls it, and its path."""

    module: str
    path: str


TICK = Endpoint("hourly-tick", "/forge/tick")
INSTALL = Endpoint("on-installed", "/forge/lifecycle")
UPGRADE = Endpoint("on-upgraded", "/forge/lifecycle")
UNINSTALL = Endpoint("before-uninstall", "/forge/uninstall")


@dataclass(frozen=True, slots=True)
class Door:
    """The Forge side of a service that listens on `port`."""

    port: int
    platform: Platform

    def invoke(
        self,
        site: JiraSite,
        endpoint: Endpoint,
        body: JSONObject | None = None,
        *,
        at: datetime,
        with_system_token: bool = True,
        **changes: Any,
    ) -> Answer:
        """Call `endpoint` for `site` at `at`; `changes` are those of `invocation_token`."""
        token = self.platform.invocation_token(site, endpoint.module, at=at, **changes)
        system = self.platform.system_token(site, at=at) if with_system_token else None
        raw = b"" if body is None else json.dumps(body).encode()
        return self.send(endpoint, headers_of(token, system), raw)

    def send(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send a request as it is."""
        return exchange(self.port, "POST", endpoint.path, headers, body)

    def opened(self, start: bytes) -> socket.socket:
        """Return a connection on which only the start of a request was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(start)
        return connection


def headers_of(token: str | None, system_token: str | None = None) -> dict[str, str]:
    """Return the headers of an invocation that carries these tokens."""
    headers = {"content-type": "application/json", "x-b3-traceid": "0" * 16}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    if system_token is not None:
        headers["x-forge-oauth-system"] = system_token
    return headers
