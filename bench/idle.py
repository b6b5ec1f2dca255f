"""An idle tick over HTTP beside a bare server that verifies and reads (perf-4).

All are processes of their own and answer the same requests: `firstry serve` as it is
run, and two of `bench.idle_bare`. Beside requests a second stands the processor time of the
server's process, which tells more where others use the machine too.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.request import Request, urlopen

from bench.ground import Ground
from bench.idle_load import Load, load
from bench.row import ROUNDS, Row
from firstry.sim.jira import JiraSite, new_site
from firstry.sim.platform import APP_ID, Platform
from firstry.sim.platform_event import installed_event
from firstry.sim.server import SimulatorServer
from firstry.stores.clock import HostClock

REQUESTS = 4000
CONNECTIONS = 32
FIRSTRY = str(Path(sys.executable).with_name("firstry"))
ROOT = Path(__file__).parent.parent
KEY = "k:" + "A" * 43

T = TypeVar("T")
_Measured = tuple[Load, float]


@dataclass(frozen=True, slots=True)
class _Server:
    """A server in a process of its own."""

    process: "subprocess.Popen[str]"
    port: int

    def measured(self, headers: Mapping[str, str]) -> _Measured:
        """Return what a load got of it, and the processor time of one answer in microseconds."""
        before = self._cpu_seconds()
        load_ = load(self.port, headers, CONNECTIONS, REQUESTS)
        return load_, (self._cpu_seconds() - before) * 1e6 / REQUESTS

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows(ground: Ground) -> list[Row]:
    """Measure requests a second, processor time and the slowest answers of both servers."""
    clock = HostClock()
    platform = Platform(random.Random(1))
    site = new_site(platform, random.Random(2), "bench")
    url, owner_url = _database(ground)
    with (
        SimulatorServer(platform, [site], clock=clock.now) as simulator,
        _ours(ground.folder, url, simulator) as ours,
        _bare(ground.folder, owner_url, platform, simulator, "full") as bare,
        _bare(ground.folder, owner_url, platform, simulator, "signature") as barest,
    ):
        lifetime = timedelta(hours=1)

        def headers(endpoint: str) -> dict[str, str]:
            token = platform.invocation_token(site, endpoint, at=clock.now(), lifetime=lifetime)
            system = platform.system_token(site, at=clock.now())
            return {"authorization": f"Bearer {token}", "x-forge-oauth-system": system}

        _install(ours.port, headers("on-installed"), site)
        tick = headers("hourly-tick")
        servers = (ours, bare, barest)
        for server in servers:
            load(server.port, tick, CONNECTIONS, REQUESTS // 8)
        rounds = [[server.measured(tick) for server in servers] for _ in range(ROUNDS)]
    return _rows(ground.name, *zip(*rounds, strict=True))


def _rows(
    store: str, ours: Sequence[_Measured], bare: Sequence[_Measured], barest: Sequence[_Measured]
) -> list[Row]:
    def median(of: Callable[[_Measured], float]) -> tuple[float, float, float]:
        mine, full, least = (statistics.median(map(of, each)) for each in (ours, bare, barest))
        return mine, full, least

    speed = median(lambda each: each[0].per_second)
    cpu = median(lambda each: each[1])
    slowest = median(lambda each: each[0].p99_milliseconds)
    what, against = f"idle tick, {store}", "bare Starlette, verify, one read"
    at, least = f"{what}, p99 at {CONNECTIONS} connections", "the same, signature alone"
    return [
        Row("perf-4", what, "requests/s", speed[0], against, speed[1], ">= 0.8"),
        Row("perf-4", what, "requests/s", speed[0], least, speed[2], ""),
        Row("perf-4", f"{what}, processor time", "us", cpu[0], against, cpu[1], "<= 1.25"),
        Row("perf-4", at, "ms", slowest[0], against, slowest[1], "< 50 ms"),
    ]


def _database(ground: Ground) -> tuple[str, str]:
    """Return the URL of a new database for the service, and the one of its owner."""
    url = ground.fresh()
    if ground.cluster is None:
        return url, url
    return url, ground.cluster.url(database=url.rpartition("/")[2])


@contextmanager
def _ours(folder: Path, url: str, simulator: SimulatorServer) -> Iterator[_Server]:
    settings = {
        "DATABASE_URL": url,
        "FORGE_APP_ID": APP_ID,
        "FORGE_JWKS_URL": simulator.jwks_url,
        "FORGE_API_HOSTS": simulator.api_host,
        "SECRET_KEYS": KEY,
        "SIGNING_KEY": KEY,
        "PORT": "0",
        "LOG_FORMAT": "json",
    }
    environ = {f"FIRSTRY_{name}": value for name, value in settings.items()}
    log = folder / "idle.log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [FIRSTRY, "serve"], env=os.environ | environ, stderr=told, cwd=folder, text=True
        )
        with _ended(process):
            started = _until(lambda: re.search(r'"port": (\d+)', log.read_text()))
            _until(lambda: _is_alive(int(started[1])))
            yield _Server(process, int(started[1]))


@contextmanager
def _bare(
    folder: Path, url: str, platform: Platform, simulator: SimulatorServer, depth: str
) -> Iterator[_Server]:
    pem = folder / "platform.pem"
    pem.write_bytes(platform.key.public_pem())
    command = [sys.executable, "-m", "bench.idle_bare", url, str(pem)]
    command += [simulator.api_host, depth]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert process.stdout is not None
    with _ended(process), process.stdout:
        yield _Server(process, int(process.stdout.readline()))


@contextmanager
def _ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def _is_alive(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(found: Callable[[], T | None]) -> T:
    for _ in range(500):
        if result := found():
            return result
        time.sleep(0.02)  # between two looks; 10 seconds in all
    raise TimeoutError("the server did not start")


def _install(port: int, headers: Mapping[str, str], site: JiraSite) -> None:
    body = json.dumps(installed_event(site)).encode()
    url = f"http://127.0.0.1:{port}/forge/lifecycle"
    urlopen(Request(url, body, dict(headers)), timeout=10).close()
