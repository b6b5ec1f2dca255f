"""Sign-in by an identity provider over real HTTP: the whole way, and every attack on it."""

import json
import re
from collections.abc import Callable

import pytest

from support.console import SIGN_IN
from support.oidc_provider import (
    CLIENT_SECRET,
    Claims,
    OidcProvider,
    ec_key,
    rsa_key,
    signed_with_the_public_key,
    unsigned,
)
from support.oidc_visit import CLOCK, COOKIE, START, OidcVisit, began, visit
from support.wire import Answer

SESSION = "__Host-firstry"


def _is_refused(person: OidcVisit, answer: Answer, code: str, status: int = 403) -> str:
    """Require a page that says what to do, no session, and no secret on it."""
    page = re.sub(r"\s+", " ", answer.body.decode())
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert code in page, page
    assert SESSION not in person.browser.cookies
    assert person.browser.get("/console").status == 303
    assert began(person) == []
    assert CLIENT_SECRET not in page
    return page


def test_somebody_signs_in_and_acts_under_their_name(person: OidcVisit) -> None:
    site = person.world.installed()
    page = person.browser.page(f"{SIGN_IN}?to=/console/tenants")
    assert f"Sign in with {person.provider.issuer.split('/')[2].split(':')[0]}" in page
    assert f'href="{START}?to=/console/tenants"' in page
    answer = person.signed_in(f"/console/tenants/{site.cloud_id}")
    assert answer.status == 200, answer.body
    assert f'url=/console/tenants/{site.cloud_id}"' in answer.body.decode()
    tenant = f"/console/tenants/{site.cloud_id}"
    assert "oidc ann@example.com" in person.browser.page(tenant)
    done = person.browser.submit(tenant, f"{tenant}/pause", reason="case 17")
    assert done.status == 303, done.body
    row = person.world.database.rows("SELECT body FROM ledger ORDER BY sequence DESC LIMIT 1")[0]
    assert json.loads(row["body"])["actor"] == "operator:oidc ann@example.com"
    (entry,) = began(person)
    assert entry["actor"] == "operator:oidc ann@example.com"
    assert entry["detail"]["role"] == "operator"


def test_what_is_asked_of_the_provider(person: OidcVisit) -> None:
    asked = person.begun()
    assert asked.keys() == {
        "theme", "response_type", "client_id", "redirect_uri", "scope", "state", "nonce",
        "code_challenge", "code_challenge_method",
    }  # fmt: skip
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    again = visit(person.world, person.provider).begun()
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) == 43
        assert asked[name] != again[name]
    person.returned(person.agreed(asked))
    assert person.provider.asked == [
        "GET /.well-known/openid-configuration", "GET /authorize", "POST /login", "POST /token",
        "GET /keys",
    ]  # fmt: skip


def test_the_cookie_says_nothing_and_is_for_this_alone(person: OidcVisit) -> None:
    answer = person.browser.get(START)
    cookie = answer.headers["set-cookie"]
    asked = person.begun()
    assert cookie.startswith(f"{COOKIE}=k1~")
    for rule in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"):
        assert f"; {rule}" in cookie
    assert asked["nonce"] not in person.browser.cookies[COOKIE]
    assert asked["state"] not in person.browser.cookies[COOKIE]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_both_algorithms(person: OidcVisit, algorithm: str) -> None:
    person.provider.algorithm = algorithm
    assert person.signed_in().status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"state": "x" * 43}, {"state": ""}, {"iss": "https://elsewhere.example"},
        {"code": ""}, {"code": "x" * 32}, {"code": "x" * 6000},
    ],
)  # fmt: skip
def test_an_answer_that_was_changed(person: OidcVisit, change: dict[str, str]) -> None:
    answer = person.agreed(person.begun())
    page = _is_refused(person, person.returned(answer | change), "SIGN_IN_REFUSED")
    assert "once more" in page


def test_an_answer_without_its_state(person: OidcVisit) -> None:
    answer = person.agreed(person.begun())
    del answer["state"]
    _is_refused(person, person.returned(answer), "SIGN_IN_REFUSED")


