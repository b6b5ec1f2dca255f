"""`/metrics` over real HTTP: it counts what happened, once, and names no tenant."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.exposition import Samples, fresh, scraped, value
from support.operator_call import operator
from support.service import World
from support.wire import exchange

TOKEN = "scrape-me-0123456789"
SURFACE = {
    "firstry_tenants": {"state", "trigger"},
    "firstry_backoff_seconds_max": {"trigger"},
    "firstry_backoff_over_threshold": {"trigger"},
    "firstry_attempts_total": {"trigger", "outcome"},
    "firstry_report_duration_seconds_count": set(),
    "firstry_due_lag_seconds": set(),
    "firstry_last_tick_timestamp_seconds": set(),
    "firstry_leases_expired_total": set(),
    "firstry_fenced_total": set(),
    "firstry_duplicates_prevented_total": set(),
    "firstry_jira_requests_total": {"outcome"},
}


def _failed(world: World, *names: str) -> list[JiraSite]:
    """Return sites whose first attempts have just failed."""
    sites = [world.installed(name) for name in names]
    world.clock.advance(hours=12)
    for site in sites:
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.told(site, "GENERATION_FAILED", 202)
    return sites


def test_the_names_that_clients_rely_on(world: World) -> None:
    shown: dict[str, set[str]] = {}
    for name, labels in fresh(world, lambda s: ("firstry_due_lag_seconds", ()) in s):
        shown.setdefault(name, set()).update(key for key, _ in labels)
    assert {name: shown.get(name) for name in SURFACE} == SURFACE


def test_attempts_ticks_and_jira_are_counted(world: World) -> None:
    site = world.installed()
    world.clock.advance(hours=12)
    world.told(site, "GENERATED")
    world.told(site, "DONE_KEY_EXISTS")
    samples = fresh(world, lambda s: _tenants(s, "completed") == 1)
    attempts = "firstry_attempts_total"
    assert value(samples, attempts, trigger="AUTO_12H", outcome="completed") == 1
    assert value(samples, attempts, trigger="AUTO_24H", outcome="completed") == 0
    assert value(samples, "firstry_report_duration_seconds_count") == 1
    assert value(samples, "firstry_duplicates_prevented_total") == 1
    assert value(samples, "firstry_ticks_total", status="200") == 2
    assert value(samples, "firstry_jira_requests_total", outcome="ok") >= 9
    assert 0 < value(samples, "firstry_jira_quota_points_left") < 65_000
    assert _tenants(samples, "scheduled", "AUTO_24H") == 1
    assert value(samples, "firstry_vault_tokens", state="live") == 1
    assert value(samples, "firstry_ledger_height") >= 3
    last = value(samples, "firstry_last_tick_timestamp_seconds")
    assert last == world.now().timestamp()
    hour = "firstry_attempts_last_hour"
    assert value(samples, hour, trigger="AUTO_12H", outcome="completed") == 1


def test_a_failure_shows_as_backoff_and_as_what_jira_answered(world: World) -> None:
    (site,) = _failed(world, "acme")
    samples = fresh(world, lambda s: _tenants(s, "backoff") == 1)
    assert value(samples, "firstry_backoff_seconds_max", trigger="AUTO_12H") == 1800
    assert value(samples, "firstry_backoff_over_threshold", trigger="AUTO_12H") == 0
    assert value(samples, "firstry_jira_requests_total", outcome="server_error") == 1
    attempts = "firstry_attempts_total"
    assert value(samples, attempts, trigger="AUTO_12H", outcome="failed") == 1
    site.faults.clear()
    world.clock.advance(minutes=30)
    world.told(site, "GENERATED")
    samples = fresh(world, lambda s: _tenants(s, "backoff") == 0)
    assert value(samples, "firstry_backoff_seconds_max", trigger="AUTO_12H") == 0


def test_the_threshold_of_a_long_backoff_is_a_setting(tmp_path: Path, keys: KeyRing) -> None:
    with World(tmp_path, keys, ALERT_BACKOFF="10m", ALERT_FAILURE_RATE="0.25") as world:
        _failed(world, "acme")
        samples = fresh(world, lambda s: _tenants(s, "backoff") == 1)
        assert value(samples, "firstry_backoff_over_threshold", trigger="AUTO_12H") == 1
        assert value(samples, "firstry_failure_rate_threshold") == 0.25
        seen = operator(world).got("/health")
        (concern,) = [c for c in seen["attention"] if c["code"] == "BACKOFF_LONG"]
        assert concern["count"] == 1


def test_a_store_that_is_away_shows_as_such(world: World) -> None:
    fresh(world, lambda s: value(s, "firstry_store_up") == 1)
    away = world.path.with_name("away.db")
    world.path.rename(away)
    samples = fresh(world, lambda s: value(s, "firstry_store_up") == 0)
    away.rename(world.path)
    assert ("firstry_due_lag_seconds", ()) not in samples
    fresh(world, lambda s: ("firstry_due_lag_seconds", ()) in s)


@pytest.mark.parametrize(
    "shown", [None, "", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"]
)
def test_a_token_is_needed_where_one_is_set(guarded: World, shown: str | None) -> None:
    headers = {} if shown is None else {"authorization": shown}
    answer = exchange(guarded.door.port, "GET", "/metrics", headers)
    assert (answer.status, answer.headers["www-authenticate"]) == (
        401, 'Bearer realm="firstry metrics"',
    )  # fmt: skip
    assert b"firstry_tenants" not in answer.body
    assert TOKEN.encode() not in answer.body
    assert scraped(guarded, TOKEN)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[World]:
    """A service whose metrics are for one token."""
    with World(tmp_path_factory.mktemp("guarded"), keys, METRICS_TOKEN=TOKEN) as world:
        yield world


def test_nothing_in_it_names_a_tenant_or_tells_a_secret(world: World) -> None:
    sites = _failed(world, "acme", "birch")
    fresh(world, lambda s: _tenants(s, "backoff") == 2)
    content = exchange(world.door.port, "GET", "/metrics").body.decode()
    for site in sites:
        assert site.cloud_id not in content
        assert site.name not in content
    for secret in ("A" * 43, "B" * 42, "Bearer", "eyJ"):
        assert secret not in content
    labels = {key for _, found in scraped(world) for key, _ in found}
    assert labels <= {"state", "trigger", "outcome", "status", "le", "version"}


def test_it_does_not_grow_with_the_tenants(world: World) -> None:
    _failed(world, "first")
    few = fresh(world, lambda s: _tenants(s, "backoff") == 1)
    _failed(world, *(f"site{number}" for number in range(4)))
    many = fresh(world, lambda s: _tenants(s, "backoff") >= 4)
    assert few.keys() == many.keys()


def _tenants(samples: Samples, state: str, trigger: str = "AUTO_12H") -> float:
    return samples.get(("firstry_tenants", (("state", state), ("trigger", trigger))), -1.0)
