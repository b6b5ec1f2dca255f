"""What went wrong with identity in the prototype, and cannot here (CONTRACT 6)."""

from collections.abc import Callable

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import JSONObject
from support.call import INSTALL, TICK, headers_of
from support.claims import app_of, contexts_of, without_tenant
from support.service import World
from support.wire import Answer

NO_IDS = ["null", "undefined", "None", "unknown", "NULL", "Undefined", "UNKNOWN"]
BLANKS = ["", " ", "\t", "\n", "\u00a0", "\u200b", "   "]

Edit = Callable[[JSONObject], None]


@pytest.fixture(name="world", scope="module")
def many_tenants(shared: World) -> World:
    """Every test here has tenants of its own, so one world serves them all."""
    return shared


def _call(world: World, site: JiraSite, edit: Edit, body: bytes = b"") -> list[Answer]:
    """Call both endpoints with an edited token."""
    answers = []
    for endpoint in (TICK, INSTALL):
        token = world.platform.invocation_token(site, endpoint.module, at=world.now(), claims=edit)
        system = world.platform.system_token(site, at=world.now())
        answers.append(world.door.send(endpoint, headers_of(token, system), body))
    return answers


def _nothing_happens(world: World, site: JiraSite, edit: Edit) -> None:
    before = world.database.everything()
    for answer in _call(world, site, edit, b'{"eventType": "avi:forge:installed:app"}'):
        assert answer.status == 400, answer.body
        assert answer.json()["error_code"] == "TENANT_CONTEXT_UNAVAILABLE"
        assert answer.json()["cloudId"] is None
    assert world.database.everything() == before
    assert not site.requests


def test_a_missing_cloud_id_is_never_written_as_the_word_null(world: World) -> None:
    """P13: a missing cloudId was interpolated as the text "null" into a key shared by all."""
    site = world.installed()
    world.clock.advance(hours=12)
    _nothing_happens(world, site, without_tenant)
    dumped = repr(world.database.everything()).lower()
    assert "'null'" not in dumped
    assert "'none'" not in dumped
    assert "undefined" not in dumped


@pytest.mark.parametrize("word", NO_IDS)
def test_words_for_nothing_are_no_cloud_id(world: World, word: str) -> None:
    """P13: also where the platform, or a page, spells it out."""
    site = world.installed()
    world.clock.advance(hours=12)

    def name_nobody(claims: JSONObject) -> None:
        without_tenant(claims)
        claims["context"] = {"cloudId": word}

    _nothing_happens(world, site, name_nobody)
    added = world.command(
        "tenants", "add", word, "--installed-at", "2026-01-01T00:00:00Z", "--reason", "x"
    )
    assert added.code == 2, added


def _into_context(claims: JSONObject, value: object) -> None:
    claims["context"] = {"cloudId": value}


def _into_contexts(claims: JSONObject, value: object) -> None:
    contexts_of(claims)[0]["cloudId"] = value


PLACES = {"context": _into_context, "installation": _into_contexts}


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside a good one"])
def test_a_blank_tenant_is_no_tenant(world: World, place: str, blank: str, alone: bool) -> None:
    """P23: a blank tenant became a shared literal. A present but blank place is a value too."""
    site = world.installed()
    world.clock.advance(hours=12)

    def blank_it(claims: JSONObject) -> None:
        if alone:
            without_tenant(claims)
        PLACES[place](claims, blank)

    _nothing_happens(world, site, blank_it)


@pytest.mark.parametrize("value", [7, 0, True, None, [], {}, ["a"], 1.5, "a/b", "a b", "x" * 129])
@pytest.mark.parametrize("place", PLACES)
def test_a_malformed_tenant_is_no_tenant(world: World, place: str, value: object) -> None:
    """Contract A, also where the other places are right."""
    site = world.installed()
    world.clock.advance(hours=12)
    _nothing_happens(world, site, lambda claims: PLACES[place](claims, value))


TWINS = {
    "in the last letter": ("a" * 127 + "b", "a" * 127 + "c"),
    "in case": ("site-ABC", "site-abc"),
    "in a dash": ("site-1", "site1"),
    "in an underscore": ("site_2", "site-2"),
    "in length": ("site", "site-"),
    "after a UUID": (
        "11111111-2222-4333-8444-666666666666",
        "11111111-2222-4333-8444-666666666666-1",
    ),
    "in a UUID's last digit": (
        "11111111-2222-4333-8444-555555555555",
        "11111111-2222-4333-8444-555555555556",
    ),
}


