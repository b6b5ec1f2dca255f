"""The platform's key set: fetched rarely, kept honestly, never made up (FORGE "JWKS")."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing, SigningKey, base64url, hmac_signer, rsa_signer
from firstry.sim.server import JwksMode
from support.call import TICK, headers_of
from support.service import World
from support.wire import Answer

COOLDOWN_SECONDS = 30
BROKEN = [mode for mode in JwksMode if mode is not JwksMode.HONEST]
HOUR = 3600.0


def _with_kid(world: World, site: JiraSite, kid: str) -> Answer:
    token = world.platform.invocation_token(site, TICK.module, at=world.now(), header={"kid": kid})
    return world.door.send(TICK, headers_of(token))


def test_a_flood_of_unknown_kids_makes_at_most_two_fetches(world: World) -> None:
    site = world.installed()
    assert world.simulator.keys.fetches == 1
    with ThreadPoolExecutor(16) as threads:
        for wave in range(2):
            kids = [f"unknown-{wave}-{n}" for n in range(500)]
            statuses = set(threads.map(lambda kid: _with_kid(world, site, kid).status, kids))
            assert statuses == {401}
            world.clock.skip(COOLDOWN_SECONDS - 5)
    assert world.simulator.keys.fetches <= 2
    world.told(site, "NOT_DUE")


def test_a_kid_that_was_unknown_is_not_asked_for_again_at_once(world: World) -> None:
    site = world.installed()
    world.clock.skip(COOLDOWN_SECONDS + 1)
    for _ in range(5):
        assert _with_kid(world, site, "unknown").status == 401
        world.clock.skip(COOLDOWN_SECONDS / 5 - 1)
    assert world.simulator.keys.fetches == 2


def test_unknown_kids_make_at_most_one_fetch_in_each_cooldown(world: World) -> None:
    """The same kid again and again, and others: ten minutes, a call each five seconds."""
    site = world.installed()
    for n in range(120):
        world.clock.skip(5)
        assert _with_kid(world, site, "unknown" if n % 2 else f"unknown-{n}").status == 401
    assert 2 < world.simulator.keys.fetches <= 1 + 600 / COOLDOWN_SECONDS


def test_an_installation_before_its_key_is_published_is_not_lost(
    tmp_path: Path, keys: KeyRing
) -> None:
    """Forge repeats after 60 s, four times; the key set behind the CDN comes later than the key."""
    early = SigningKey.of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    header, sign = {"kid": early.kid}, rsa_signer(early.private)
    published = [keys.current.public_jwk()]
    with _key_set({"keys": published}) as url, World(tmp_path, keys, FORGE_JWKS_URL=url) as world:
        world.told(world.site("other"), "INSTALLATION_UNKNOWN")
        world.clock.skip(10 * COOLDOWN_SECONDS)
        site = world.site()
        assert world.install(site, header=header, sign=sign).status == 401
        published.append(early.public_jwk())
        world.clock.skip(60)
        answer = world.install(site, header=header, sign=sign)
        assert (answer.status, answer.json()["reason"]) == (200, "INSTALLATION_RECORDED")


def test_many_that_come_at_once_share_one_fetch(world: World) -> None:
    world.simulator.keys.mode = JwksMode.SLOW
    world.simulator.keys.delay = timedelta(milliseconds=300)
    site = world.site()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: world.tick(site), range(20)))
    assert {answer.json()["reason"] for answer in answers} == {"INSTALLATION_UNKNOWN"}
    assert world.simulator.keys.fetches == 1


@pytest.mark.parametrize("mode", BROKEN)
def test_without_a_key_set_nothing_is_judged(world: World, mode: JwksMode) -> None:
    """500 and not 401: a token that cannot be judged is not known to be wrong."""
    world.simulator.keys.mode = mode
    site = world.site()
    answer = world.install(site)
    assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
    assert answer.elapsed < 3.5
    # The client library repeats a GET once whose connection was reset; a redirect is not followed.
    fetches = world.simulator.keys.fetches
    assert fetches <= (2 if mode is JwksMode.RESET else 1)
    assert world.database.count("tenant") == 0
    world.simulator.keys.mode = JwksMode.HONEST
    assert world.install(site).status == 500
    assert world.simulator.keys.fetches == fetches, "the cooldown counts attempts, not successes"
    world.clock.skip(COOLDOWN_SECONDS + 1)
    assert world.install(site).status == 200


@pytest.mark.parametrize("mode", BROKEN)
def test_the_last_good_set_is_kept_while_fetching_fails(world: World, mode: JwksMode) -> None:
    site = world.installed()
    world.simulator.keys.mode = mode
    world.simulator.keys.delay = timedelta(seconds=5)
    for hours in (1, 22):
        world.clock.skip(hours * HOUR + 1)
        before = world.simulator.keys.fetches
        world.told(site, "NOT_DUE")
        assert world.simulator.keys.fetches > before, "nobody tried to fetch"
        assert _with_kid(world, site, "unknown").status == 401


def test_the_last_good_set_is_not_kept_for_ever(world: World) -> None:
    """After a day without a set we fail closed."""
    site = world.installed()
    world.simulator.keys.mode = JwksMode.FAILING
    world.clock.skip(24 * HOUR + 60)
    answer = world.tick(site)
    assert (answer.status, answer.json()["reason"]) == (500, "SCHEDULER_ERROR")
    world.simulator.keys.mode = JwksMode.HONEST
    world.clock.skip(COOLDOWN_SECONDS + 1)
    world.told(site, "NOT_DUE")


def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(tmp_path: Path) -> None:
    with World(tmp_path, KeyRing()) as world:
        site = world.installed()
        old = world.platform.key
        world.platform.rotate(retire=True)
        assert world.tick(site).status == 401, "within the cooldown nobody is asked"
        # Forge repeats after 60 s, four times: a kid that nobody was asked for is not remembered.
        world.clock.skip(COOLDOWN_SECONDS + 1)
        world.told(site, "NOT_DUE")
        answer = world.tick(site, header={"kid": old.kid}, sign=rsa_signer(old.private))
        assert answer.status == 401


@contextmanager
def _key_set(document: object) -> Iterator[str]:
    """Serve a key set of our own, as it is at each request."""

    class Door(BaseHTTPRequestHandler):
        """Answers every request with the document."""

        def do_GET(self) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
        finally:
            server.shutdown()
            serving.join()


UNUSABLE: Mapping[str, Mapping[str, object]] = {
    "for encryption": {"use": "enc"},
    "for another algorithm": {"alg": "RS512"},
    "of another type": {"kty": "EC"},
    "without a name": {"kid": None},
    "with a list for a name": {"kid": ["a"]},
    "without a modulus": {"n": None},
    "with a modulus that is none": {"n": "!"},
    "with a number for a modulus": {"n": 17},
}


@pytest.mark.parametrize("flaw", UNUSABLE)
def test_a_key_that_may_not_sign_is_not_used(tmp_path: Path, keys: KeyRing, flaw: str) -> None:
    """Beside a good one: the token's own key, spoiled, is no key."""
    good = SigningKey.of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    spoiled = keys.current.public_jwk() | dict(UNUSABLE[flaw])
    document = {"keys": [spoiled, good.public_jwk(), "no key", None, {}]}
    with _key_set(document) as url, World(tmp_path, keys, FORGE_JWKS_URL=url) as world:
        site = world.site()
        answer = world.tick(site)
        assert (answer.status, answer.json()["reason"]) == (401, "INVOCATION_TOKEN_INVALID")
        header, sign = {"kid": good.kid}, rsa_signer(good.private)
        world.told(site, "INSTALLATION_UNKNOWN", header=header, sign=sign)


