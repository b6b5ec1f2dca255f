"""The one place where concrete things meet: settings in, a working service out."""

import random
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from firstry.config import Settings
from firstry.domain.errors import SettingInvalid
from firstry.domain.public_key import PublicKey
from firstry.exports.signature import Ed25519Signer
from firstry.forge.client import JiraClient
from firstry.forge.evidence import JiraEvidence
from firstry.forge.transport import HttpTransport
from firstry.forge.vault import TokenVault
from firstry.insight.alert_runner import AlertParts, AlertRunner
from firstry.insight.patrol import LedgerPatrol
from firstry.lifecycle.retention import RetentionParts
from firstry.observe.counter import CountingTelemetry
from firstry.observe.log import telemetry_for
from firstry.observe.metrics import Metrics
from firstry.observe.webhook import HttpWebhook
from firstry.ports.clock import Clock
from firstry.ports.keyring import Keyring
from firstry.ports.pulse import Pulse
from firstry.ports.telemetry import Telemetry
from firstry.ports.trace import record_with
from firstry.ports.vault import Vault
from firstry.scheduler.attempt import Parts
from firstry.scheduler.runner import Runner
from firstry.scheduler.settler import GroupSettler
from firstry.stores.place import clock_for, open_store
from firstry.stores.sql.alert import SqlAlerts
from firstry.stores.sql.flag import SqlFlags
from firstry.stores.sql.holding import SqlHolding
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.wiring.eraser import eraser_of
from firstry.wiring.operators import Operators, operators_of
from firstry.wiring.policy import policy_of

if TYPE_CHECKING:
    from firstry.observe.trace import OtlpTraces

ATTEMPT_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Service:
    """Everything of one process. Close it when the process ends."""

    settings: Settings
    parts: Parts
    vault: Vault
    runner: Runner
    transport: HttpTransport
    operators: Operators
    metrics: Metrics
    pulse: Pulse
    alerts: AlertRunner | None
    retention: RetentionParts
    traces: "OtlpTraces | None"
    patrol: LedgerPatrol

    def close(self) -> None:
        """Let running attempts end, then give back what is held."""
        self.runner.close()
        if self.traces is not None:
            record_with(None)
            self.traces.close()
        self.metrics.close()
        self.transport.close()
        self.parts.store.close()


def remember_signing_key(settings: Settings, store: Keyring, now: datetime) -> Ed25519Signer:
    """Return the signer of new reports, its public half kept for ever, or raise SettingInvalid."""
    if settings.signing_key is None:
        raise SettingInvalid(
            "FIRSTRY_SIGNING_KEY is not set: reports are signed when they are made",
            "`firstry keys new` prints one",
        )
    signer = Ed25519Signer(settings.signing_key.key_id, settings.signing_key.secret)
    store.remember(PublicKey(signer.key_id, signer.point, now))
    return signer


def build_service(settings: Settings, simulated: Clock | None = None) -> Service:
    """Return the parts of one process, wired over the settings' store and its clock."""
    store = open_store(settings.database_url)
    clock = simulated or clock_for(settings.database_url, store)
    policy = policy_of(settings)
    metrics = Metrics(clock, policy)
    telemetry = CountingTelemetry(metrics.counters, telemetry_for(settings.log_format, clock))
    transport = HttpTransport()
    vault = TokenVault(store, tuple((key.key_id, key.secret) for key in settings.secret_keys))
    rng = random.SystemRandom()
    client = JiraClient(transport, clock, time.sleep, rng, calls=metrics.counters)
    flags = SqlFlags(store.database)
    evidence = JiraEvidence(client, vault, clock, settings.datasets, flags)
    signer = remember_signing_key(settings, store, clock.now())
    settle = GroupSettler(store, policy).settle
    parts = Parts(store, clock, evidence, telemetry, policy, time.sleep, signer, settle)
    limits = (settings.alert_backoff, settings.alert_failure_rate)
    operators = operators_of(store, clock, policy, *limits)
    patrol = LedgerPatrol(store, ServiceLedger(store.database), clock)
    holdings = SqlHolding(store.database)
    metrics.watch(operators.watch, holdings, patrol, client.holds.points_left)
    alerts = _alerts(settings, operators, SqlAlerts(store.database), patrol, telemetry)
    runner, traces = Runner(parts, ATTEMPT_SLOTS), _traces(settings, telemetry, clock)
    retention = RetentionParts(
        operators.insight.insight, eraser_of(settings), clock, telemetry, settings.retention
    )
    pulse = Pulse(clock)
    return Service(
        settings, parts, vault, runner, transport, operators, metrics, pulse, alerts, retention,
        traces, patrol,
    )  # fmt: skip


def _traces(settings: Settings, telemetry: Telemetry, clock: Clock) -> "OtlpTraces | None":
    """Return what takes the spans of this process, if there is somewhere to send them to."""
    if settings.traces_url is None:
        return None
    from firstry.observe.trace import OtlpTraces  # loads the SDK, which takes its time

    traces = OtlpTraces(settings.traces_url, telemetry, clock)
    record_with(traces)
    return traces


def _alerts(
    settings: Settings,
    operators: Operators,
    book: SqlAlerts,
    patrol: LedgerPatrol,
    telemetry: Telemetry,
) -> AlertRunner | None:
    """Return what delivers alerts, if there is somewhere to deliver them to."""
    key = settings.signing_key
    if settings.alert_webhook_url is None or key is None:
        return None
    webhook = HttpWebhook(settings.alert_webhook_url, key.key_id, key.secret)
    public_url = settings.public_url
    return AlertRunner(AlertParts(operators.insight, book, webhook, patrol, telemetry, public_url))
