"""A provider that is away, slow, wrong or refusing: a page that says what to do, within bounds."""

import re
import socket
from collections.abc import Iterator

import pytest

from firstry.sim.platform_key import KeyRing
from support.command import settings_of
from support.console import signed_in
from support.oidc_provider import CLIENT_SECRET, Claims, OidcProvider
from support.oidc_visit import BACK, CLOCK, START, OidcVisit, fields_of, visit
from support.service import World
from support.wire import Answer


def _text(answer: Answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.body.decode()))


def _is_away(answer: Answer) -> str:
    text = _text(answer)
    assert (answer.status, "PROVIDER_UNAVAILABLE" in text) == (503, True), text
    assert answer.headers["retry-after"] == "5"
    return text


WRONG: dict[str, Claims] = {
    "another issuer": {"issuer": "https://elsewhere.example"},
    "an issuer with a slash more": {"issuer": "http://127.0.0.1/realm/"},
    "no issuer": {"issuer": None},
    "sign-in without https": {"authorization_endpoint": "http://login.example/authorize"},
    "no token endpoint": {"token_endpoint": None},
    "keys without https": {"jwks_uri": "http://login.example/keys"},
    "keys in a file": {"jwks_uri": "file:///etc/passwd"},
    "a script": {"authorization_endpoint": "javascript:alert(1)"},
    "other algorithms": {"id_token_signing_alg_values_supported": ["HS256", "PS256"]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_provider_that_describes_itself_wrongly(person: OidcVisit, wrong: str) -> None:
    CLOCK.skip(24 * 3600)
    person.provider.metadata = WRONG[wrong]
    text = _is_away(person.browser.get(START))
    assert "sign in with a token" in text or "let it use RS256" in text


@pytest.mark.parametrize("status", [500, 404, 302, 204])
def test_a_provider_that_is_away_is_not_asked_again_at_once(person: OidcVisit, status: int) -> None:
    person.provider.away = status
    for _ in range(5):
        _is_away(person.browser.get(START))
    assert len(person.provider.asked) == 1
    person.provider.away = None
    CLOCK.skip(11)
    assert person.signed_in().status == 200


def test_what_is_known_of_a_provider_is_kept_for_a_day(person: OidcVisit) -> None:
    assert person.signed_in().status == 200
    CLOCK.skip(2 * 3600)
    person.provider.away = 500
    assert person.browser.get(START).status == 303
    CLOCK.skip(24 * 3600)
    _is_away(person.browser.get(START))


@pytest.mark.parametrize(
    "described",
    [
        [], "keys", [7], [{"kty": "oct", "k": "AAAA"}], [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}],
        [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}], [{"kty": "EC", "crv": "P-256"}],
    ],
)  # fmt: skip
def test_a_key_set_that_cannot_be_used(person: OidcVisit, described: list[object]) -> None:
    answer = person.agreed(person.begun())
    person.provider.described_keys = {"keys": described}
    _is_away(person.returned(answer))


@pytest.mark.parametrize("status", [500, 401, 302, 200])
def test_a_token_endpoint_that_does_not_work(person: OidcVisit, status: int) -> None:
    answer = person.agreed(person.begun())
    person.provider.away = status
    text = _is_away(person.returned(answer))
    assert CLIENT_SECRET not in text


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        ("access_denied", "did not agree to the sign-in"),
        ("login_required", "sign in there first"),
        ("temporarily_unavailable", "try again in a minute"),
        ("invalid_scope", "OIDC_SCOPES"),
        ("<script>alert(1)</script>", "refused the sign-in"),
    ],
)
def test_a_refusal_of_the_provider_is_told(person: OidcVisit, refusal: str, told: str) -> None:
    person.provider.refusal = refusal
    answer = person.signed_in()
    assert answer.status == 403
    assert told in _text(answer)
    assert "<script>alert" not in answer.body.decode()


