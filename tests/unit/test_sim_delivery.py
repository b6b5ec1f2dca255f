"""Deliveries of the simulated platform: its calendar, its requests, and how it judges answers."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from firstry.sim.delivery import Delivery, Invocation, next_retry, tick_phase, ticks
from firstry.sim.jira import new_site
from firstry.sim.platform import Platform, new_uuid
from firstry.sim.platform_event import installed_event
from firstry.sim.platform_key import KeyRing

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PLATFORM = Platform(Random(1), KeyRing())
SITE = new_site(PLATFORM, Random(2), "acme")
INSTALLED = Invocation(SITE, "lifecycle", "/forge/lifecycle", installed_event(SITE))
TICK = Invocation(SITE, "tick", "/forge/tick")


class Remote(BaseHTTPRequestHandler):
    """Answers with the status in its path, and remembers what it was sent."""

    seen: list[tuple[str, dict[str, str], bytes]]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): text for name, text in self.headers.items()}
        type(self).seen.append((self.path, headers, body))
        status = int(self.path.rpartition("/")[2])
        answer = {200: b'{"reason": "NOT_DUE"}', 204: b""}.get(status, b"no json")
        self.send_response(status)
        self.send_header("Location", "/200")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def remote() -> Iterator[str]:
    Remote.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Remote) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_there_are_at_most_four_retries_a_minute_apart() -> None:
    assert [next_retry(attempt) for attempt in range(7)] == [None, *[MINUTE] * 4, None, None]


def test_the_phase_of_a_site_is_stable_and_phases_are_spread() -> None:
    rng = Random(5)
    phases = [tick_phase(new_uuid(rng)) for _ in range(2000)]
    assert all(timedelta() <= phase < HOUR for phase in phases)
    assert tick_phase(SITE.cloud_id) == tick_phase(SITE.cloud_id)
    quarters = Counter(phase // (15 * MINUTE) for phase in phases)
    assert min(quarters.values()) > 400


@pytest.mark.parametrize("interval", [HOUR, 5 * MINUTE])
def test_a_site_ticks_once_per_interval_at_its_phase(interval: timedelta) -> None:
    found = list(ticks(SITE.cloud_id, AT, AT + 24 * HOUR, interval))
    assert len(found) == 24 * HOUR // interval
    assert {later - earlier for earlier, later in pairwise(found)} == {interval}
    since = found[0] - datetime(1970, 1, 1, tzinfo=UTC)
    assert since % interval == tick_phase(SITE.cloud_id, interval)
    assert AT < found[0] <= AT + interval


def test_windows_that_meet_share_no_tick_and_miss_none() -> None:
    whole = list(ticks(SITE.cloud_id, AT, AT + 6 * HOUR))
    middle = whole[2]
    halves = [*ticks(SITE.cloud_id, AT, middle), *ticks(SITE.cloud_id, middle, AT + 6 * HOUR)]
    assert halves == whole


def test_duplicates_come_with_their_probability_and_their_seed() -> None:
    def drawn(seed: int) -> list[int]:
        delivery = Delivery(PLATFORM, "http://127.0.0.1:1", Random(seed), duplicates=0.3)
        return [delivery.copies() for _ in range(1000)]

    assert drawn(1) == drawn(1)
    assert set(drawn(1)) == {1, 2}
    assert 1250 < sum(drawn(1)) < 1350


def test_a_request_carries_the_headers_of_the_platform() -> None:
    prepared = Delivery(PLATFORM, "http://127.0.0.1:1/", Random(1)).prepare(INSTALLED, at=AT)
    keys = KeySet.import_key_set(PLATFORM.jwks())  # type: ignore[arg-type]
    claims: dict[str, Any] = jwt.decode(prepared.headers["authorization"][7:], keys).claims
    assert prepared.url == "http://127.0.0.1:1/forge/lifecycle"
    assert claims["app"]["module"]["key"] == "lifecycle"
    assert prepared.headers["x-forge-oauth-system"] == PLATFORM.system_token(SITE, at=AT)
    assert len(bytes.fromhex(prepared.headers["x-b3-traceid"])) == 8
    assert len(bytes.fromhex(prepared.headers["x-b3-spanid"])) == 8
    assert json.loads(prepared.body) == installed_event(SITE)


def test_a_retry_has_a_new_token_and_tells_its_number() -> None:
    delivery = Delivery(PLATFORM, "http://127.0.0.1:1", Random(1))
    first, second = (delivery.prepare(INSTALLED, at=AT, attempt=attempt) for attempt in (1, 2))
    assert "retryContext" not in json.loads(first.body)
    assert json.loads(second.body)["retryContext"]["retryCount"] == 1
    assert first.headers["authorization"] != second.headers["authorization"]
    assert delivery.prepare(TICK, at=AT, attempt=2).body == b""


def test_a_system_token_is_sent_only_if_asked_for() -> None:
    invocation = Invocation(SITE, "tick", "/forge/tick", with_system_token=False)
    prepared = Delivery(PLATFORM, "http://127.0.0.1:1", Random(1)).prepare(invocation, at=AT)
    assert "x-forge-oauth-system" not in prepared.headers


@pytest.mark.parametrize(
    ("status", "is_success"),
    [(200, True), (202, True), (204, True), (302, False), (401, False), (500, False)],
)
def test_any_2xx_is_success_and_no_redirect_is_followed(
    remote: str, status: int, is_success: bool
) -> None:
    invocation = Invocation(SITE, "tick", f"/{status}", {"a": 1})
    with Delivery(PLATFORM, remote, Random(1)) as delivery:
        delivered = delivery.deliver(invocation, at=AT)
    assert (delivered.status, delivered.is_success) == (status, is_success)
    assert delivered.body == ({"reason": "NOT_DUE"} if status == 200 else None)
    [(path, headers, body)] = Remote.seen
    assert (path, body) == (f"/{status}", b'{"a": 1}')
    assert headers["content-type"] == "application/json"
    assert headers["authorization"].startswith("Bearer ey")


def test_one_delivery_serves_many_invocations(remote: str) -> None:
    with Delivery(PLATFORM, remote, Random(1)) as delivery:
        for _ in range(3):
            assert delivery.deliver(Invocation(SITE, "tick", "/200"), at=AT).is_success
    assert len({headers["x-b3-traceid"] for _, headers, _ in Remote.seen}) == 3


def test_no_answer_in_time_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        limit = timedelta(milliseconds=150)
        with Delivery(PLATFORM, url, Random(1), answer_within=limit) as delivery:
            delivered = delivery.deliver(TICK, at=AT)
    assert (delivered.status, delivered.body, delivered.is_success) == (None, None, False)
    assert limit <= delivered.elapsed < timedelta(seconds=2)


def test_nobody_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with Delivery(PLATFORM, f"http://127.0.0.1:{port}", Random(1)) as delivery:
        assert delivery.deliver(TICK, at=AT).status is None
