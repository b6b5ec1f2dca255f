"""What Forge tells of an installation, and what is made of it (SURFACE "Lifecycle")."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from firstry.domain.instant import iso, to_milliseconds
from firstry.sim.jira import JiraSite
from firstry.sim.platform import ABSENT
from firstry.sim.platform_event import installed_event, upgraded_event
from firstry.sim.platform_key import JSONObject
from support.call import INSTALL, TICK, UPGRADE, Endpoint, headers_of
from support.service import World
from support.wire import Answer

FIELDS = {"success", "message", "reason", "cloudId", "timestamp"}


@pytest.fixture(name="world", scope="module")
def many_tenants(shared: World) -> World:
    """Every test here has tenants of its own, so one world serves them all."""
    return shared


def _tenant(world: World, site: JiraSite) -> dict[str, Any] | None:
    """Return what is stored of a tenant, or None."""
    found = world.database.rows("SELECT * FROM tenant WHERE cloud_id = ?", site.cloud_id)
    return found[0] if found else None


def _deliver(world: World, site: JiraSite, event: JSONObject, where: Endpoint = INSTALL) -> Answer:
    return world.door.invoke(site, where, event, at=world.now())


def _require(world: World, site: JiraSite, answer: Answer, reason: str) -> None:
    assert answer.status == 200, answer.body
    told = answer.json()
    assert told.keys() == FIELDS
    assert told["success"] is True
    named = (told["reason"], told["cloudId"], told["timestamp"])
    assert named == (reason, site.cloud_id, iso(world.now()))


@pytest.mark.parametrize("wrapped", [False, True], ids=["flat", "wrapped"])
def test_an_installation_is_recorded_and_arms_both_triggers(world: World, wrapped: bool) -> None:
    """Due times are the token's own instant plus 12 and 24 hours (contract B)."""
    site = world.site()
    _require(
        world,
        site,
        _deliver(world, site, installed_event(site, wrapped=wrapped)),
        "INSTALLATION_RECORDED",
    )
    installed_at = to_milliseconds(world.now())
    tenant = _tenant(world, site)
    assert tenant is not None
    assert tenant["installed_at"] == installed_at
    hour = 3_600_000
    for trigger, age in (("AUTO_12H", 12), ("AUTO_24H", 24)):
        row = world.database.milestone(site.cloud_id, trigger)
        assert (row["state"], row["due_at"]) == ("scheduled", installed_at + age * hour)
    assert world.database.kinds(site.cloud_id) == ["INSTALLED"]


@pytest.mark.parametrize("wrapped", [False, True], ids=["flat", "wrapped"])
def test_a_repeated_delivery_changes_nothing(world: World, wrapped: bool) -> None:
    site = world.installed()
    before = world.database.everything()
    world.clock.advance(minutes=1)
    event = installed_event(site, wrapped=wrapped)
    _require(world, site, _deliver(world, site, event), "ALREADY_RECORDED")
    assert world.database.everything() == before


@pytest.mark.parametrize("wrapped", [False, True], ids=["flat", "wrapped"])
def test_a_reinstallation_is_noted_and_restarts_no_clock(world: World, wrapped: bool) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    before = world.database.everything()
    site.installation_id = "5c0a5c54-17b4-4f4c-8f6c-0d2f3a4b5c6d"
    event = installed_event(site, wrapped=wrapped)
    _require(world, site, _deliver(world, site, event), "REINSTALL_RECORDED")
    after = world.database.everything()
    assert after["milestone"] == before["milestone"]
    assert after["report"] == before["report"]
    assert world.database.kinds(site.cloud_id)[-1] == "REINSTALLED"
    world.told(site, "DONE_KEY_EXISTS")
    world.clock.advance(hours=12)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"


@pytest.mark.parametrize("wrapped", [False, True], ids=["flat", "wrapped"])
def test_an_upgrade_is_noted_and_restarts_no_clock(world: World, wrapped: bool) -> None:
    site = world.installed()
    world.clock.advance(hours=6)
    before = world.database.everything()["milestone"]
    event = upgraded_event(site, version="2.0.0", wrapped=wrapped)
    _require(world, site, _deliver(world, site, event, UPGRADE), "UPGRADE_RECORDED")
    assert world.database.everything()["milestone"] == before
    tenant = _tenant(world, site)
    assert tenant is not None
    assert tenant["app_version"] == "2.0.0"
    assert world.database.kinds(site.cloud_id)[-1] == "UPGRADED"
    _require(world, site, _deliver(world, site, event, UPGRADE), "UPGRADE_RECORDED")
    assert world.database.kinds(site.cloud_id).count("UPGRADED") == 1


@pytest.mark.parametrize("wrapped", [False, True], ids=["flat", "wrapped"])
def test_an_upgrade_of_an_unknown_tenant_is_no_evidence(world: World, wrapped: bool) -> None:
    """Contract B: only an installation is; nothing is written for the tenant."""
    site = world.site()
    event = upgraded_event(site, wrapped=wrapped)
    _require(world, site, _deliver(world, site, event, UPGRADE), "IGNORED")
    assert _tenant(world, site) is None


