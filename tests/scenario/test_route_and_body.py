"""Whatever is sent to `/forge/...`: a listed status, JSON, no redirect, in time (I12)."""

import json

import pytest

from firstry.sim.jira import JiraSite
from support.call import INSTALL, TICK, UNINSTALL, Endpoint, headers_of
from support.service import World
from support.wire import Answer, exchange

MEBIBYTE = 1024 * 1024
CLOUD_ID = "cloudId"


@pytest.fixture(scope="module")
def site(shared: World) -> JiraSite:
    """A site whose first report is there, so that an idle tick says so."""
    site = shared.installed()
    shared.clock.advance(hours=12)
    shared.told(site, "GENERATED")
    return site


def _send(world: World, site: JiraSite, body: bytes, endpoint: Endpoint = TICK) -> Answer:
    token = world.platform.invocation_token(site, endpoint.module, at=world.now())
    return world.door.send(endpoint, headers_of(token), body)


def _is_refusal(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer.body
    told = answer.json()
    assert told["reason"] == told["error_code"] == code
    assert told["success"] is False
    assert told["cloudId"] is None
    assert "location" not in answer.headers


IGNORED_BODIES = {
    "empty": b"",
    "not JSON": b"hello world",
    "half JSON": b'{"context": {"cloud',
    "an array": b"[1, 2, 3]",
    "a number": b"12",
    "null": b"null",
    "text in JSON": b'"hello"',
    "binary": bytes(range(256)),
    "deep": b"[" * 200_000 + b"]" * 200_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a very long number": b'{"a": ' + b"9" * 10_000 + b"}",
    "NaN": b'{"a": NaN, "b": Infinity}',
    "repeated names": b'{"a": 1, "a": 2}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "an empty payload": b'{"payload": {}}',
    "an odd payload": b'{"payload": [1]}',
    "an odd context": b'{"context": 5}',
    "an empty context": b'{"context": {}}',
    "no cloudId after all": b'{"cloudId": null, "context": {"cloudId": null}}',
    "another kind of ARI": b'{"context": "ari:cloud:confluence::site/other"}',
    "exactly the limit": b'"' + b"x" * (MEBIBYTE - 2) + b'"',
}


@pytest.mark.parametrize("name", IGNORED_BODIES)
def test_a_body_that_names_nobody_is_ignored_on_a_tick(
    shared: World, site: JiraSite, name: str
) -> None:
    answer = _send(shared, site, IGNORED_BODIES[name])
    assert (answer.status, answer.json()["reason"]) == (200, "DONE_KEY_EXISTS"), answer.body


def _bodies_naming(cloud_id: str) -> dict[str, bytes]:
    ari = f"ari:cloud:jira::site/{cloud_id}"
    shapes: dict[str, object] = {
        "flat": {CLOUD_ID: cloud_id},
        "in the context": {"context": {CLOUD_ID: cloud_id}},
        "wrapped": {"payload": {CLOUD_ID: cloud_id}},
        "wrapped in the context": {"payload": {"context": {CLOUD_ID: cloud_id}}},
        "as an ARI": {"context": ari},
        "wrapped as an ARI": {"payload": {"context": ari}},
    }
    written = {name: json.dumps(shape).encode() for name, shape in shapes.items()}
    return written | {
        "in plain text": f"cloudId={cloud_id}".encode(),
        "in text with a colon": f"hello, cloudId: {cloud_id}!".encode(),
        "in half a JSON": f'{{"cloudId": "{cloud_id}", "x": '.encode(),
        "in a form": f"a=b&cloud_id={cloud_id}&c=d".encode(),
    }


@pytest.mark.parametrize("shape", _bodies_naming("x"))
def test_a_body_that_names_another_tenant_is_refused(
    shared: World, site: JiraSite, shape: str
) -> None:
    """Contract A: sources that contradict each other do nothing for anybody."""
    other = shared.installed("other")
    before = shared.database.everything()
    answer = _send(shared, site, _bodies_naming(other.cloud_id)[shape])
    _is_refusal(answer, 400, "TENANT_CONTEXT_UNAVAILABLE")
    assert shared.database.everything() == before