def test_the_answer_of_somebody_elses_sign_in(person: OidcVisit) -> None:
    """Login CSRF: an attacker's code in the victim's browser."""
    attacker = visit(person.world, person.provider)
    theirs = attacker.agreed(attacker.begun())
    _is_refused(person, person.returned(theirs), "SIGN_IN_REFUSED")
    own = person.begun()
    _is_refused(person, person.returned(theirs), "SIGN_IN_REFUSED")
    _is_refused(person, person.returned(theirs | {"state": own["state"]}), "SIGN_IN_REFUSED")
    assert "GET /keys" not in person.provider.asked, "the code's verifier is another's"


def test_an_answer_counts_once(person: OidcVisit) -> None:
    asked = person.begun()
    cookie = person.browser.cookies[COOKIE]
    answer = person.agreed(asked)
    assert person.returned(answer).status == 200
    thief = visit(person.world, person.provider)
    thief.browser.cookies[COOKIE] = cookie
    page = thief.returned(answer).body.decode()
    assert "used before" in page
    assert SESSION not in thief.browser.cookies
    assert len(began(person)) == 1


def test_a_code_counts_once_at_the_provider(person: OidcVisit) -> None:
    answer = person.agreed(person.begun())
    assert person.returned(answer).status == 200
    other = visit(person.world, person.provider)
    again = other.returned(answer | {"state": other.begun()["state"]})
    assert again.status == 403
    assert "used before" in again.body.decode()


@pytest.mark.parametrize("minutes", [10, -1])
def test_a_sign_in_that_took_too_long(person: OidcVisit, minutes: int) -> None:
    answer = person.agreed(person.begun())
    CLOCK.advance(minutes=minutes)
    try:
        page = _is_refused(person, person.returned(answer), "SIGN_IN_REFUSED")
    finally:
        CLOCK.advance(minutes=-minutes)
    assert "ten minutes" in page


@pytest.mark.parametrize("cookie", ["", "x", "k1~" + "A" * 60, "k9~" + "A" * 60, "k1~" + "A" * 41])
def test_a_cookie_that_was_not_sealed_here(person: OidcVisit, cookie: str) -> None:
    answer = person.agreed(person.begun())
    person.browser.cookies[COOKIE] = cookie
    _is_refused(person, person.returned(answer), "SIGN_IN_REFUSED")


def test_no_byte_of_the_cookie_can_be_changed(person: OidcVisit) -> None:
    answer = person.agreed(person.begun())
    sealed = person.browser.cookies[COOKIE]
    for place in range(4, len(sealed) - 1, 97):
        other = "A" if sealed[place] != "A" else "B"
        person.browser.cookies[COOKIE] = sealed[:place] + other + sealed[place + 1 :]
        assert person.returned(answer).status in (403, 429)
    assert began(person) == []


def _now() -> int:
    return int(CLOCK.now().timestamp())


LIES: dict[str, Callable[[Claims], Claims]] = {
    "a nonce of another sign-in": lambda c: c | {"nonce": "x" * 43},
    "no nonce": lambda c: _without(c, "nonce"),
    "another audience": lambda c: c | {"aud": "somebody else"},
    "no audience": lambda c: _without(c, "aud"),
    "an audience that is no text": lambda c: c | {"aud": {"firstry console": 1}},
    "two audiences and no party": lambda c: c | {"aud": ["firstry console", "other"]},
    "another party": lambda c: c | {"azp": "other"},
    "a foreign issuer": lambda c: c | {"iss": "https://elsewhere.example"},
    "an issuer with a slash more": lambda c: c | {"iss": c["iss"] + "/"},
    "no issuer": lambda c: _without(c, "iss"),
    "no subject": lambda c: _without(c, "sub"),
    "expired": lambda c: c | {"iat": _now() - 400, "exp": _now() - 61},
    "no end": lambda c: _without(c, "exp"),
    "an end that is no number": lambda c: c | {"exp": "2099"},
    "an end that is true": lambda c: c | {"exp": True},
    "made in the future": lambda c: c | {"iat": _now() + 90},
    "made long ago": lambda c: c | {"iat": _now() - 601},
    "no time of making": lambda c: _without(c, "iat"),
    "not yet good": lambda c: c | {"nbf": _now() + 90},
    "of another access token": lambda c: c | {"at_hash": "x" * 22},
    "a hash that is no text": lambda c: c | {"at_hash": 7},
    "a hash with another alphabet": lambda c: c | {"at_hash": "é" * 22},
    "a nonce that is a list": lambda c: c | {"nonce": [c["nonce"]]},
    "a party that is an object": lambda c: c | {"azp": {"is": c["aud"]}},
    "a subject that is a number": lambda c: c | {"sub": 7},
    "a time beyond all bounds": lambda c: c | {"iat": 10**400},
    "a time that is endless": lambda c: c | {"exp": float("inf")},
}


