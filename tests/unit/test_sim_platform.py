"""The simulated platform: invocation tokens, system tokens, keys and bodies of events."""

import base64
import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet

from firstry.sim import platform_event as event
from firstry.sim.jira import JiraSite, new_site
from firstry.sim.platform import ABSENT, APP_ARI, APP_ID, Platform
from firstry.sim.platform_key import (
    KeyRing,
    hmac_signer,
    new_private_key,
    rsa_signer,
    unsigned,
)

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = KeyRing()


def a_platform(seed: int = 1) -> Platform:
    return Platform(Random(seed), KEYS)


def a_site(platform: Platform, name: str = "acme") -> JiraSite:
    return new_site(platform, Random(name), name)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "==")


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = map(decoded, token.split("."))
    return json.loads(header), json.loads(claims)


def verified(token: str, platform: Platform) -> dict[str, Any]:
    keys = KeySet.import_key_set(platform.jwks())  # type: ignore[arg-type]
    return jwt.decode(token, keys, algorithms=["RS256"]).claims


def test_an_invocation_token_verifies_and_holds_the_documented_claims() -> None:
    platform = a_platform()
    site = a_site(platform)
    token = platform.invocation_token(site, "tick", at=AT, environment="STAGING")
    claims = verified(token, platform)
    app = claims["app"]
    assert (claims["iss"], claims["aud"]) == ("forge/invocation-token", APP_ARI)
    assert (claims["iat"], claims["nbf"]) == (AT.timestamp(), AT.timestamp())
    assert claims["exp"] - claims["iat"] == 25
    assert app["id"] == f"ari:cloud:ecosystem::app/{APP_ID}"
    assert app["module"] == {"type": "core:endpoint", "key": "tick"}
    assert app["environment"]["type"] == "STAGING"
    assert app["apiBaseUrl"] == f"https://api.atlassian.com/ex/jira/{site.cloud_id}"
    assert app["installationId"].endswith(f"/{site.installation_id}")
    assert app["installation"]["id"] == app["installationId"]
    assert app["installation"]["contexts"] == [
        {"name": "jira", "apiBaseUrl": app["apiBaseUrl"], "cloudId": site.cloud_id}
    ]


def test_only_calls_from_a_page_carry_a_context() -> None:
    platform = a_platform()
    site = a_site(platform)
    backend = verified(platform.invocation_token(site, "tick", at=AT), platform)
    page = verified(platform.invocation_token(site, "page", at=AT, with_context=True), platform)
    assert "context" not in backend
    assert page["context"]["cloudId"] == site.cloud_id
    assert page["context"]["siteUrl"] == "https://acme.atlassian.net"


def test_every_token_has_its_own_jti_and_one_seed_gives_the_same_ones() -> None:
    def jtis(seed: int) -> list[str]:
        platform = a_platform(seed)
        site = a_site(platform)
        tokens = [platform.invocation_token(site, "tick", at=AT) for _ in range(5)]
        return [parts_of(token)[1]["jti"] for token in tokens]

    assert len(set(jtis(3))) == 5
    assert jtis(3) == jtis(3) != jtis(4)


def test_claims_and_header_of_a_hostile_token_can_be_set_removed_and_edited() -> None:
    platform = a_platform()

    def edit(claims: dict[str, object]) -> None:
        app = claims["app"]
        assert isinstance(app, dict)
        app["module"] = {"key": "other"}

    token = platform.invocation_token(
        a_site(platform),
        "tick",
        at=AT,
        claims=edit,
        header={"jku": "https://evil.example", "kid": ABSENT},
        iss="somebody",
        exp=ABSENT,
    )
    header, claims = parts_of(token)
    assert header == {"alg": "RS256", "typ": "JWT", "jku": "https://evil.example"}
    assert claims["iss"] == "somebody"
    assert "exp" not in claims
    assert claims["app"]["module"] == {"key": "other"}


@pytest.mark.parametrize(
    ("sign", "size"),
    [
        (rsa_signer(new_private_key()), 256),
        (hmac_signer(KEYS.current.public_pem()), 32),
        (unsigned, 0),
    ],
)
def test_a_token_signed_otherwise_does_not_verify(
    sign: Callable[[bytes], bytes], size: int
) -> None:
    platform = a_platform()
    token = platform.invocation_token(a_site(platform), "tick", at=AT, sign=sign)
    assert len(decoded(token.split(".")[2])) == size
    with pytest.raises(BadSignatureError):
        verified(token, platform)


def test_the_key_set_publishes_signing_keys_and_nothing_private() -> None:
    document: dict[str, Any] = KEYS.jwks()
    [key] = document["keys"]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert key["kid"] == KEYS.current.kid
    assert not set(key) & {"d", "p", "q", "dp", "dq", "qi"}
    assert "private" not in repr(KEYS.current)


