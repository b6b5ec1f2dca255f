"""The page and the gadget in Jira, called as Forge calls a remote for a browser."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from firstry.sim.jira import JiraSite
from firstry.sim.platform import Platform
from support.service import World
from support.wire import Answer, exchange

ADMIN = "5b10a2844c20165700ede21f"
VIEWER = "5b10ac8d82e05b22cc7d4ef5"
STATUS, REPORT = "/forge/page/status", "/forge/page/report"
DOWNLOAD, GENERATE = "/forge/page/download", "/forge/page/generate"
GADGET = "/forge/page/gadget"
METHODS = {STATUS: "GET", REPORT: "GET", DOWNLOAD: "GET", GENERATE: "POST", GADGET: "GET"}
EVERY_ROUTE = tuple(METHODS)
FORMATS = ("json", "envelope", "html", "pdf")


def module_of(path: str) -> str:
    """Return the key of the UI module that calls this path."""
    return "report-gadget" if path == GADGET else "report-page"


@dataclass(frozen=True, slots=True)
class Visit:
    """A person in front of the page of one site, with the tokens that Forge sends along."""

    port: int
    platform: Platform
    site: JiraSite
    at: datetime
    person: str = ADMIN

    def call(
        self,
        path: str,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        module: str | None = None,
        token: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        **asked: str,
    ) -> Answer:
        """Call a route. `headers` replace what Forge sends; an empty one is left out."""
        sent = self.headers(module or module_of(path), **(token or {})) | dict(headers or {})
        sent = {name: value for name, value in sent.items() if value}
        wanted = {**(query or {}), **asked}
        where = f"{path}?{urlencode(wanted)}" if wanted else path
        return exchange(self.port, method or METHODS.get(path, "GET"), where, sent, body)

    def headers(self, module: str, **changes: Any) -> dict[str, str]:
        """Return the headers of an honest call."""
        claims: dict[str, Any] = {"with_context": True, "principal": self.person} | changes
        token = self.platform.invocation_token(self.site, module, at=self.at, **claims)
        return {
            "authorization": f"Bearer {token}",
            "x-forge-oauth-user": self.platform.user_token(self.site, self.person, at=self.at),
            "x-b3-traceid": "0" * 16,
        }

    def told(self, path: str, **query: str) -> dict[str, Any]:
        """Call a route that must answer 200, and return its body."""
        answer = self.call(path, query=query)
        assert answer.status == 200, answer.body
        return answer.json()

    def downloaded(self, format_name: str) -> bytes:
        """Return the content of one file of the latest report."""
        found = self.told(DOWNLOAD, format=format_name)
        return base64.b64decode(found["content_base64"], validate=True)


def visit(world: World, site: JiraSite, person: str = ADMIN) -> Visit:
    """Return somebody in front of the page of `site`, now; by default its administrator."""
    return Visit(world.door.port, world.platform, site, world.now(), person)


def installed(world: World, name: str = "acme") -> JiraSite:
    """Return a site that has just installed the app, with one administrator."""
    site = world.installed(name)
    site.administrators.add(ADMIN)
    return site


def reported(world: World, name: str = "acme") -> JiraSite:
    """Return a site with its report after 12 hours, and an empty log of requests."""
    site = installed(world, name)
    world.clock.advance(hours=12, minutes=7)
    world.told(site, "GENERATED")
    site.requests.clear()
    return site


def touch(world: World) -> None:
    """Change every stored report behind the service's back, past what the database refuses."""
    names = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'report'"
    for row in world.database.rows(names):
        world.database.write(f'DROP TRIGGER "{row["name"]}"')
    changed = "CAST(replace(CAST(body AS TEXT), 'LOW', 'HIGH') AS BLOB)"
    world.database.write(f"UPDATE report SET body = {changed}")
