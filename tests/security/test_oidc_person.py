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
from support.oidc_visit import CLOCK, OidcVisit, began, visit
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