@pytest.mark.parametrize("difference", TWINS)
def test_two_sites_never_fall_into_one(world: World, difference: str) -> None:
    """P20: an identity pattern cut two sites to the same id."""
    sites = []
    for projects, cloud_id in enumerate(TWINS[difference], start=5):
        site = world.site(f"twin{projects}", projects=projects)
        site.cloud_id = cloud_id
        world.simulator.add(site)
        assert world.install(site).json()["reason"] == "INSTALLATION_RECORDED"
        sites.append(site)
    world.clock.advance(hours=12)
    for projects, site in enumerate(sites, start=5):
        assert world.told(site, "GENERATED")["cloudId"] == site.cloud_id
        (report,) = world.database.reports(site.cloud_id)
        assert report["cloud_id"] == site.cloud_id
        assert report["sections"]["A"]["projects_scanned"]["count"] == projects


def _only(place: str) -> Callable[[JiraSite], Edit]:
    """Return an edit after which `place` alone names the tenant."""

    def edit_for(site: JiraSite) -> Edit:
        def edit(claims: JSONObject) -> None:
            without_tenant(claims)
            if place == "context":
                _into_context(claims, site.cloud_id)
            elif place == "installation":
                _into_contexts(claims, site.cloud_id)
            elif place == "address":
                app_of(claims)["apiBaseUrl"] = site.api_base_url
            elif place == "address of the installation":
                contexts_of(claims)[0]["apiBaseUrl"] = site.api_base_url
            elif place == "context in capitals":
                _into_context(claims, site.cloud_id.upper())

        return edit

    return edit_for


EACH_PLACE = [
    "context",
    "installation",
    "address",
    "address of the installation",
    "context in capitals",
]


@pytest.mark.parametrize("place", EACH_PLACE)
def test_every_documented_place_of_the_cloud_id_is_read(world: World, place: str) -> None:
    """P22: the documented place of cloudId was ignored."""
    site = world.installed()
    (answer, _) = _call(world, site, _only(place)(site))
    assert (answer.status, answer.json()["cloudId"]) == (200, site.cloud_id)


def test_one_tenant_has_one_key_whichever_place_names_it(world: World) -> None:
    """P21: one tenant got two keys depending on which field carried its id."""
    site = world.site()
    before = world.database.count("tenant"), world.database.count("milestone")
    reasons = []
    for place in EACH_PLACE:
        token = world.platform.invocation_token(
            site, INSTALL.module, at=world.now(), claims=_only(place)(site)
        )
        body = b'{"eventType": "avi:forge:installed:app"}'
        reasons.append(world.door.send(INSTALL, headers_of(token), body).json()["reason"])
    assert reasons == ["INSTALLATION_RECORDED"] + 4 * ["ALREADY_RECORDED"]
    after = world.database.count("tenant"), world.database.count("milestone")
    assert after == (before[0] + 1, before[1] + 2)


def _swap_context(claims: JSONObject, other: JiraSite) -> None:
    _into_context(claims, other.cloud_id)


def _swap_installation(claims: JSONObject, other: JiraSite) -> None:
    _into_contexts(claims, other.cloud_id)


def _swap_address(claims: JSONObject, other: JiraSite) -> None:
    app_of(claims)["apiBaseUrl"] = other.api_base_url


def _swap_installation_address(claims: JSONObject, other: JiraSite) -> None:
    contexts_of(claims)[0]["apiBaseUrl"] = other.api_base_url


def _add_context(claims: JSONObject, other: JiraSite) -> None:
    contexts_of(claims).append({"name": "jira", "cloudId": other.cloud_id})


@pytest.mark.parametrize(
    "swap",
    [
        _swap_context,
        _swap_installation,
        _swap_address,
        _swap_installation_address,
        _add_context,
    ],
    ids=lambda swap: swap.__name__.strip("_"),
)
def test_places_that_contradict_each_other_do_nothing_for_either(
    world: World, swap: Callable[[JSONObject, JiraSite], None]
) -> None:
    """P21, contract A: two known tenants in one token, both of them due."""
    site, other = world.installed(), world.installed("other")
    world.clock.advance(hours=12)
    _nothing_happens(world, site, lambda claims: swap(claims, other))
    assert not other.requests