def test_a_secret_in_the_key_set_signs_nothing(tmp_path: Path, keys: KeyRing) -> None:
    """An `oct` key would make HS256 possible; RS256 alone is."""
    secret = b"k" * 32
    oct_key = {"kty": "oct", "kid": "s", "k": base64url(secret), "use": "sig", "alg": "HS256"}
    document = {"keys": [oct_key, keys.current.public_jwk()]}
    with _key_set(document) as url, World(tmp_path, keys, FORGE_JWKS_URL=url) as world:
        site = world.site()
        header = {"alg": "HS256", "kid": "s"}
        assert world.tick(site, header=header, sign=hmac_signer(secret)).status == 401
        world.told(site, "INSTALLATION_UNKNOWN")


@pytest.mark.parametrize(
    "document",
    [{}, [], {"keys": {}}, {"keys": []}, {"keys": [{}]}, None, {"keys": [{"kty": "RSA"}]}],
)
def test_a_key_set_without_a_usable_key_is_none(
    tmp_path: Path, keys: KeyRing, document: object
) -> None:
    with _key_set(document) as url, World(tmp_path, keys, FORGE_JWKS_URL=url) as world:
        assert world.tick(world.site()).status == 500


def test_a_long_key_set_is_read_so_far(tmp_path: Path, keys: KeyRing) -> None:
    """A key beyond the limit of keys is unknown; nothing grows without bound."""
    filler = [{"kty": "EC", "kid": str(n)} for n in range(64)]
    document = {"keys": [*filler, keys.current.public_jwk()]}
    with _key_set(document) as url, World(tmp_path, keys, FORGE_JWKS_URL=url) as world:
        assert world.tick(world.site()).status == 500
