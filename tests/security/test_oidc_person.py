"""Who somebody is after a sign-in by the provider: role, name, session, and for how long."""

import re
from datetime import timedelta

import pytest

from firstry.domain.access import Role
from firstry.domain.console_session import IDLE, LONGEST
from firstry.sim.platform_key import KeyRing
from firstry.web.oidc.person import cleaned
from support.console import signed_in
from support.oidc_provider import Claims, OidcProvider
from support.oidc_visit import CLOCK, START, OidcVisit, began, visit
from support.service import World

SESSION = "__Host-firstry"


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["oncall"], Role.VIEWER),
        ("sre", Role.OPERATOR),
        (["oncall", "owners", "sre"], Role.ADMIN),
        (["unknown", 7, None, "oncall"], Role.VIEWER),
    ],
)
def test_the_highest_of_the_mapped_roles_counts(
    person: OidcVisit, groups: object, role: Role
) -> None:
    person.provider.person["groups"] = groups
    assert person.signed_in().status == 200
    assert [each["detail"]["role"] for each in began(person)] == [role.value]
    assert f"oidc ann@example.com {role} " in _text(person.browser.page("/console"))


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": []}, {"groups": ["SRE"]}, {"groups": ["sre "]}, {"groups": {"sre": True}},
        {"groups": None}, {"groups": ["operator"]}, {"roles": ["sre"]}, {"groups": [["sre"]]},
        {"groups": ["g"] * 1000 + ["sre"]},
    ],
)  # fmt: skip
def test_nobody_gets_in_without_a_mapped_group(person: OidcVisit, claims: Claims) -> None:
    person.provider.person = {"sub": "ann@example.com", **claims}
    answer = person.signed_in()
    page = re.sub(r"\s+", " ", answer.body.decode())
    assert answer.status == 403
    assert "ROLE_MISSING" in page
    assert "none of your groups has a role here" in page
    assert "OIDC_ROLES" in page
    assert SESSION not in person.browser.cookies
    assert began(person) == []


def test_a_role_that_was_lowered_counts_from_the_next_sign_in(person: OidcVisit) -> None:
    """Signing in again ends the session before, so the higher role is gone with it."""
    person.provider.person["groups"] = ["owners"]
    person.signed_in()
    former = person.browser.cookies[SESSION]
    person.provider.person["groups"] = ["oncall"]
    person.signed_in()
    assert person.browser.cookies[SESSION] != former
    assert [each["detail"]["role"] for each in began(person)] == ["admin", "viewer"]
    site = person.world.installed()
    answer = person.browser.post(f"/console/tenants/{site.cloud_id}/pause", {"reason": "x"})
    assert answer.status == 403
    person.browser.cookies[SESSION] = former
    assert person.browser.get("/console").status == 303
    person.provider.person["groups"] = []
    assert person.signed_in().status == 403


def test_it_ends_also_where_the_way_back_brings_no_cookie(person: OidcVisit) -> None:
    """Coming from the provider is cross-site, so a browser keeps the strict cookie back."""
    person.signed_in()
    former = person.browser.cookies[SESSION]
    answer = person.agreed(person.begun())
    del person.browser.cookies[SESSION]
    assert person.returned(answer).status == 200
    person.browser.cookies[SESSION] = former
    assert person.browser.get("/console").status == 303


def test_a_sign_in_that_another_site_begins_is_asked_for_once_more_from_here(
    person: OidcVisit,
) -> None:
    """Only from here the browser sends the cookie of the session that has to end."""
    answer = person.browser.get(f"{START}?to=/console/flags", {"sec-fetch-site": "cross-site"})
    assert (answer.status, "set-cookie" in answer.headers) == (200, False)
    assert f"url={START}?to=%2Fconsole%2Fflags" in answer.body.decode()


def test_an_address_too_long_for_a_cookie_is_left_out(person: OidcVisit) -> None:
    answer = person.signed_in("/console/tenants?filter=" + "x" * 4000)
    assert (answer.status, 'url=/console"' in answer.body.decode()) == (200, True)


