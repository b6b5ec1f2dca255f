"""A collector that is away, silent or refusing costs spans and nothing else."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.observe.trace import QUEUE, OtlpTraces
from firstry.ports.trace import Step
from firstry.sim.platform_key import KeyRing
from support.attempt import Notebook
from support.command import bare_environment
from support.process import Fleet
from support.receiver import Receiver
from support.service import StillClock, World
from support.trace import awaited, seen
from support.wire import until


@pytest.fixture
def silent() -> Iterator[tuple[str, socket.socket]]:
    """An address where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces", listening


def _away() -> str:
    """Return an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1/traces"


@pytest.mark.parametrize("status", [None, 400, 503])
def test_spans_that_cannot_be_sent_are_counted_in_the_log(
    tmp_path: Path, keys: KeyRing, status: int | None
) -> None:
    """The process works on and ends in order; its log stays lines of JSON."""
    with Receiver() as collector:
        collector.status = status or 204
        url = collector.url if status else _away()
        with Fleet(tmp_path, keys, TRACES_URL=url) as fleet:
            serving = fleet.serve()
            site = fleet.installed(serving)
            fleet.advance(hours=12)
            assert fleet.reason(serving, site) == "GENERATED"
            wait = until()
            while not any(e["event"] == "spans_lost" for e in serving.events):
                wait.more("the word of lost spans")
            serving.stop()
    assert all(line.startswith("{") for line in serving.lines), serving.lines
    lost = sum(e["count"] for e in serving.events if e["event"] == "spans_lost")
    assert 1 <= lost <= 15
    assert bool(collector.got) is (status is not None)
    assert url not in "\n".join(serving.lines)


def test_a_silent_collector_holds_up_neither_ticks_nor_the_end(
    tmp_path: Path, keys: KeyRing, silent: tuple[str, socket.socket]
) -> None:
    url, listening = silent
    with World(tmp_path, keys, TRACES_URL=url) as world:
        site = world.installed()
        caller, _ = listening.accept()
        with caller:
            assert caller.recv(65536).startswith(b"POST /v1/traces")
            world.clock.advance(hours=12)
            world.told(site, "GENERATED")
            world.restart()  # ends while the collector still owes an answer
            world.told(site, "DONE_KEY_EXISTS")


def test_spans_that_wait_are_bounded_and_the_newest_stay() -> None:
    notebook = Notebook()
    with Receiver() as collector:
        collector.status = 503
        traces = OtlpTraces(collector.url, notebook, StillClock())
        with traces.span(Step.TICK, None, {"detail": "the first"}, None):
            pass
        wait = until()
        while not collector.got:
            wait.more("the first try")
        for number in range(2 * QUEUE):  # the sender waits between its tries meanwhile
            with traces.span(Step.TICK, None, {"count": number}, None):
                pass
        collector.got.clear()
        collector.status = 204
        spans = awaited(
            collector, lambda all_: any(s.fields.get("count") == 2 * QUEUE - 1 for s in all_)
        )
        traces.close()
    assert len(spans) <= QUEUE + 1
    assert not any(span.fields.get("count") == 0 for span in spans)


def test_what_waits_is_sent_at_the_end(tmp_path: Path, keys: KeyRing) -> None:
    with Receiver() as collector:
        with Fleet(tmp_path, keys, TRACES_URL=collector.url) as fleet:
            serving = fleet.serve()
            site = fleet.installed(serving)
            fleet.advance(hours=12)
            assert fleet.reason(serving, site) == "GENERATED"
            serving.stop()
        names = [span.name for span in seen(collector)]
    assert {"lifecycle", "tick", "claim", "attempt", "settle"} <= set(names)
    assert names.count("jira call") == 9


def test_without_the_setting_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    """`firstry version`, and the wiring of a whole service."""
    for module in ("firstry.cli.main", "firstry.wiring.web", "firstry.cli.serve"):
        code = f"import sys, {module}; sys.exit('opentelemetry' in sys.modules)"
        ran = subprocess.run([sys.executable, "-c", code], env=bare_environment(), check=False)
        assert ran.returncode == 0, module
