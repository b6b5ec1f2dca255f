"""Any bytes on any Forge route: a legal status, valid JSON, in time, and nothing changed (I12).

Half of the calls carry an honest token with a fuzzed body, half a fuzzed token;
both also with the store out of reach, where 500 is the one right answer.
"""

import json
import string
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstry.sim.jira import JiraSite
from support.call import INSTALL, TICK, Endpoint, headers_of
from support.service import World
from support.wire import Answer

UNINSTALL = Endpoint("before-uninstall", "/forge/uninstall")
ENDPOINTS = (TICK, INSTALL, UNINSTALL)
LEGAL = {200, 202, 400, 401, 413}
ANSWER_SECONDS = 4.5
EXAMPLES = 400

SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
names = st.sampled_from(
    ["cloudId", "context", "payload", "eventType", "app", "id", "retryContext", "version"]
)
objects = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
bodies = st.binary(max_size=300) | objects.map(lambda value: json.dumps(value).encode())
nested = st.integers(1, 200_000).map(lambda depth: b"[" * depth)
wide = st.integers(1, 40).map(lambda n: b'{"cloudId": "' + b"a" * (n * 40_000) + b'"}')
header_text = st.text(string.printable.strip() + " ", max_size=200)


@dataclass(frozen=True, slots=True)
class Yard:
    """A world and a site in it that nothing may be done to."""

    world: World
    site: JiraSite


@pytest.fixture(scope="module")
def yard(shared: World) -> Yard:
    return Yard(shared, shared.installed("fuzzed"))


def honest(yard: Yard, endpoint: Endpoint) -> dict[str, str]:
    """Return the headers of a call that Forge could make."""
    at = yard.world.now()
    token = yard.world.platform.invocation_token(yard.site, endpoint.module, at=at)
    return headers_of(token)


def require_legal(answer: Answer, statuses: set[int]) -> None:
    """Require a legal status, a JSON object that agrees with it, and an answer in time."""
    content = answer.json()
    assert answer.status in statuses, (answer.status, content)
    assert content["success"] is (answer.status == 200)
    if answer.status not in (200, 202):
        assert content["error_code"] == content["reason"]
    assert answer.elapsed < ANSWER_SECONDS


@SETTINGS
@given(endpoint=st.sampled_from(ENDPOINTS[:2]), body=bodies | nested | wide)
def test_any_body_under_an_honest_token(yard: Yard, endpoint: Endpoint, body: bytes) -> None:
    """I12: a body cannot break the door, and cannot name another tenant."""
    before = yard.world.database.everything()
    answer = yard.world.door.send(endpoint, honest(yard, endpoint), body)
    require_legal(answer, LEGAL)
    if answer.status >= 400:
        assert yard.world.database.everything() == before
    elif answer.json()["cloudId"] is not None:
        assert answer.json()["cloudId"] == yard.site.cloud_id


@SETTINGS
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    authorization=header_text | header_text.map(lambda text: f"Bearer {text}"),
    others=st.dictionaries(
        st.sampled_from(["x-forge-oauth-system", "x-b3-traceid", "content-type", "cookie"]),
        header_text,
        max_size=3,
    ),
    body=bodies,
)
def test_any_headers_are_refused(
    yard: Yard, endpoint: Endpoint, authorization: str, others: dict[str, str], body: bytes
) -> None:
    """I9, I12: what is no token opens nothing."""
    before = yard.world.database.everything()
    answer = yard.world.door.send(endpoint, {"authorization": authorization, **others}, body)
    require_legal(answer, {401})
    assert yard.world.database.everything() == before


@SETTINGS
@given(endpoint=st.sampled_from(ENDPOINTS), place=st.floats(0, 1), byte=st.integers(33, 126))
def test_any_changed_byte_of_a_token_is_refused_or_changes_nothing(
    yard: Yard, endpoint: Endpoint, place: float, byte: int
) -> None:
    """I9: the signature covers every byte but the unused bits at the end of its encoding."""
    headers = honest(yard, endpoint)
    token = headers["authorization"].removeprefix("Bearer ")
    at = int(place * (len(token) - 2))
    changed = token[:at] + chr(byte) + token[at + 1 :]
    if changed == token:
        return
    before = yard.world.database.everything()
    sent = headers | {"authorization": f"Bearer {changed}"}
    require_legal(yard.world.door.send(endpoint, sent), {401})
    assert yard.world.database.everything() == before


@settings(SETTINGS, max_examples=6)
@given(endpoint=st.sampled_from(ENDPOINTS), body=bodies)
def test_any_body_while_the_store_is_out_of_reach(
    yard: Yard, endpoint: Endpoint, body: bytes
) -> None:
    """I12: a fault of the store is 500 or an earlier refusal, never silence."""
    headers = honest(yard, endpoint)
    with yard.world.database.locked():
        answer = yard.world.door.send(endpoint, headers, body)
    require_legal(answer, LEGAL | {500})