def test_a_session_by_token_ends_with_the_sign_in(person: OidcVisit) -> None:
    browser = signed_in(person.world, Role.ADMIN, "root")
    former = browser.cookies[SESSION]
    again = OidcVisit(person.provider, browser, person.world)
    again.signed_in()
    assert browser.cookies[SESSION] != former
    browser.cookies[SESSION] = former
    assert browser.get("/console").status == 303


def test_a_session_has_an_end_that_nothing_moves(person: OidcVisit) -> None:
    """Used every half hour, it ends when it is twelve hours old all the same."""
    person.signed_in()
    step = IDLE / 2
    for _ in range(int(LONGEST / step) - 1):
        CLOCK.advance(minutes=step / timedelta(minutes=1))
        assert person.browser.get("/console").status == 200
    CLOCK.advance(minutes=step / timedelta(minutes=1))
    assert person.browser.get("/console").status == 303


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ann@example.com", "oidc ann@example.com"),
        ("  Ann Lee ", "oidc Ann Lee"),
        ("root", "oidc root"),
        ("auth0|5f7c", "oidc auth0-5f7c.f00ac80c"),
        ("Zoë\u202e<b>", "oidc Zo-b-.1f1d1d8c"),
    ],
)
def test_the_name_fits_the_ledger(person: OidcVisit, said: str, name: str) -> None:
    person.provider.person["sub"] = said
    person.signed_in()
    (entry,) = began(person)
    shape = re.compile(re.escape(name.rpartition(".")[0]) + r"\.[0-9a-f]{8}")
    is_marked = re.fullmatch(r".*\.[0-9a-f]{8}", name) is not None
    actor = entry["actor"].removeprefix("operator:")
    assert shape.fullmatch(actor) if is_marked else actor == name


def test_nobody_can_call_themselves_by_a_marked_name() -> None:
    marked = cleaned("auth0|5f7c")
    assert cleaned(marked.removeprefix("oidc ")) != marked


def test_two_names_never_become_one() -> None:
    said = ["a|b", "a-b", "a!b", "a  b", "ä", "ö", "x" * 100, "x" * 99, "a|b ", "oidc a-b"]
    names = [cleaned(each) for each in said]
    assert len(set(names)) == len(said)
    assert all(len(name) <= 60 for name in names)


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": " "}, {"sub": "x" * 300}])
def test_nobody_gets_in_without_a_name(person: OidcVisit, claims: Claims) -> None:
    person.provider.person["sub"] = "ann"
    person.provider.lie = lambda token: {k: v for k, v in token.items() if k != "sub"} | claims
    assert person.signed_in().status == 403
    assert began(person) == []


@pytest.mark.parametrize("name", ["\ud800", "ann\udfff@example.com"])
def test_a_name_that_is_half_a_character_is_refused(person: OidcVisit, name: str) -> None:
    """JSON can say it, and no text of a ledger can."""
    person.provider.lie = lambda claims: claims | {"email": name, "sub": name}
    answer = person.signed_in()
    assert (answer.status, b"SIGN_IN_REFUSED" in answer.body) == (403, True)
    assert began(person) == []


def test_name_and_role_may_stand_in_other_claims(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> None:
    """A path with dots goes into an object; a claim that has the dots in its name comes first."""
    with OidcProvider(CLOCK.now) as provider:
        provider.person |= {
            "email": "ann@example.com", "groups": ["owners"],
            "realm_access": {"roles": ["oncall"]}, "https://x.example/name": "Ann",
        }  # fmt: skip
        settings = provider.settings | {
            "OIDC_ROLE_CLAIM": "realm_access.roles", "OIDC_NAME_CLAIM": "https://x.example/name",
            "OIDC_SCOPES": "openid roles",
        }  # fmt: skip
        with World(tmp_path_factory.mktemp("claims"), keys, clock=CLOCK, **settings) as world:
            person = visit(world, provider)
            asked = person.begun()
            assert asked["scope"] == "openid roles"
            assert person.returned(person.agreed(asked)).status == 200
            (entry,) = began(person)
    assert (entry["detail"]["name"], entry["detail"]["role"]) == ("oidc Ann", "viewer")
