"""Hostile invocations: each is 401 or 400, changes no row and sends no request (T11, I9).

They are aimed at a tenant whose report is due and whose token would be taken
along, and at a new tenant to be installed: a check that were missing would show
as a report, a row or a request.
"""

import json

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.platform import APP_ID
from firstry.sim.platform_event import installed_event
from firstry.sim.platform_key import SigningKey
from support import hostile, hostile_claim
from support.call import INSTALL, TICK, headers_of
from support.hostile import Aim
from support.service import World

REFUSED = {
    **hostile.algorithms(),
    **hostile.key_names(),
    **hostile.header_parameters(),
    **hostile.signatures(),
    **hostile_claim.claims(),
    **hostile.envelopes(),
}
NO_TENANT = hostile_claim.addresses()
FEWEST_VECTORS = 150


@pytest.fixture(scope="module")
def due(shared: World) -> JiraSite:
    """A site whose report is due, and stays so: nobody here gets it made."""
    site = shared.installed()
    shared.clock.advance(hours=12)
    return site


@pytest.fixture(scope="module")
def newcomer(shared: World) -> JiraSite:
    """A site that nobody has installed."""
    return shared.site("newcomer")


@pytest.fixture
def aims(shared: World, due: JiraSite, newcomer: JiraSite, stranger: SigningKey) -> list[Aim]:
    """A tick for the one, an installation of the other."""
    at = shared.now()
    return [
        Aim(shared.platform, due, TICK, at, stranger),
        Aim(shared.platform, newcomer, INSTALL, at, stranger),
    ]


def _is_refused(world: World, aims: list[Aim], vector: hostile.Vector, code: str) -> None:
    status = {"INVOCATION_TOKEN_INVALID": 401, "TENANT_CONTEXT_UNAVAILABLE": 400}[code]
    before = world.database.everything()
    for aim in aims:
        headers = vector(aim)
        body = json.dumps(installed_event(aim.site)).encode()
        answer = world.door.send(aim.endpoint, headers, body)
        assert answer.status == status, answer.body
        told = answer.json()
        assert told["reason"] == told["error_code"] == code
        assert (told["success"], told["cloudId"]) == (False, None)
        for secret in filter(None, (headers.get("authorization"), aim.site.cloud_id)):
            assert secret.encode() not in answer.body
        assert not aim.site.requests
    assert world.database.everything() == before


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_401(shared: World, aims: list[Aim], name: str) -> None:
    _is_refused(shared, aims, REFUSED[name], "INVOCATION_TOKEN_INVALID")


@pytest.mark.parametrize("name", NO_TENANT)
def test_refused_with_400(shared: World, aims: list[Aim], name: str) -> None:
    """The token is the platform's own, and still its address is not trusted (SSRF)."""
    _is_refused(shared, aims, NO_TENANT[name], "TENANT_CONTEXT_UNAVAILABLE")


def test_there_are_enough_vectors() -> None:
    assert len(REFUSED) + len(NO_TENANT) >= FEWEST_VECTORS


def test_a_token_of_the_platform_s_other_app_is_refused(shared: World, aims: list[Aim]) -> None:
    """Signed by the right key, and for somebody else in `aud` or in `app.id` alone."""
    other = "99999999-2222-4333-8444-555555555555"
    ari = f"ari:cloud:ecosystem::app/{other}"
    for vector in (
        lambda aim: aim.headers(aud=ari),
        lambda aim: aim.headers(claims=lambda claims: claims["app"].update(id=ari)),
        lambda aim: aim.headers(claims=lambda claims: claims["app"].update(id=APP_ID + "0")),
    ):
        _is_refused(shared, aims, vector, "INVOCATION_TOKEN_INVALID")


def test_a_rightful_token_opens_the_door(world: World, stranger: SigningKey) -> None:
    """The proof that the vectors above fail for their own flaw and for nothing else."""
    site = world.site()
    body = json.dumps(installed_event(site)).encode()
    aim = Aim(world.platform, site, INSTALL, world.now(), stranger)
    assert world.door.send(INSTALL, aim.headers(), body).status == 200
    world.clock.advance(hours=12)
    aim = Aim(world.platform, site, TICK, world.now(), stranger)
    assert world.door.send(TICK, aim.headers(), body).json()["reason"] == "GENERATED"


def test_a_token_that_was_seen_is_no_second_attempt(world: World) -> None:
    """A replay within its lifetime is a duplicate, and duplicates are harmless (I13)."""
    site = world.installed()
    world.clock.advance(hours=12)
    token = world.platform.invocation_token(site, TICK.module, at=world.now())
    headers = headers_of(token, world.platform.system_token(site, at=world.now()))
    reasons = [world.door.send(TICK, headers).json()["reason"] for _ in range(5)]
    assert reasons == ["GENERATED"] + 4 * ["DONE_KEY_EXISTS"]


@pytest.mark.parametrize("seconds", [5, 25, 29, 30, 3600])
def test_a_replay_after_its_lifetime_is_refused(world: World, seconds: int) -> None:
    """25 s of life and 5 s of leeway; at 30 s it is over."""
    site = world.installed()
    token = world.platform.invocation_token(site, TICK.module, at=world.now())
    world.clock.advance(seconds=seconds)
    answer = world.door.send(TICK, headers_of(token))
    assert answer.status == (200 if seconds < 30 else 401)


@pytest.mark.parametrize("environment", ["STAGING", "DEVELOPMENT"])
def test_an_environment_that_is_not_allowed_is_refused(
    shared: World, due: JiraSite, environment: str
) -> None:
    """By default all three are; here is the proof that the claim is looked at."""
    answer = shared.tick(due, environment=environment, with_system_token=False)
    assert answer.status == 200
    answer = shared.tick(due, environment=environment + "X", with_system_token=False)
    assert answer.status == 401


def test_a_system_token_for_another_site_s_address_stays_home(world: World) -> None:
    """A tick of one tenant, with another's system token: its own site refuses it."""
    site, other = world.installed(), world.installed("other")
    world.clock.advance(hours=12)
    token = world.platform.invocation_token(site, TICK.module, at=world.now())
    stolen = world.platform.system_token(other, at=world.now())
    answer = world.door.send(TICK, headers_of(token, stolen)).json()
    assert answer["reason"] == "DEFERRED"
    assert [request.status for request in site.requests] == [401]
    assert not other.requests
