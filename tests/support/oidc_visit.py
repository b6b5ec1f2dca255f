"""Signing in to the console by the identity provider, step by step, as a browser does it."""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from firstry.domain.instant import iso
from support.console import Browser
from support.oidc_provider import OidcProvider
from support.service import StillClock, World
from support.wire import Answer, exchange

START = "/console/sign-in/oidc"
BACK = "/console/sign-in/oidc/callback"
COOKIE = "__Host-firstry-oidc"
CLOCK = StillClock()
"""The time of the consoles and providers of these tests; each test has a day of its own."""
MEDIA_TYPE = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class OidcWay:
    """A person with a browser and a provider, one step at a time."""

    provider: OidcProvider
    browser: Browser

    def begun(self, to: str = "/console") -> dict[str, str]:
        """Follow the link; return what the provider is asked for."""
        answer = self.browser.get(f"{START}?{urlencode({'to': to})}")
        assert answer.status == 303, answer.body
        return fields_of(answer.headers["location"])

    def agreed(self, asked: dict[str, str]) -> dict[str, str]:
        """Press the provider's button; return what the browser brings back."""
        port = urlsplit(self.provider.issuer).port
        assert port is not None
        path = urlsplit(self.provider.issuer).path
        screen = exchange(port, "GET", f"{path}/authorize?{urlencode(asked)}")
        assert screen.status == 200, screen.body
        shown = re.search(r'name="asked" value="([^"]*)"', screen.body.decode())
        assert shown is not None
        form = urlencode({"asked": unescape(shown[1])}).encode()
        moved = exchange(port, "POST", f"{path}/login", {"content-type": MEDIA_TYPE}, form)
        assert moved.headers["location"].startswith(f"{self.browser.origin}{BACK}?")
        return fields_of(moved.headers["location"])

    def returned(self, answer: dict[str, str]) -> Answer:
        """Come back to the console."""
        return self.browser.get(f"{BACK}?{urlencode(answer)}")

    def signed_in(self, to: str = "/console") -> Answer:
        """Do all of it."""
        return self.returned(self.agreed(self.begun(to)))


@dataclass(slots=True)
class OidcVisit(OidcWay):
    """The same in a world of a test."""

    world: World


def visit(world: World, provider: OidcProvider) -> OidcVisit:
    """Return somebody new, at a provider that knows this service."""
    browser = Browser(world.door.port)
    provider.redirect_uris.add(browser.origin + BACK)
    return OidcVisit(provider, browser, world)


def fields_of(url: str) -> dict[str, str]:
    """Return the query of an address."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def began(person: OidcVisit) -> list[dict[str, Any]]:
    """Return what the ledger says of sessions that began today."""
    rows = person.world.database.rows("SELECT body FROM service_ledger ORDER BY sequence")
    entries = [json.loads(row["body"]) for row in rows]
    today = iso(CLOCK.now())[:10]
    return [e for e in entries if e["kind"] == "CONSOLE_SESSION_BEGUN" and e["at"][:10] == today]