def test_a_client_that_is_not_known_there(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> None:
    with OidcProvider(CLOCK.now) as provider:
        settings = provider.settings | {"OIDC_CLIENT_SECRET": "another one"}
        with World(tmp_path_factory.mktemp("wrong"), keys, clock=CLOCK, **settings) as world:
            person = visit(world, provider)
            text = _is_away(person.signed_in())
    assert "check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET" in text


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_provider_that_says_nothing_holds_up_nobody_else(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing, silent: str
) -> None:
    with OidcProvider(CLOCK.now) as provider:
        settings = provider.settings | {"OIDC_ISSUER": silent}
        with World(tmp_path_factory.mktemp("silent"), keys, clock=CLOCK, **settings) as world:
            person = visit(world, provider)
            assert "(timeout)" in _is_away(person.browser.get(START))
            assert signed_in(world).get("/console").status == 200


def test_the_secret_goes_into_the_body_where_the_provider_wants_it_there(
    person: OidcVisit,
) -> None:
    CLOCK.skip(24 * 3600)
    person.provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert person.signed_in().status == 200


def test_the_public_address_is_where_the_provider_sends_people_back(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> None:
    with OidcProvider(CLOCK.now) as provider:
        settings = provider.settings | {"PUBLIC_URL": "https://firstry.example.com"}
        with World(tmp_path_factory.mktemp("public"), keys, clock=CLOCK, **settings) as world:
            person = visit(world, provider)
            assert person.begun()["redirect_uri"] == f"https://firstry.example.com{BACK}"
        with World(
            tmp_path_factory.mktemp("host"), keys, clock=CLOCK, **provider.settings
        ) as world:
            answer = visit(world, provider).browser.get(START, {"host": "console.example:8443"})
            there = fields_of(answer.headers["location"])["redirect_uri"]
            assert there == f"https://console.example:8443{BACK}"


def test_nothing_of_it_answers_where_no_provider_is_set(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> None:
    with (
        World(tmp_path_factory.mktemp("none"), keys, clock=CLOCK) as world,
        OidcProvider(CLOCK.now) as provider,
    ):
        person = visit(world, provider)
        assert person.browser.get(START).status == 404
        assert person.browser.get(BACK).status == 404
        assert "Sign in with" not in person.browser.page("/console/sign-in")


@pytest.mark.parametrize("path", [START, BACK])
def test_both_addresses_take_get_alone(person: OidcVisit, path: str) -> None:
    for method in ("HEAD", "POST", "PUT", "DELETE"):
        answer = person.browser.send(method, path)
        assert (answer.status, answer.headers["allow"]) == (405, "GET")


BAD_SETTINGS = [
    {"OIDC_ISSUER": "http://login.example.com"},
    {"OIDC_ISSUER": "https://login.example.com?tenant=1"},
    {"OIDC_ISSUER": "https://login.example.com"},
    {"OIDC_ROLES": "sre"}, {"OIDC_ROLES": "sre=root"}, {"OIDC_ROLES": "=admin"},
    {"OIDC_ROLES": "sre=admin,sre=viewer"}, {"OIDC_CLIENT_ID": ""}, {"OIDC_CLIENT_SECRET": ""},
    {"OIDC_SCOPES": "profile"},
]  # fmt: skip


@pytest.mark.parametrize("wrong", BAD_SETTINGS, ids=repr)
def test_a_wrong_setting_is_refused_at_the_start(world: World, wrong: dict[str, str]) -> None:
    world.environ |= {f"FIRSTRY_{name}": text for name, text in wrong.items()}
    ran = world.command("config", "show", "--json")
    assert ran.code == 2, ran
    assert "FIRSTRY_OIDC_" in ran.error["message"]
    assert "FIRSTRY_OIDC_" in ran.error["remedy"]


def test_the_secret_does_not_show(world: World) -> None:
    with OidcProvider(CLOCK.now) as provider:
        world.environ |= {f"FIRSTRY_{name}": text for name, text in provider.settings.items()}
    ran = world.command("config", "show")
    assert ran.code == 0, ran
    assert CLIENT_SECRET not in ran.out + repr(settings_of(world.folder, world.environ))
