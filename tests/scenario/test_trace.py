"""Traces over real HTTP: a due tick as one tree, joined to the platform's own trace."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.observe.trace import FIELDS
from firstry.ports.trace import Step, note, span
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.call import TICK, headers_of
from support.receiver import Receiver
from support.service import World
from support.trace import CLIENT, SERVER, Seen, awaited, below, the
from support.wire import Answer

LONG, SHORT, PARENT = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0020000000000001"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    """Where spans go."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def traced(tmp_path: Path, keys: KeyRing, collector: Receiver) -> Iterator[World]:
    """A service that sends its spans there."""
    with World(tmp_path, keys, TRACES_URL=collector.url) as world:
        yield world
        assert world.breaches() == []


def _tick(world: World, site: JiraSite, trace_id: str | None, span_id: str | None) -> Answer:
    """Deliver a tick with these B3 headers."""
    token = world.platform.invocation_token(site, TICK.module, at=world.now())
    headers = headers_of(token, world.platform.system_token(site, at=world.now()))
    del headers["x-b3-traceid"]
    named = {"x-b3-traceid": trace_id, "x-b3-spanid": span_id}
    headers |= {name: text for name, text in named.items() if text is not None}
    return world.door.send(TICK, headers)


def _due(world: World, name: str = "acme") -> JiraSite:
    site = world.installed(name)
    world.clock.advance(hours=12)
    return site


@pytest.mark.parametrize("trace_id", [LONG, SHORT, LONG.upper()])
def test_a_due_tick_is_one_tree_below_the_span_of_the_platform(
    traced: World, collector: Receiver, trace_id: str
) -> None:
    site = _due(traced)
    assert _tick(traced, site, trace_id, PARENT).json()["reason"] == "GENERATED"
    spans = awaited(collector, lambda all_: _names(all_) >= {"tick", "attempt"})
    spans = [span for span in spans if span.name != "lifecycle"]
    tick = the(spans, "tick")
    assert (tick.trace_id, tick.parent_id) == (trace_id.lower().zfill(32), PARENT)
    assert {span.trace_id for span in spans} == {tick.trace_id}
    assert [span.name for span in below(spans, tick)] == ["claim", "attempt"]
    attempt = the(spans, "attempt")
    steps = [span.name for span in below(spans, attempt)]
    assert steps == ["jira call"] * 9 + ["generate", "settle"]
    assert len(spans) == 3 + len(steps)
    assert (tick.kind, below(spans, attempt)[0].kind) == (SERVER, CLIENT)
    assert not any(span.has_failed or span.message for span in spans)
    assert attempt.seconds >= sum(span.seconds for span in below(spans, attempt))
    _tells(site, tick, attempt, below(spans, attempt)[0])


def _tells(site: JiraSite, tick: Seen, attempt: Seen, call: Seen) -> None:
    assert tick.fields == {"cloud_id": site.cloud_id, "status": 200, "outcome": "GENERATED"}
    assert attempt.fields == {
        "cloud_id": site.cloud_id, "trigger": "AUTO_12H", "revision": 1, "attempt": 1,
        "fence": attempt.fields["fence"], "outcome": "COMPLETED",
    }  # fmt: skip
    assert call.fields == {
        "cloud_id": site.cloud_id, "dataset": "Projects", "status": 200, "outcome": "ok",
    }  # fmt: skip


def _names(spans: Sequence[Seen]) -> set[str]:
    return {span.name for span in spans}


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [
        (None, None), (None, PARENT), (LONG, None), ("", ""),
        ("0" * 16, PARENT), ("0" * 32, PARENT), (LONG, "0" * 16),
        (LONG[:-1], PARENT), (LONG + "0", PARENT), (LONG, PARENT + "0"),
        ("g" * 32, PARENT), (f" {LONG[:-2]} ", PARENT), (f"{SHORT}, {SHORT}", PARENT),
        ("-" + LONG[1:], PARENT), ("٣" * 16, PARENT),
        (f"{LONG}\u00a0", PARENT), ("a" * 6000, PARENT),
    ],
)  # fmt: skip
def test_malformed_headers_are_ignored(
    shared_trace: tuple[World, Receiver], trace_id: str | None, span_id: str | None
) -> None:
    """The tick is answered as ever, and begins a trace of its own."""
    world, collector = shared_trace
    site = world.site(f"site{len(collector.got)}")
    encoded = None if trace_id is None else trace_id.encode("utf-8").decode("latin-1")
    answer = _tick(world, site, encoded, span_id)
    assert answer.json()["reason"] == "INSTALLATION_UNKNOWN"
    spans = awaited(collector, lambda all_: any(_is_of(span, site) for span in all_))
    (tick,) = [span for span in spans if _is_of(span, site)]
    assert tick.parent_id == ""
    assert tick.trace_id not in (LONG, SHORT.zfill(32), "0" * 32)


def _is_of(span: Seen, site: JiraSite) -> bool:
    return span.fields.get("cloud_id") == site.cloud_id


