"""Alerts by webhook, to a real receiver: on the edge, again, resolved, each once and signed."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.command import command
from support.database import Database
from support.exposition import fresh, value
from support.operator_call import operator
from support.process import Fleet, Serving
from support.receiver import Received, Receiver
from support.service import World
from support.wire import exchange, until

PUBLIC = "https://firstry.example.com"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who takes messages."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def watched(tmp_path: Path, keys: KeyRing, receiver: Receiver) -> Iterator[World]:
    """A world with a webhook, in which a wait of half an hour is long."""
    with _world(tmp_path, keys, receiver) as world:
        yield world


def _world(
    folder: Path, keys: KeyRing, receiver: Receiver, database: Database | None = None
) -> World:
    return World(
        folder,
        keys,
        database=database,
        ALERT_WEBHOOK_URL=receiver.url,
        PUBLIC_URL=PUBLIC + "/",
        ALERT_BACKOFF="10m",
    )


def _failed(world: World, name: str = "acme") -> JiraSite:
    site = world.installed(name)
    world.clock.advance(hours=12)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    world.told(site, "GENERATION_FAILED", 202)
    return site


def _looked(world: World, **later: float) -> None:
    world.clock.advance(**(later or {"minutes": 1}))
    world.alert_once()


def test_it_is_told_on_the_edge_again_and_when_it_is_over(
    watched: World, receiver: Receiver
) -> None:
    watched.alert_once()
    assert receiver.got == []
    site = _failed(watched)
    _looked(watched)
    _looked(watched)
    _looked(watched, minutes=20)
    (edge,) = receiver.got
    said = edge.json()
    assert {key: said[key] for key in ("alert", "state", "severity", "count")} == {
        "alert": "BACKOFF_LONG", "state": "firing", "severity": "warning", "count": 1,
    }  # fmt: skip
    assert said["link"] == f"{PUBLIC}/console/tenants?filter=backoff%3E10m"
    assert said["runbook"] == "docs/operations.md#backoff_long"
    assert all(part in said["text"] for part in ("waits longer than 10m", said["link"], "runbook"))
    site.faults.clear()
    watched.clock.advance(minutes=8)
    watched.told(site, "GENERATED")
    _looked(watched)
    assert [each.json()["state"] for each in receiver.got] == ["firing", "resolved"]
    over = receiver.got[-1].json()
    assert (over["count"], over["alert"]) == (0, "BACKOFF_LONG")


def test_what_lasts_is_told_again_after_four_hours(watched: World, receiver: Receiver) -> None:
    site = watched.installed()
    watched.clock.advance(hours=24)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    for _ in range(3):
        watched.told(site, "GENERATION_FAILED", 202)
        watched.clock.advance(hours=2)
    _looked(watched)
    _looked(watched, hours=3, minutes=58)
    _looked(watched, minutes=3)
    states = [each.json()["state"] for each in receiver.got if _is(each, "BACKOFF_LONG")]
    assert states == ["firing", "again"]
    keys = [each.headers["idempotency-key"] for each in receiver.got]
    assert len(set(keys)) == len(keys)


def test_a_message_that_is_not_taken_is_tried_again_with_the_same_key(
    watched: World, receiver: Receiver
) -> None:
    _failed(watched)
    receiver.status = 503
    _looked(watched)
    watched.alert_once()
    assert len(receiver.got) == 1, "it waits before the next try"
    watched.clock.advance(seconds=11)
    watched.alert_once()
    receiver.status = 200
    watched.clock.advance(seconds=31)
    watched.alert_once()
    watched.clock.advance(minutes=2)
    watched.alert_once()
    assert len(receiver.got) == 3
    assert len({each.headers["idempotency-key"] for each in receiver.got}) == 1
    assert len({each.body for each in receiver.got}) == 1
    assert receiver.got[0].json()["key"] == receiver.got[0].headers["idempotency-key"]


def test_a_redirect_is_not_followed(watched: World, receiver: Receiver) -> None:
    _failed(watched)
    receiver.status, receiver.location = 307, "/elsewhere"
    _looked(watched)
    assert [each.path for each in receiver.got] == ["/hooks/s3cret-path"]


def test_a_restart_neither_repeats_nor_forgets(watched: World, receiver: Receiver) -> None:
    _failed(watched)
    _looked(watched)
    watched.restart()
    _looked(watched)
    assert len(receiver.got) == 1
    receiver.status = 500
    _failed_again = watched.installed("birch")
    _looked(watched, hours=14)
    before = len(receiver.got)
    watched.restart()
    receiver.status = 200
    _looked(watched)
    assert len(receiver.got) > before
    assert _failed_again.cloud_id not in receiver.got[-1].body.decode()


def test_of_two_processes_one_speaks(
    tmp_path: Path, keys: KeyRing, watched: World, receiver: Receiver
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    with _world(folder, keys, receiver, watched.database) as other:
        _failed(watched)
        other.clock.advance(hours=12)
        _looked(watched)
        _looked(other)
        _looked(watched)
        _looked(other)
    assert len(receiver.got) == 1


def test_it_is_signed_with_the_published_key(watched: World, receiver: Receiver) -> None:
    _failed(watched)
    _looked(watched)
    (message,) = receiver.got
    published = exchange(watched.door.port, "GET", "/.well-known/firstry-keys.json").json()
    (key,) = published["keys"]
    named, _, signature = message.headers["x-firstry-signature"].partition(",sig=")
    assert named == f"keyid={key['key_id']}"
    point = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    kind = b"application/vnd.firstry.alert+json"
    framed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(message.body), message.body)
    point.verify(base64.b64decode(signature), framed)
    with pytest.raises(InvalidSignature):
        point.verify(base64.b64decode(signature), framed + b" ")


def test_console_metrics_and_message_say_the_same(watched: World, receiver: Receiver) -> None:
    sites = [watched.installed(f"site{number}") for number in range(6)]
    watched.clock.advance(hours=12)
    for site in sites:
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        watched.told(site, "GENERATION_FAILED", 202)
    _looked(watched)
    samples = fresh(
        watched,
        lambda s: s.get(("firstry_backoff_over_threshold", (("trigger", "AUTO_12H"),))) == 6,
    )
    seen = {c["code"]: c["count"] for c in operator(watched).got("/health")["attention"]}
    told = {each.json()["alert"]: each.json()["count"] for each in receiver.got}
    assert told == {"BACKOFF_LONG": 6, "FAILURE_RATE": 6}
    assert {code: seen[code] for code in told} == told
    hour = "firstry_attempts_last_hour"
    assert value(samples, hour, trigger="AUTO_12H", outcome="failed") == 6


def test_a_ledger_that_was_changed_is_told(watched: World, receiver: Receiver) -> None:
    watched.installed()
    connection = apsw.Connection(str(watched.path))
    connection.execute("DROP TRIGGER ledger_is_written_once")
    connection.execute("UPDATE ledger SET body = CAST(body || ' ' AS BLOB)")
    connection.close()
    _looked(watched)
    (message,) = receiver.got
    assert (message.json()["alert"], message.json()["severity"]) == ("LEDGER_BROKEN", "critical")
    samples = fresh(watched, lambda s: s.get(("firstry_ledgers_broken", ())) == 1)
    assert value(samples, "firstry_store_up") == 1


def test_a_row_that_cannot_be_read_is_told_and_silences_nothing(
    watched: World, receiver: Receiver
) -> None:
    _failed(watched)
    damaged = watched.installed("damaged").cloud_id
    connection = apsw.Connection(str(watched.path))
    damage = "UPDATE milestone SET deferral_kind = ? WHERE cloud_id = ?"
    connection.execute(damage, ("nonsense", damaged))
    _looked(watched)
    told = {each.json()["alert"] for each in receiver.got}
    assert {"LEDGER_BROKEN", "BACKOFF_LONG"} <= told
    samples = fresh(watched, lambda s: s.get(("firstry_ledgers_broken", ())) == 1)
    assert value(samples, "firstry_store_up") == 1
    assert "a tenant's row is not what was written" in watched.command("doctor").out
    connection.execute(damage, (None, damaged))
    connection.close()
    for _ in range(3):
        _looked(watched)
    over = [each.json()["alert"] for each in receiver.got if each.json()["state"] == "resolved"]
    assert over == ["LEDGER_BROKEN"]


def test_a_broken_ledger_is_not_over_because_the_process_is_new(
    watched: World, receiver: Receiver
) -> None:
    """A walk that has not come to the broken ledger yet says nothing of it."""
    sites = sorted(watched.installed(f"site{n}").cloud_id for n in range(60))
    connection = apsw.Connection(str(watched.path))
    connection.execute("DROP TRIGGER ledger_is_written_once")
    connection.execute(
        "UPDATE ledger SET body = CAST(body || ' ' AS BLOB) WHERE cloud_id = ?", (sites[-1],)
    )
    connection.close()
    _looked(watched)
    _looked(watched)
    assert [each.json()["state"] for each in receiver.got] == ["firing"]
    watched.restart()
    for _ in range(6):
        _looked(watched)
    assert [each.json()["state"] for each in receiver.got] == ["firing"]
    connection = apsw.Connection(str(watched.path))
    connection.execute("UPDATE ledger SET body = CAST(rtrim(body, ' ') AS BLOB)")
    connection.close()
    for _ in range(6):
        _looked(watched)
    assert [each.json()["state"] for each in receiver.got] == ["firing", "resolved"]


def test_a_clock_that_was_set_back_does_not_hold_a_message_back(
    watched: World, receiver: Receiver
) -> None:
    _failed(watched)
    receiver.status = 503
    _looked(watched)
    receiver.status = 200
    watched.clock.advance(hours=-2)
    watched.alert_once()
    states = [m["state"] for m in (r.json() for r in receiver.got) if m["alert"] == "BACKOFF_LONG"]
    assert states == ["firing", "again"]


def test_a_worker_looks_by_itself_and_its_log_tells_no_secret(
    tmp_path: Path, keys: KeyRing, receiver: Receiver
) -> None:
    receiver.status = 500
    with Fleet(tmp_path, keys, ALERT_WEBHOOK_URL=receiver.url) as fleet:
        site = fleet.new_site()
        fleet.record(site, fleet.clock.now() - timedelta(hours=14))
        serving = fleet.serve("worker")
        ready = exchange(serving.port, "GET", "/readyz")
        assert (ready.status, ready.json()["checks"]["worker"]) == (200, "ok")
        assert b"firstry_due_lag_seconds" in exchange(serving.port, "GET", "/metrics").body
        _wait_for(serving, "alert_undelivered")
        receiver.status = 200
        fleet.advance(seconds=11)
        _wait_for(serving, "alert_delivered")
        serving.stop()
        shown = command(tmp_path, fleet.environ, "config", "show", "--json")
    assert {each.json()["alert"] for each in receiver.got} == {"VAULT_DRY"}
    logged = "\n".join(serving.lines) + shown.out
    assert "s3cret-path" not in logged
    sent = "".join(each.body.decode() + json.dumps(dict(each.headers)) for each in receiver.got)
    for secret in (site.cloud_id, site.name, "A" * 43, "B" * 42, "Bearer"):
        assert secret not in sent


def test_a_worker_that_hangs_is_not_ready(watched: World) -> None:
    pulse = watched.pulse
    assert "worker" not in _ready(watched, 200)
    pulse.beat()
    assert _ready(watched, 200)["worker"] == "ok"
    watched.clock.skip(61)
    assert _ready(watched, 503)["worker"].startswith("no pass for 6")
    pulse.beat()
    _ready(watched, 200)


def _ready(world: World, status: int) -> dict[str, str]:
    answer = exchange(world.door.port, "GET", "/readyz")
    assert answer.status == status, answer.body
    checks: dict[str, str] = answer.json()["checks"]
    return checks


def _wait_for(serving: Serving, event: str) -> None:
    wait = until()
    while not any(each["event"] == event for each in serving.events):
        wait.more(event)


def _is(message: Received, name: str) -> bool:
    return bool(message.json()["alert"] == name)
