"""Jira answers 503 for 200 of 1,000 sites for two hours, and everybody is told the same.

Attention list, metrics, Prometheus' rules and the webhook are asked at the same minutes:
before, at and after each edge, and every twenty minutes between. The rules are evaluated by
promtool over what was scraped. One bulk retry clears it.
"""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from docs.page import ROOT
from firstry.domain.instant import iso
from firstry.domain.tenant import Tenant
from firstry.insight.alert import AlertName
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.exposition import Samples, fresh, value
from support.invariants import breaches_of, snapshot
from support.operator_call import Operator, operator
from support.postgres_rows import database_in
from support.receiver import Receiver
from support.service import World

SITES, DOWN = 1000, 200
RULES = ROOT / "deploy/prometheus/rules.yml"
MINUTE = timedelta(minutes=1)
EDGES = (0, 30, 60, 90, 121)
"""In minutes after Jira went down: failed once, again, alone within an hour, long ago, over."""
MINUTES = sorted({*range(0, 120, 20), *(edge + each for edge in EDGES for each in (-1, 0, 1))})
CALLERS = 4
"""So many sites call the service at once."""
Told = Mapping[str, int]
"""How many a code speaks of, by code."""


@dataclass(slots=True)
class Watched:
    """A service, whoever watches it, and what they were told minute by minute."""

    world: World
    receiver: Receiver
    caller: Operator
    sites: list[JiraSite]
    down_at: datetime
    minutes: list[int] = field(default_factory=list)
    attention: list[Told] = field(default_factory=list)
    webhook: list[Told] = field(default_factory=list)
    scraped: list[Samples] = field(default_factory=list)

    def until(self, end: int) -> None:
        """Let time pass until so many minutes after Jira went down, and look on the way."""
        last = self.minutes[-1] if self.minutes else MINUTES[0] - 1
        for minute in MINUTES:
            if last < minute <= end:
                self._look(minute)

    def _look(self, minute: int) -> None:
        """The worker works on the minute; alerts are looked at and everybody is asked after it.

        A second later, so that no number of before the worker's work counts as one of now.
        """
        begin = self.down_at + minute * MINUTE
        self.world.clock.advance(seconds=(begin - self.world.now()).total_seconds())
        self.world.worker_once()
        self.world.clock.advance(seconds=1)
        self.world.clock.skip(15)
        self.world.alert_once()
        self.minutes.append(minute)
        self.attention.append(self._attention())
        self.webhook.append(self._webhook())
        made_at, now = ("firstry_numbers_timestamp_seconds", ()), self.world.now().timestamp()
        self.scraped.append(fresh(self.world, lambda samples: samples.get(made_at) == now))

    def call_all(self, call: str, sites: list[JiraSite]) -> Counter[str]:
        """Deliver one call of each site over HTTP, and count the reasons of the answers."""
        with ThreadPoolExecutor(CALLERS) as threads:
            answers = threads.map(getattr(self.world, call), sites)
            return Counter(answer.json()["reason"] for answer in answers)

    def _attention(self) -> Told:
        found = self.caller.got("/health")["attention"]
        return {each["code"]: each["count"] for each in found}

    def _webhook(self) -> Told:
        """Return what a reader of the messages has to believe now."""
        firing: dict[str, int] = {}
        for message in self.receiver.got:
            said = message.json()
            if said["state"] == "resolved":
                del firing[said["alert"]]
            else:
                firing[said["alert"]] = said["count"]
        return firing


@pytest.fixture(params=["sqlite", "postgres"])
def watched(request: pytest.FixtureRequest, tmp_path: Path, keys: KeyRing) -> Iterator[Watched]:
    """1,000 sites that installed the app at the same time, and somebody who takes messages."""
    with (
        Receiver() as receiver,
        World(
            tmp_path,
            keys,
            database=database_in(tmp_path, request.param),
            DATASETS="Projects",
            ALERT_WEBHOOK_URL=receiver.url,
            ALERT_BACKOFF="90m",
        ) as world,
    ):
        sites = [world.site(f"site{number:04}") for number in range(SITES)]
        caller = operator(world)
        yield Watched(world, receiver, caller, sites, world.now() + timedelta(hours=12))
        found = [world.parts.store.read(Tenant.from_row(site.cloud_id)) for site in sites[::8]]
        for record in found:
            assert record is not None
            assert breaches_of(snapshot(world.parts.store, record), world.policy) == []


@pytest.mark.timeout(180)
def test_an_outage_is_told_alike_by_everybody_and_one_bulk_retry_clears_it(
    watched: Watched, tmp_path: Path
) -> None:
    down = watched.sites[::5]
    outage = Fault(FaultKind.UNAVAILABLE, watched.down_at, watched.down_at + 120 * MINUTE)
    assert watched.call_all("install", watched.sites) == {"INSTALLATION_RECORDED": SITES}
    watched.until(-1)
    watched.world.clock.advance(seconds=59)
    for site in down:
        site.faults.append(outage)
    answers = watched.call_all("tick", watched.sites)
    assert answers == {"GENERATED": SITES - DOWN, "GENERATION_FAILED": DOWN}
    watched.until(120)
    assert outage.hits >= 2 * DOWN, "each site was asked at its due time and after 30 minutes"
    _bulk_retry(watched)
    watched.until(MINUTES[-1])
    _everybody_was_told_the_same(watched)
    _the_rules_fired_at_the_same_minutes(watched, tmp_path)
    _it_is_over(watched, outage)