def test_after_a_rotation_old_tokens_verify_until_their_key_is_retired() -> None:
    platform = Platform(Random(1))
    site = a_site(platform)
    old = platform.invocation_token(site, "tick", at=AT)
    before = platform.kid
    after = platform.rotate()
    new = platform.invocation_token(site, "tick", at=AT)
    assert parts_of(new)[0]["kid"] == after != before
    assert verified(old, platform)
    platform.rotate(retire=True)
    with pytest.raises(InvalidKeyIdError):
        verified(old, platform)


def test_keys_in_a_folder_outlive_the_process_and_are_readable_by_the_owner_only(
    tmp_path: Path,
) -> None:
    first = KeyRing(tmp_path / "keys")
    assert KeyRing(tmp_path / "keys").jwks() == first.jwks()
    first.rotate()
    again = KeyRing(tmp_path / "keys")
    assert (again.current.kid, again.jwks()) == (first.current.kid, first.jwks())
    again.rotate(retire=True)
    assert KeyRing(tmp_path / "keys").jwks() == again.jwks()
    [kept] = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_rings_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        kids = {ring.current.kid for ring in pool.map(KeyRing, [tmp_path] * 2)}
    assert len(kids) == 1


def test_a_system_token_is_delivered_again_while_two_hours_are_left() -> None:
    platform = a_platform()
    site = a_site(platform)
    first = platform.system_token(site, at=AT)
    assert parts_of(first)[1]["exp"] == (AT + 4 * HOUR).timestamp()
    assert platform.system_token(site, at=AT + 2 * HOUR) == first
    second = platform.system_token(site, at=AT + 2 * HOUR + timedelta(seconds=1))
    assert second != first
    assert platform.site_for(first, AT + 3 * HOUR) == site.cloud_id


@pytest.mark.parametrize("passed", [timedelta(), 4 * HOUR - timedelta(seconds=1)])
def test_a_system_token_opens_its_own_site_only(passed: timedelta) -> None:
    platform = a_platform()
    acme, globex = a_site(platform), a_site(platform, "globex")
    assert platform.site_for(platform.system_token(acme, at=AT), AT + passed) == acme.cloud_id
    assert acme.cloud_id != globex.cloud_id


def test_expired_revoked_unknown_and_tampered_system_tokens_open_nothing() -> None:
    platform = a_platform()
    acme, globex = a_site(platform), a_site(platform, "globex")
    token, other = platform.system_token(acme, at=AT), platform.system_token(globex, at=AT)
    assert platform.site_for(token, AT + 4 * HOUR) is None
    assert platform.site_for(token + "x", AT) is None
    assert platform.site_for("", AT) is None
    platform.revoke(acme)
    assert platform.site_for(token, AT) is None
    assert platform.site_for(other, AT) == globex.cloud_id
    assert platform.site_for(platform.system_token(acme, at=AT), AT) == acme.cloud_id


def test_expired_system_tokens_are_forgotten_in_time() -> None:
    platform = a_platform()
    site = a_site(platform)
    tokens = [platform.system_token(site, at=AT + 3 * n * HOUR) for n in range(400)]
    assert len(set(tokens)) == 400
    assert len(platform._issued) < 100


def test_events_come_flat_or_wrapped_with_bare_ids_and_no_time() -> None:
    site = a_site(a_platform())
    flat = event.installed_event(site)
    assert flat["id"] == site.installation_id
    assert flat["app"] == {"id": APP_ID, "version": "1.0.0"}
    assert flat["context"] == f"ari:cloud:jira::site/{site.cloud_id}"
    assert flat["eventType"] == "avi:forge:installed:app"
    assert event.installed_event(site, wrapped=True) == {"payload": flat}
    upgraded = event.upgraded_event(site)
    assert (upgraded["id"], upgraded["eventType"]) == (flat["id"], "avi:forge:upgraded:app")
    assert event.uninstall_event(site)["id"] == site.installation_id
    assert event.scheduled_body(site)["context"] == {
        "cloudId": site.cloud_id,
        "moduleKey": "hourly",
    }


def test_a_retry_tells_its_number_at_either_level() -> None:
    wrapped = event.installed_event(a_site(a_platform()), wrapped=True)
    told = {"retryCount": 2, "retryReason": "FUNCTION_TIME_OUT", "retryData": None}
    outside = event.with_retry(wrapped, 2)
    inside: Any = event.with_retry(wrapped, 2, nested=True)
    assert outside["retryContext"] == told
    assert inside["payload"]["retryContext"] == told
    assert "retryContext" not in inside
    assert "retryContext" not in wrapped