@pytest.mark.parametrize("shape", _bodies_naming("x"))
def test_a_body_that_names_the_same_tenant_is_welcome(
    shared: World, site: JiraSite, shape: str
) -> None:
    for written in (site.cloud_id, site.cloud_id.upper()):
        answer = _send(shared, site, _bodies_naming(written)[shape])
        assert answer.json()["reason"] == "DONE_KEY_EXISTS", answer.body


@pytest.mark.parametrize("value", ["", " ", "null", "undefined", 0, 7, True, [], {}, "x y", "ü"])
def test_a_body_whose_cloud_id_is_none_contradicts_the_token(
    shared: World, site: JiraSite, value: object
) -> None:
    for body in ({CLOUD_ID: value}, {"payload": {"context": {CLOUD_ID: value}}}):
        answer = _send(shared, site, json.dumps(body).encode())
        _is_refusal(answer, 400, "TENANT_CONTEXT_UNAVAILABLE")


@pytest.mark.parametrize("endpoint", [TICK, INSTALL, UNINSTALL], ids=lambda each: each.module)
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_over_one_mebibyte_is_413(
    shared: World, site: JiraSite, endpoint: Endpoint, announced: bool
) -> None:
    body = b'{"a": "' + b"x" * MEBIBYTE + b'"}'
    token = shared.platform.invocation_token(site, endpoint.module, at=shared.now())
    headers = headers_of(token)
    if not announced:
        headers["transfer-encoding"] = "chunked"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = shared.door.send(endpoint, headers, body)
    _is_refusal(answer, 413, "BODY_TOO_LARGE")


def test_an_announced_length_alone_is_413(shared: World, site: JiraSite) -> None:
    """Nothing of the body is waited for once it is known to be too large."""
    headers = {"content-length": str(10 * MEBIBYTE), "content-type": "application/json"}
    answer = exchange(shared.door.port, "POST", TICK.path, headers, None)
    _is_refusal(answer, 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("path", ["/forge/tick", "/forge/lifecycle", "/forge/uninstall"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_405_in_json(shared: World, path: str, method: str) -> None:
    for each in (path, path + "/"):
        answer = exchange(shared.door.port, method, each)
        assert answer.status == 405
        assert "POST" in answer.headers["allow"]
        assert answer.headers["content-type"] == "application/json"
        if method != "HEAD":
            assert answer.json()["success"] is False


@pytest.mark.parametrize("endpoint", [TICK, INSTALL], ids=["tick", "lifecycle"])
def test_a_trailing_slash_is_the_same_route(
    shared: World, site: JiraSite, endpoint: Endpoint
) -> None:
    slashed = Endpoint(endpoint.module, endpoint.path + "/")
    plain = _send(shared, site, b'{"eventType": "avi:x"}', endpoint)
    answer = _send(shared, site, b'{"eventType": "avi:x"}', slashed)
    assert answer.status == plain.status == 200
    assert answer.json()["reason"] == plain.json()["reason"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/forge",
        "/forge/",
        "/forge/tock",
        "/forge/tick/more",
        "/healthz/",
        "/forge//tick",
        "/Forge/Tick",
        "/forge/../forge/tick",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_404_in_json_and_no_redirect(
    shared: World, path: str, method: str
) -> None:
    _is_refusal(exchange(shared.door.port, method, path), 404, "NOT_FOUND")


def test_a_query_changes_nothing(shared: World, site: JiraSite) -> None:
    asked = Endpoint(TICK.module, TICK.path + "?cloudId=other&force=1")
    assert _send(shared, site, b"", asked).json()["reason"] == "DONE_KEY_EXISTS"


def test_answers_tell_nothing_of_the_server(shared: World, site: JiraSite) -> None:
    answer = _send(shared, site, b"")
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers
