"""The simulator over real loopback HTTP: faults happen on the wire, and it stops promptly."""

import asyncio
import errno
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from random import Random

import aiohttp
import pytest

from firstry.sim.jira import COUNT, JiraSite, new_site
from firstry.sim.jira_fault import OVERSIZE_BYTES, Fault, FaultKind
from firstry.sim.platform import Platform
from firstry.sim.platform_key import KeyRing
from firstry.sim.server import JwksMode, KeyDoor, SimulatorServer

AT = datetime(2026, 3, 1, 12, 20, tzinfo=UTC)
PLATFORM = Platform(Random(1), KeyRing())
FIELD = "/rest/api/3/field"
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatorServer]:
    with SimulatorServer(PLATFORM, clock=lambda: AT) as server:
        yield server


@pytest.fixture
def server(running: SimulatorServer) -> SimulatorServer:
    running.keys = KeyDoor()
    return running


@pytest.fixture
def site(server: SimulatorServer) -> JiraSite:
    site = new_site(PLATFORM, Random(2), "acme")
    server.add(site)
    return site


async def _sent(
    session: aiohttp.ClientSession, method: str, url: str, headers: dict[str, str], body: bytes
) -> Answer:
    async with session.request(
        method, url, headers=headers, data=body, allow_redirects=False
    ) as answer:
        return answer.status, dict(answer.headers), await answer.read()


def ask(
    url: str,
    *,
    method: str = "GET",
    token: str | None = None,
    body: bytes = b"",
    within: float = 5.0,
) -> Answer:
    async def main() -> Answer:
        limit = aiohttp.ClientTimeout(total=within)
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with aiohttp.ClientSession(timeout=limit) as session:
            return await _sent(session, method, url, headers, body)

    return asyncio.run(main())


def ask_site(site: JiraSite, path: str = FIELD, *, within: float = 5.0) -> Answer:
    token = PLATFORM.system_token(site, at=AT)
    return ask(site.api_base_url + path, token=token, within=within)


def test_a_site_answers_over_http_as_it_does_in_process(
    server: SimulatorServer, site: JiraSite
) -> None:
    assert site.api_base_url == f"http://{server.api_host}/ex/jira/{site.cloud_id}"
    status, headers, body = ask_site(site, "/rest/api/3/project/search?maxResults=2")
    assert (status, headers["Content-Type"]) == (200, "application/json;charset=UTF-8")
    assert b'"total":3' in body
    assert (site.requests[-1].at, site.requests[-1].query) == (AT, "maxResults=2")
    token = PLATFORM.system_token(site, at=AT)
    query = b'{"jql": "created >= 1970-01-01"}'
    assert ask(site.api_base_url + COUNT, method="POST", token=token, body=query)[2] == (
        b'{"count":40}'
    )
    assert ask(site.api_base_url + FIELD, method="DELETE", token=token)[0] == 405
    assert ask(site.api_base_url + FIELD)[0] == 401
    assert ask(f"{server.base_url}/ex/jira/none{FIELD}", token=token)[0] == 404
    assert ask(f"{server.base_url}/", token=token)[0] == 404


def test_a_site_can_join_a_running_server(server: SimulatorServer) -> None:
    late = new_site(PLATFORM, Random(3), "globex")
    server.add(late)
    assert ask_site(late)[0] == 200


@pytest.mark.parametrize(
    ("kind", "status", "header"),
    [
        (FaultKind.BURST, 429, "Retry-After"),
        (FaultKind.UNAVAILABLE, 503, "Content-Type"),
        (FaultKind.REDIRECT, 302, "Location"),
        (FaultKind.GARBAGE, 200, "Content-Type"),
    ],
)
def test_refusals_arrive_with_their_headers(
    server: SimulatorServer, site: JiraSite, kind: FaultKind, status: int, header: str
) -> None:
    site.faults.append(Fault(kind))
    answer = ask_site(site)
    assert (answer[0], header in answer[1]) == (status, True)
    assert site.hits[kind] == 1


def test_an_oversized_answer_really_arrives(server: SimulatorServer, site: JiraSite) -> None:
    site.faults.append(Fault(FaultKind.OVERSIZED))
    assert len(ask_site(site, within=20)[2]) > OVERSIZE_BYTES


def test_slow_takes_its_time(server: SimulatorServer, site: JiraSite) -> None:
    site.faults.append(Fault(FaultKind.SLOW, delay=timedelta(milliseconds=200)))
    started = time.monotonic()
    assert ask_site(site)[0] == 200
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.SLOW])
def test_a_client_that_waits_too_long_times_out(
    server: SimulatorServer, site: JiraSite, kind: FaultKind
) -> None:
    site.faults.append(Fault(kind, times=1))
    with pytest.raises(TimeoutError):
        ask_site(site, within=0.2)
    assert site.hits[kind] == 1
    assert ask_site(site)[0] == 200


def test_a_reset_tears_this_connection_and_no_other(
    server: SimulatorServer, site: JiraSite
) -> None:
    site.faults.append(Fault(FaultKind.RESET, path=FIELD))
    head = {"Authorization": f"Bearer {PLATFORM.system_token(site, at=AT)}"}
    prefix = f"/ex/jira/{site.cloud_id}"
    with (
        closing(HTTPConnection(server.api_host, timeout=5)) as torn,
        closing(HTTPConnection(server.api_host, timeout=5)) as whole,
    ):
        for _ in range(2):
            whole.request("GET", f"{prefix}/rest/api/3/status", headers=head)
            with whole.getresponse() as answer:
                assert (answer.status, len(answer.read()) > 0) == (200, True)
            torn.request("GET", prefix + FIELD, headers=head)
            with pytest.raises(ConnectionResetError) as error:
                torn.getresponse()
            assert error.value.errno == errno.ECONNRESET, "a RST, not an orderly end"
    assert site.hits[FaultKind.RESET] == 2


def test_stop_releases_whatever_waits() -> None:
    site = new_site(PLATFORM, Random(4), "initech")
    site.faults += [Fault(FaultKind.HANG, times=1), Fault(FaultKind.SLOW)]
    server = SimulatorServer(PLATFORM, [site], clock=lambda: AT).start()
    token = PLATFORM.system_token(site, at=AT)

    async def main() -> list[object]:
        async with aiohttp.ClientSession() as session:
            head = {"Authorization": f"Bearer {token}"}
            url = site.api_base_url + FIELD
            calls = [asyncio.ensure_future(_sent(session, "GET", url, head, b"")) for _ in "ab"]
            await _until(lambda: len(site.requests) == 2)
            started = time.monotonic()
            await asyncio.to_thread(server.stop)
            assert time.monotonic() - started < 1, "released, not cancelled after the grace"
            return list(await asyncio.gather(*calls, return_exceptions=True))

    endings = asyncio.run(main())
    assert len(endings) == 2
    with pytest.raises(aiohttp.ClientConnectionError):
        ask(server.jwks_url)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 the server is a thread and has no event for this
            await asyncio.sleep(0.005)


def test_the_key_set_is_served_and_fetches_are_counted(server: SimulatorServer) -> None:
    status, headers, body = ask(server.jwks_url)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert PLATFORM.kid.encode() in body
    ask(server.jwks_url)
    assert server.keys.fetches == 2


@pytest.mark.parametrize(
    ("mode", "status"),
    [(JwksMode.FAILING, 503), (JwksMode.GARBAGE, 200), (JwksMode.REDIRECT, 302)],
)
def test_the_key_set_can_be_refused(server: SimulatorServer, mode: JwksMode, status: int) -> None:
    server.keys.mode = mode
    answer = ask(server.jwks_url)
    assert (answer[0], PLATFORM.kid.encode() in answer[2]) == (status, False)
    server.keys.mode = JwksMode.HONEST
    assert PLATFORM.kid.encode() in ask(server.jwks_url)[2]


def test_a_redirect_of_the_key_set_leads_to_keys_and_is_seen(server: SimulatorServer) -> None:
    server.keys.mode = JwksMode.REDIRECT
    moved = ask(server.jwks_url)[1]["Location"]
    assert PLATFORM.kid.encode() in ask(moved)[2]
    assert server.keys.fetches == 2


def test_the_key_set_can_be_too_big_slow_silent_and_torn(server: SimulatorServer) -> None:
    server.keys.mode = JwksMode.OVERSIZED
    assert len(ask(server.jwks_url)[2]) > 1 << 20
    server.keys.mode, server.keys.delay = JwksMode.SLOW, timedelta(milliseconds=150)
    started = time.monotonic()
    assert PLATFORM.kid.encode() in ask(server.jwks_url)[2]
    assert time.monotonic() - started >= 0.15
    server.keys.mode = JwksMode.HANG
    with pytest.raises(TimeoutError):
        ask(server.jwks_url, within=0.15)
    assert server.keys.fetches == 3
    server.keys.mode = JwksMode.RESET
    with pytest.raises(aiohttp.ClientConnectionError):
        ask(server.jwks_url)


def test_servers_live_side_by_side(server: SimulatorServer) -> None:
    other = new_site(PLATFORM, Random(5), "globex")
    with SimulatorServer(PLATFORM, [other], clock=lambda: AT) as second:
        assert second.api_host != server.api_host
        assert ask_site(other)[0] == 200
        assert ask(server.base_url + f"/ex/jira/{other.cloud_id}{FIELD}")[0] == 404


def test_a_server_that_never_started_stops() -> None:
    SimulatorServer(PLATFORM, clock=lambda: AT).stop()
