"""No secret and no personal data leaves by any way: log, answer, command or file (I16).

One process goes through a day with every kind of fault. What must not show is
planted beforehand; then everything that came out is searched for it.
"""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote_plus

import pytest

from firstry.domain.instant import iso
from firstry.observe.log import FIELDS, LogTelemetry
from firstry.ports.telemetry import Event
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_event import INSTALLER, installed_event
from firstry.sim.platform_key import KeyRing, SigningKey
from support import hostile, hostile_claim
from support.call import INSTALL, TICK, headers_of
from support.command import command
from support.console import Browser
from support.hostile import Aim
from support.jira_page import EVERY_ROUTE, VIEWER, Visit, module_of
from support.oidc_provider import CLIENT_ID, CLIENT_SECRET, Claims, OidcProvider
from support.oidc_visit import BACK, COOKIE, OidcWay
from support.process import Fleet, Serving
from support.receiver import Receiver
from support.service import StillClock
from support.wire import Answer, exchange

NAME = "zanzibar-canary"
"""The site's name; every project, field and filter of it has it in its own name."""
BODY = "canary-in-the-body"
USER_TOKEN = "canary-user-token-5f2e"  # what comes with a tick, where nobody asks for it


@dataclass(slots=True)
class Haul:
    """Everything that came out, by where it came from, and what must not be in it."""

    out: dict[str, bytes] = field(default_factory=dict)
    planted: dict[str, list[bytes]] = field(default_factory=dict)

    def plant(self, kind: str, *texts: str | bytes) -> None:
        """Remember what must not show."""
        kept = self.planted.setdefault(kind, [])
        kept += [text.encode() if isinstance(text, str) else text for text in texts]

    def plant_token(self, kind: str, token: str) -> None:
        """Remember a token: as it is, and its signature alone."""
        self.plant(kind, token, token.rpartition(".")[2])

    def keep(self, where: str, content: bytes) -> None:
        """Keep what came out of somewhere."""
        self.out[where] = self.out.get(where, b"") + content

    def found(self, kind: str) -> list[str]:
        """Return where anything of a kind shows."""
        return [
            f"{where}: {secret[:12]!r}"
            for where, content in self.out.items()
            for secret in self.planted[kind]
            if secret in content
        ]


def _random_key(name: str, rng: Random) -> str:
    return f"{name}:{base64.urlsafe_b64encode(rng.randbytes(32)).rstrip(b'=').decode()}"


def _call(fleet: Fleet, haul: Haul, serving: Serving, site: JiraSite) -> Answer:
    """Tick with everything that Forge may send along, and keep the answer."""
    at = fleet.clock.now()
    token = fleet.platform.invocation_token(site, TICK.module, at=at)
    system = fleet.platform.system_token(site, at=at)
    haul.plant_token("invocation tokens", token)
    haul.plant_token("system tokens", system)
    headers = headers_of(token, system) | {"x-forge-oauth-user": USER_TOKEN}
    body = json.dumps({"note": BODY, "principal": {"accountId": INSTALLER}}).encode()
    answer = fleet.door(serving).send(TICK, headers, body)
    haul.keep("answers", answer.body + repr(answer.headers).encode())
    return answer


def _hostile(fleet: Fleet, haul: Haul, serving: Serving, site: JiraSite, key: SigningKey) -> None:
    aim = Aim(fleet.platform, site, TICK, fleet.clock.now(), key)
    for vector in [*hostile.signatures().values(), *hostile_claim.addresses().values()]:
        headers = vector(aim)
        token = headers["authorization"].rpartition(" ")[2]
        if token.count(".") == 2 and token.rpartition(".")[2]:
            haul.plant_token("invocation tokens", token)
        haul.keep("answers", fleet.door(serving).send(TICK, headers, BODY.encode()).body)


def _day(fleet: Fleet, haul: Haul, serving: Serving, stranger: SigningKey) -> JiraSite:
    """Install, fail in every way, report twice."""
    site = fleet.new_site(NAME)
    event = installed_event(site) | {"note": BODY, "upgraderAccountId": INSTALLER}
    answer = fleet.door(serving).invoke(site, INSTALL, event, at=fleet.clock.now())
    haul.keep("answers", answer.body)
    fleet.advance(hours=12)
    for kind in (FaultKind.UNAUTHORIZED, FaultKind.GARBAGE, FaultKind.REDIRECT):
        site.faults.append(Fault(kind))
        _call(fleet, haul, serving, site)
        site.faults.clear()
        fleet.advance(minutes=121)
    _hostile(fleet, haul, serving, site, stranger)
    with fleet.database.locked():
        assert _call(fleet, haul, serving, site).status == 500
    assert _call(fleet, haul, serving, site).json()["reason"] == "GENERATED"
    fleet.advance(hours=12)
    assert _call(fleet, haul, serving, site).json()["reason"] == "GENERATED"
    return site


def _pages(fleet: Fleet, haul: Haul, serving: Serving, site: JiraSite) -> None:
    """Look at the page and press its button, as an administrator and as somebody else."""
    site.administrators.add(INSTALLER)
    for person, path in product((INSTALLER, VIEWER), EVERY_ROUTE):
        visit = Visit(serving.port, fleet.platform, site, fleet.clock.now(), person)
        headers = visit.headers(module_of(path))
        haul.plant_token("invocation tokens", headers["authorization"].partition(" ")[2])
        haul.plant_token("user tokens", headers["x-forge-oauth-user"])
        answer = visit.call(path, headers=headers, body=json.dumps({"note": BODY}).encode())
        assert (answer.status == 403) is (person == VIEWER), answer.body
        haul.keep("answers", answer.body + repr(answer.headers).encode())
    haul.keep("metrics", exchange(serving.port, "GET", "/metrics").body)