def _bulk_retry(watched: Watched) -> None:
    """Order what the attention list says: its filter, its act, and the number that it means."""
    found = watched.caller.got("/health")["attention"]
    (long,) = [each for each in found if each["code"] == "BACKOFF_LONG"]
    assert (long["count"], long["act"]) == (DOWN, "retry")
    ordered = watched.caller.post(
        "/bulk",
        act=long["act"],
        filter=long["filter"],
        reason="Jira is back",
        expected_count=DOWN,
    )
    assert ordered.status == 202, ordered.body
    job = watched.caller.finished(ordered.json()["job"]["job_id"])
    assert (job["done"], job["failed"]) == (DOWN, 0)


def _everybody_was_told_the_same(watched: Watched) -> None:
    """At every minute; the story is the one that was planned, so that no list is empty."""
    names = {name.value for name in AlertName}
    alerts = [{c: n for c, n in seen.items() if c in names} for seen in watched.attention]
    assert [seen.keys() for seen in alerts] == [told.keys() for told in watched.webhook]
    story = dict(zip(watched.minutes, map(sorted, alerts), strict=True))
    edges = [m for m in MINUTES[1:] if story[m] != story[MINUTES[MINUTES.index(m) - 1]]]
    assert [(minute, story[minute]) for minute in (MINUTES[0], *edges)] == [
        (-1, []),
        (30, ["BACKOFF_LONG"]),
        (60, ["BACKOFF_LONG", "FAILURE_RATE"]),
        (90, ["BACKOFF_LONG"]),
        (121, []),
    ]
    for seen, told, samples in zip(alerts, watched.webhook, watched.scraped, strict=True):
        assert told == seen
        shown = value(samples, "firstry_backoff_over_threshold", trigger="AUTO_12H")
        assert shown == seen.get("BACKOFF_LONG", 0)
        failed = value(samples, "firstry_attempts_last_hour", trigger="AUTO_12H", outcome="failed")
        assert "FAILURE_RATE" not in seen or failed == seen["FAILURE_RATE"]
    assert max(seen.get("FAILING_ALIKE", 0) for seen in watched.attention) == DOWN


def _the_rules_fired_at_the_same_minutes(watched: Watched, folder: Path) -> None:
    """Have promtool evaluate the rules over what was scraped; JSON is YAML."""
    file = folder / "outage.yml"
    story = {
        "interval": "1m",
        "external_labels": {"firstry_url": "https://firstry.example.com"},
        "input_series": list(_series(dict(zip(watched.minutes, watched.scraped, strict=True)))),
        "promql_expr_test": [
            {
                "expr": 'count by (code) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute - MINUTES[0]}m",
                "exp_samples": [
                    {"labels": f'{{code="{code}"}}', "value": 1} for code in sorted(told)
                ],
            }
            for minute, told in zip(watched.minutes, watched.webhook, strict=True)
        ],
    }
    tests = {"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": [story]}
    file.write_text(json.dumps(tests))
    ran = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _series(scraped: Mapping[int, Samples]) -> Iterator[dict[str, str]]:
    """Yield every series that the rules look at; a minute that was not scraped has no value."""
    named = set(re.findall(r"\bfirstry_[a-z_]+", RULES.read_text("utf-8")))
    keys = {key for samples in scraped.values() for key in samples if key[0] in named}
    for name, labels in sorted(keys):
        shown = ",".join(f'{label}="{text}"' for label, text in labels)
        values = [
            str(scraped.get(minute, {}).get((name, labels), "_"))
            for minute in range(MINUTES[0], MINUTES[-1] + 1)
        ]
        yield {"series": f"{name}{{{shown}}}", "values": " ".join(values)}


def _it_is_over(watched: Watched, outage: Fault) -> None:
    """All reports are made, nobody has anything to say, and the last word was that it is over."""
    assert watched.attention[-1] == watched.webhook[-1] == {}
    tally = watched.caller.got("/health")["tally"]
    done = [each["count"] for each in tally if each["state"] == "completed"]
    assert done == [SITES]
    said = [(m.json()["alert"], m.json()["state"]) for m in watched.receiver.got]
    assert said == [
        ("BACKOFF_LONG", "firing"),
        ("FAILURE_RATE", "firing"),
        ("FAILURE_RATE", "resolved"),
        ("BACKOFF_LONG", "resolved"),
    ]
    assert watched.receiver.got[0].json()["since"] == iso(watched.down_at + 30 * MINUTE)