def _without(claims: Claims, name: str) -> Claims:
    return {key: value for key, value in claims.items() if key != name}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_says_something_else(person: OidcVisit, lie: str) -> None:
    """Each is signed by the provider itself, so only the claim is wrong."""
    person.provider.lie = LIES[lie]
    page = _is_refused(person, person.signed_in(), "SIGN_IN_REFUSED")
    assert "does not hold" in page
    person.provider.lie = lambda claims: claims
    assert person.signed_in().status == 200, "the lie alone was refused"


def _forgeries(provider: OidcProvider) -> dict[str, Callable[[Claims], str]]:
    def with_header(**header: object) -> Callable[[Claims], str]:
        return lambda claims: provider.signed(claims, **header)

    return {
        "alg none": unsigned,
        "alg none without its last dot": lambda c: unsigned(c).rstrip("."),
        "HS256 with the public key": signed_with_the_public_key,
        "a key of its own": lambda c: provider.signed(c, jwk=rsa_key().as_dict(private=False)),
        "an address of keys": with_header(jku="http://127.0.0.1:1/keys"),
        "an unknown key": with_header(kid="rsa-2"),
        "the name of a key of another kind": with_header(kid="ec-1"),
        "a name that is no text": with_header(kid=7),
        "a signature of other claims": lambda c: _swapped(provider, c),
        "no signature": lambda c: provider.signed(c).rpartition(".")[0] + ".AAAA",
        "no token": lambda _: "not a token",
        "an empty token": lambda _: "",
        "too long": lambda c: provider.signed(c | {"note": "x" * 40_000}),
    }


def _swapped(provider: OidcProvider, claims: Claims) -> str:
    head, _, signature = provider.signed(claims).split(".")
    other = provider.signed(claims | {"groups": ["owners"]}).split(".")[1]
    return f"{head}.{other}.{signature}"


with OidcProvider(CLOCK.now) as _one:
    FORGERIES = list(_forgeries(_one))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_is_forged(person: OidcVisit, forgery: str) -> None:
    person.provider.forge = _forgeries(person.provider)[forgery]
    _is_refused(person, person.signed_in(), "SIGN_IN_REFUSED")


def test_a_token_signed_by_somebody_else(person: OidcVisit) -> None:
    """Right in all respects, under a name that the provider's set has for another key."""
    person.provider.keys = [ec_key()]
    _is_refused(person, person.signed_in(), "SIGN_IN_REFUSED")


def test_a_new_key_of_the_provider_is_found(person: OidcVisit) -> None:
    person.provider.keys = [ec_key()]
    person.provider.algorithm = "ES256"
    assert person.signed_in().status == 200
    person.provider.keys, person.provider.algorithm = [rsa_key()], "RS256"
    CLOCK.skip(11)
    assert person.signed_in().status == 200
    assert person.provider.asked.count("GET /keys") == 2


def test_unknown_keys_do_not_make_a_flood(person: OidcVisit) -> None:
    person.provider.forge = lambda claims: person.provider.signed(claims, kid="another")
    for _ in range(5):
        person.signed_in()
    assert person.provider.asked.count("GET /keys") == 1


def test_failures_are_limited(person: OidcVisit) -> None:
    statuses = [person.returned({"state": "x", "code": "y"}).status for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    assert "POST /token" not in person.provider.asked