def _sign_ins(haul: Haul, serving: Serving, provider: OidcProvider) -> None:
    """Sign in by the provider as somebody with a role, without one, and with a bad token."""
    browser = Browser(serving.port)
    provider.redirect_uris.add(browser.origin + BACK)
    honest, way = provider.signed, OidcWay(provider, browser)

    def told(claims: Claims) -> str:
        token = honest(claims)
        haul.plant_token("sign-in secrets", token)
        return token

    provider.forge = told
    for groups, audience in (("sre", CLIENT_ID), ("none", CLIENT_ID), ("sre", "another")):
        provider.person |= {"groups": groups, "aud": audience}
        asked = way.begun()
        answer = way.agreed(asked)
        haul.plant("sign-in secrets", asked["nonce"], asked["state"], answer["code"])
        haul.plant("sign-in secrets", browser.cookies[COOKIE])
        back = way.returned(answer)
        assert back.status == (200 if (groups, audience) == ("sre", CLIENT_ID) else 403), back.body
        haul.keep("answers", back.body)


def _commands(fleet: Fleet, haul: Haul, site: JiraSite) -> None:
    """Run every command that shows something, both ways, and some that fail."""
    report_id = fleet.database.rows("SELECT report_id FROM report LIMIT 1")[0]["report_id"]
    instant = iso(fleet.clock.now() - timedelta(days=3))
    for words in (
        ["tenants", "list"],
        ["tenants", "show", site.cloud_id],
        ["tenants", "add", site.cloud_id, "--installed-at", instant, "--reason", "x"],
        ["tenants", "retry", site.cloud_id, "--trigger", "AUTO_12H", "--reason", "x"],
        ["reports", "list"],
        ["reports", "show", report_id],
        ["config", "show"],
        ["doctor"],
        ["evidence", "list", site.cloud_id],
        ["tick", site.cloud_id],
        ["db", "check"],
    ):
        for flag in ([], ["--json"]):
            ran = command(fleet.folder, fleet.environ, *words, *flag)
            haul.keep(" ".join(words[:2]), (ran.out + ran.err).encode())


@pytest.fixture(scope="module")
def haul(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing, stranger: SigningKey
) -> Iterator[Haul]:
    """A day's haul."""
    rng, haul = Random(5), Haul()
    folder: Path = tmp_path_factory.mktemp("canary")
    secrets: dict[str, Any] = {
        "SECRET_KEYS": _random_key("k1", rng),
        "SIGNING_KEY": _random_key("s1", rng),
    }
    for text in secrets.values():
        encoded = text.partition(":")[2]
        haul.plant("secret keys", encoded, base64.urlsafe_b64decode(encoded + "="))
    haul.plant("account ids", INSTALLER, VIEWER)
    haul.plant("site names", NAME)
    haul.plant("bodies", BODY)
    haul.plant("user tokens", USER_TOKEN)
    haul.plant("sign-in secrets", CLIENT_SECRET, quote_plus(CLIENT_SECRET))
    with (
        Receiver() as collector,
        OidcProvider(StillClock().now) as provider,
        Fleet(folder, keys, TRACES_URL=collector.url, **provider.settings, **secrets) as fleet,
    ):
        serving = fleet.serve()
        site = _day(fleet, haul, serving, stranger)
        _pages(fleet, haul, serving, site)
        provider.now = fleet.clock.now
        _sign_ins(haul, serving, provider)
        haul.keep("database while running", b"".join(fleet.database.files().values()))
        _commands(fleet, haul, site)
        serving.stop()
        haul.keep("spans", b"".join(repr(m.headers).encode() + m.body for m in collector.got))
        haul.keep("log", "\n".join(serving.lines).encode())
        haul.keep("database at rest", b"".join(fleet.database.files().values()))
        yield haul


KINDS = [
    "system tokens",
    "invocation tokens",
    "secret keys",
    "account ids",
    "site names",
    "bodies",
    "user tokens",
    "sign-in secrets",
]


@pytest.mark.parametrize("kind", KINDS)
def test_nowhere_to_be_seen(haul: Haul, kind: str) -> None:
    assert haul.planted[kind]
    assert haul.found(kind) == []


def test_there_was_something_to_search(haul: Haul) -> None:
    """A search of nothing finds nothing: here is what was searched, and that it finds."""
    assert set(KINDS) == set(haul.planted)
    assert {
        "log",
        "spans",
        "answers",
        "database while running",
        "database at rest",
    } <= haul.out.keys()
    assert all(len(content) > 20 for content in haul.out.values()), haul.out.keys()
    assert b"attempt_settled" in haul.out["log"]
    assert b"jira call" in haul.out["spans"]
    assert b"GENERATED" in haul.out["answers"]
    assert len(haul.planted["system tokens"]) > 2
    haul.plant("something that shows", b"GENERATED")
    assert haul.found("something that shows")


def test_log_lines_are_json_and_hold_listed_fields_alone(haul: Haul) -> None:
    for line in haul.out["log"].decode().splitlines():
        assert json.loads(line).keys() <= FIELDS | {"ts", "event"}, line


def test_a_field_that_is_not_listed_is_dropped_and_none_forges_a_line() -> None:
    """What is passed along by mistake does not show; what comes from outside stays on its line."""
    stream = io.StringIO()
    for as_json in (True, False):
        telemetry = LogTelemetry(StillClock(), stream, as_json=as_json)
        telemetry.emit(Event.SERVICE_STARTED, bearer="a secret", detail="one\nts=2026 two\x1b[31m")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "a secret" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    assert all("one" in line and "two" in line for line in lines)