@pytest.fixture(scope="module")
def shared_trace(
    tmp_path_factory: pytest.TempPathFactory, keys: KeyRing
) -> Iterator[tuple[World, Receiver]]:
    """One traced service for tests that each bring a site of their own."""
    folder = tmp_path_factory.mktemp("traced")
    with Receiver() as receiver, World(folder, keys, TRACES_URL=receiver.url) as world:
        yield world, receiver


def test_an_idle_tick_is_one_span(traced: World, collector: Receiver) -> None:
    site = traced.installed()
    traced.told(site, "NOT_DUE")  # notes the tick
    _tick(traced, site, LONG, PARENT)
    spans = awaited(collector, lambda all_: any(span.trace_id == LONG for span in all_))
    assert [span.name for span in spans] == ["lifecycle", "tick", "claim", "tick"]
    assert (spans[-1].trace_id, spans[-1].fields["outcome"]) == (LONG, "NOT_DUE")


def test_what_failed_is_marked_by_its_code_alone(traced: World, collector: Receiver) -> None:
    site = _due(traced)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    assert _tick(traced, site, LONG, PARENT).json()["reason"] == "GENERATION_FAILED"
    spans = awaited(collector, lambda all_: _names(all_) >= {"tick", "attempt"})
    call, attempt = the(spans, "jira call"), the(spans, "attempt")
    assert (call.has_failed, call.fields["status"], call.fields["outcome"]) == (
        True, 503, "server_error",
    )  # fmt: skip
    assert attempt.has_failed
    assert (attempt.fields["outcome"], attempt.fields["error_code"]) == (
        "FAILED", "JIRA_UNAVAILABLE",
    )  # fmt: skip
    assert "generate" not in _names(spans)
    assert not the(spans, "tick").has_failed, "202 is an answer"
    assert {span.message for span in spans} == {""}


def test_a_stranger_leaves_one_span_without_a_tenant(traced: World, collector: Receiver) -> None:
    headers = headers_of("no token") | {"x-b3-traceid": LONG, "x-b3-spanid": PARENT}
    assert traced.door.send(TICK, headers).status == 401
    (tick,) = awaited(collector, lambda all_: "tick" in _names(all_))
    assert tick.fields == {"status": 401, "outcome": "INVOCATION_TOKEN_INVALID"}


def test_an_attempt_that_outlives_its_tick_stays_in_the_trace(
    tmp_path: Path, keys: KeyRing, collector: Receiver
) -> None:
    with World(tmp_path, keys, TRACES_URL=collector.url, ANSWER_WITHIN="0.6s") as world:
        site = _due(world)
        site.faults.append(Fault(FaultKind.SLOW, delay=timedelta(seconds=1), times=1))
        assert _tick(world, site, LONG, PARENT).json()["reason"] == "GENERATION_IN_PROGRESS"
        spans = awaited(collector, lambda all_: _names(all_) >= {"tick", "attempt"})
        tick, attempt = the(spans, "tick"), the(spans, "attempt")
        assert attempt.parent_id == tick.span_id
        assert attempt.seconds > tick.seconds


def test_a_worker_shows_one_trace_for_what_it_does_at_once(
    traced: World, collector: Receiver
) -> None:
    """The claim is made in the worker's thread, each attempt runs in one of its own."""
    sites = [traced.installed(name) for name in ("acme", "birch")]
    traced.clock.advance(hours=11, minutes=30)
    for site in sites:
        traced.told(site, "NOT_DUE")  # brings a token that lives longer
    traced.clock.advance(minutes=30)
    traced.worker_once()
    spans = awaited(
        collector, lambda all_: sum(span.name == "attempt" for span in all_) == len(sites)
    )
    work = the(spans, "work")
    assert (work.parent_id, work.fields) == ("", {"count": 2})
    under = below(spans, work)
    assert [span.name for span in under] == ["claim", "attempt", "attempt"]
    assert {span.fields["cloud_id"] for span in under[1:]} == {site.cloud_id for site in sites}
    assert {span.trace_id for span in under} == {work.trace_id}


def test_every_step_is_recorded_somewhere(source: str) -> None:
    unused = [step.name for step in Step if f"Step.{step.name}" not in source]
    assert unused == ["PAGE", "GADGET"], "the two are made from the route's name"


@pytest.fixture(scope="module")
def source() -> str:
    """All of the service's code, as text."""
    paths = (Path(__file__).parents[2] / "src/firstry").rglob("*.py")
    return "\n".join(path.read_text("utf-8") for path in paths if path.name != "trace.py")


def test_a_field_that_is_not_listed_does_not_leave(traced: World, collector: Receiver) -> None:
    assert {"bearer", "body", "url", "headers"}.isdisjoint(FIELDS)
    with span(Step.CLAIM, bearer="s3cret", detail="one\r\ntwo"):
        note(body="s3cret", count=3)
    (claim,) = awaited(collector, lambda all_: "claim" in _names(all_))
    assert claim.fields == {"detail": "one\\x0d\\x0atwo", "count": 3}
    assert not any(b"s3cret" in message.body for message in collector.got)
