"""The Prometheus rules by promtool, and their runbook: no alert stands without an entry."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache

import pytest

from docs.page import ROOT, page
from firstry.insight.alert import AlertName
from firstry.sim.platform_key import KeyRing
from support.exposition import fresh, scraped
from support.service import World

RULES = ROOT / "deploy/prometheus/rules.yml"
RULES_TEST = ROOT / "deploy/prometheus/rules_test.yml"
DASHBOARD = ROOT / "deploy/grafana/firstry.json"
BY_PROMETHEUS_ALONE = {"STORE_DOWN", "REPORT_INVALID"}
"""Without a store no process can tell a webhook, nor whether it has told it already. And what
a process met while it answered stands in its own counter, not in the store."""
_METRIC = re.compile(r"\bfirstry_[a-z_]+")


@cache
def _alerts() -> dict[str, dict[str, str]]:
    """Return what each rule says, by its code: flat, as the file is written."""
    found = {}
    for block in RULES.read_text("utf-8").split("- alert: ")[1:]:
        said = dict(re.findall(r"^ +(\w+): (.*)$", block, re.MULTILINE))
        found[said["code"]] = said | {"alert": block.partition("\n")[0]}
    return found


def _promtool(*words: str) -> None:
    ran = subprocess.run(["promtool", *words], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_promtool_takes_the_rules() -> None:
    _promtool("check", "rules", "--lint-fatal", str(RULES))


def test_the_rules_fire_when_they_should_and_only_then() -> None:
    _promtool("test", "rules", str(RULES_TEST))


@pytest.mark.parametrize("code", _alerts())
def test_each_rule_is_tested_firing_and_silent(code: str) -> None:
    cases = RULES_TEST.read_text("utf-8")
    name = _alerts()[code]["alert"]
    assert re.search(rf"alertname: {name}\n +exp_alerts:", cases), "never fires in a test"
    assert f"alertname: {name}}}" in cases, "is never silent in a test"


def test_webhook_and_prometheus_know_the_same_alerts_with_the_same_severity() -> None:
    by_rule = {code: said["severity"] for code, said in _alerts().items()}
    by_webhook = {name.value: name.severity for name in AlertName}
    assert {c: s for c, s in by_rule.items() if c not in BY_PROMETHEUS_ALONE} == by_webhook
    assert by_rule.keys() >= BY_PROMETHEUS_ALONE


@pytest.mark.parametrize("code", sorted({*_alerts(), *AlertName}))
def test_each_alert_has_a_runbook_entry_that_says_what_to_do(code: str) -> None:
    name, anchor = "docs/operations.md", code.lower()
    assert anchor in page(name).anchors()
    if code in _alerts():
        assert _alerts()[code]["runbook_url"] == f"{name}#{anchor}"
        assert _alerts()[code]["summary"]
        assert "/console/tenants" in _alerts()[code]["tenants_url"]
    told = page(name).text.partition(f"#### {code}\n")[2].partition("\n#")[0]
    assert len(told.split()) >= 25, f"{code} has no entry to speak of"
    assert "`firstry " in told, f"the entry of {code} names no command"


def test_every_metric_of_rules_and_dashboard_exists(world: World) -> None:
    fresh(world, lambda samples: ("firstry_due_lag_seconds", ()) in samples)
    shown = {name for name, _ in scraped(world)}
    for path in (RULES, RULES_TEST, DASHBOARD):
        named = set(_METRIC.findall(path.read_text("utf-8")))
        assert sorted(named - shown - {"firstry_url"}) == [], path.name
        assert named


def test_every_metric_is_told_and_none_is_made_up(world: World) -> None:
    fresh(world, lambda samples: ("firstry_due_lag_seconds", ()) in samples)
    suffixes = re.compile(r"_(created|bucket|sum|count)$")
    shown = {suffixes.sub("", name) for name, _ in scraped(world)}
    table = page("docs/operations.md").table("metric", "labels")
    assert sorted(cell.strip("`") for cell in table.column("metric")) == sorted(
        name for name in shown if f"{name}_total" not in shown
    )


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[World]:
    """A running service with every default."""
    with World(tmp_path_factory.mktemp("alerts"), keys) as world:
        yield world