@pytest.mark.parametrize("known", [False, True], ids=["stranger", "tenant"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["flat", "wrapped"])
def test_an_unknown_event_is_ignored(world: World, wrapped: bool, known: bool) -> None:
    site = world.installed() if known else world.site()
    before = world.database.everything()
    event: JSONObject = {"eventType": "avi:jira:created:issue", "id": "1"}
    body: JSONObject = {"payload": event} if wrapped else event
    _require(world, site, _deliver(world, site, body), "IGNORED")
    assert world.database.everything() == before


def test_an_event_without_a_type_is_known_by_who_caused_it(world: World) -> None:
    """`eventType` is optional in the platform's documents (FORGE.md)."""
    site = world.site()
    event = installed_event(site)
    del event["eventType"]
    _require(world, site, _deliver(world, site, event), "INSTALLATION_RECORDED")


def _bare(event: JSONObject) -> JSONObject:
    """Return the event without all that is optional and could say which one it is."""
    return {k: v for k, v in event.items() if k not in ("eventType", "installerAccountId")}


def test_an_event_that_does_not_say_what_it_is_is_what_the_token_was_made_for(world: World) -> None:
    site = world.site()
    _require(
        world, site, _deliver(world, site, _bare(installed_event(site))), "INSTALLATION_RECORDED"
    )
    event = _bare(upgraded_event(site, version="2.0.0"))
    _require(world, site, _deliver(world, site, event, UPGRADE), "UPGRADE_RECORDED")


@pytest.mark.parametrize(
    ("event", "endpoint"), [(installed_event, UPGRADE), (upgraded_event, INSTALL)]
)
def test_a_body_makes_no_other_event_of_a_token(
    world: World, event: Callable[[JiraSite], JSONObject], endpoint: Endpoint
) -> None:
    site = world.site()
    answer = _deliver(world, site, event(site), endpoint)
    assert (answer.status, answer.json()["reason"]) == (400, "EVENT_INVALID")
    assert _tenant(world, site) is None


def test_unknown_fields_and_retries_are_no_obstacle(world: World) -> None:
    site = world.site()
    event = installed_event(site) | {"newField": [1], "retryContext": {"retryCount": 1}}
    _require(world, site, _deliver(world, site, event), "INSTALLATION_RECORDED")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"hello",
        b"{",
        b'{"eventType": 5}',
        b'{"eventType": ""}',
        b'{"eventType": null, "id": "1"}',
        b'{"payload": {}}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"eventType": "' + b"x" * 300 + b'"}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_names_no_event_is_refused(world: World, body: bytes) -> None:
    site = world.site()
    token = world.platform.invocation_token(site, INSTALL.module, at=world.now())
    answer = world.door.send(INSTALL, headers_of(token), body)
    assert answer.status == 400, answer.body
    told = answer.json()
    assert told["reason"] == told["error_code"] == "EVENT_INVALID"
    assert told["success"] is False
    assert _tenant(world, site) is None


@pytest.mark.parametrize("endpoint", [TICK, INSTALL], ids=["tick", "lifecycle"])
def test_a_token_for_one_endpoint_opens_no_other(world: World, endpoint: Endpoint) -> None:
    site = world.installed()
    other = Endpoint(endpoint.module, INSTALL.path if endpoint is TICK else TICK.path)
    answer = _deliver(world, site, installed_event(site), other)
    assert (answer.status, answer.json()["reason"]) == (401, "INVOCATION_TOKEN_INVALID")


def test_the_first_evidence_wins_over_a_late_repeat(world: World) -> None:
    """I13: a delivery that comes twice, hours apart, under its own new token."""
    site = world.installed()
    first = _tenant(world, site)
    world.clock.advance(hours=3)
    _require(world, site, _deliver(world, site, installed_event(site)), "ALREADY_RECORDED")
    assert _tenant(world, site) == first


def test_an_event_without_a_system_token_is_recorded_all_the_same(world: World) -> None:
    site = world.site()
    answer = world.install(site, with_system_token=False)
    _require(world, site, answer, "INSTALLATION_RECORDED")
    found = world.database.rows("SELECT 1 FROM token WHERE cloud_id = ?", site.cloud_id)
    assert found == []


def test_an_event_without_an_installation_id_is_recorded(world: World) -> None:
    site = world.site()

    def forget(claims: JSONObject) -> None:
        app: Any = claims["app"]
        del app["installationId"]

    answer = world.door.invoke(
        site, INSTALL, installed_event(site), at=world.now(), claims=forget, context=ABSENT
    )
    _require(world, site, answer, "INSTALLATION_RECORDED")
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")


def test_the_token_decides_when_not_the_delivery(world: World) -> None:
    """The event has no time of its own; `iat` of the first accepted token is it (FORGE.md)."""
    site = world.site()
    issued_at = world.now()
    world.clock.advance(seconds=20)
    token = world.platform.invocation_token(site, INSTALL.module, at=issued_at)
    body = json.dumps(installed_event(site)).encode()
    answer = world.door.send(INSTALL, headers_of(token), body)
    assert answer.json()["reason"] == "INSTALLATION_RECORDED"
    tenant = _tenant(world, site)
    assert tenant is not None
    assert tenant["installed_at"] == to_milliseconds(issued_at)
    world.clock.advance(hours=12, seconds=-20)
    assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"
    (report,) = world.database.reports(site.cloud_id)
    assert report["installation_detected_at"] == iso(world.now() - timedelta(hours=12))
