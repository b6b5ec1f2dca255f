"""The one place where concrete things meet: settings in, a working service out."""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.applications import Starlette

from firstry import __version__
from firstry.config import Settings
from firstry.config_value import is_loopback
from firstry.domain.errors import SettingInvalid
from firstry.domain.phase import LONG_BACKOFF
from firstry.domain.policy import Policy
from firstry.domain.public_key import PublicKey
from firstry.exports.key import published
from firstry.exports.publisher import ReportPublisher
from firstry.exports.signature import Ed25519Signer
from firstry.forge.client import JiraClient
from firstry.forge.evidence import JiraEvidence
from firstry.forge.jwks import KeySet
from firstry.forge.permission import JiraPermission
from firstry.forge.transport import HttpTransport
from firstry.forge.vault import TokenVault
from firstry.forge.verifier import ForgeVerifier
from firstry.insight.alert_runner import AlertParts, AlertRunner
from firstry.insight.overview import FAILURE_SHARE, InsightParts, Watch
from firstry.insight.patrol import LedgerPatrol
from firstry.lifecycle.bulk import BulkParts
from firstry.lifecycle.bulk_runner import BulkRunner
from firstry.observe.counter import CountingTelemetry
from firstry.observe.log import telemetry_for
from firstry.observe.metrics import MEDIA_TYPE, Metrics
from firstry.observe.webhook import HttpWebhook
from firstry.ports.clock import Clock
from firstry.ports.keyring import Keyring
from firstry.ports.pulse import Pulse
from firstry.ports.telemetry import Telemetry
from firstry.ports.vault import Vault
from firstry.scheduler.attempt import Parts
from firstry.scheduler.runner import Runner
from firstry.scheduler.settler import GroupSettler
from firstry.stores.place import clock_for, open_store
from firstry.stores.sql.access import SqlTokens
from firstry.stores.sql.alert import SqlAlerts
from firstry.stores.sql.flag import SqlFlags
from firstry.stores.sql.holding import SqlHolding
from firstry.stores.sql.insight import SqlInsight
from firstry.stores.sql.job import SqlJobs
from firstry.stores.sql.store import SqlStore
from firstry.web.api.call import ApiParts
from firstry.web.api.endpoint import Api
from firstry.web.app import build_app
from firstry.web.metrics import metrics_route
from firstry.web.page.endpoint import Page
from firstry.web.remote.endpoint import Remote

ATTEMPT_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Operators:
    """What operators see and turn, behind API, console, metrics and command line alike."""

    insight: InsightParts
    bulk: BulkParts
    tokens: SqlTokens
    watch: Watch


def operators_of(
    store: SqlStore,
    clock: Clock,
    policy: Policy,
    long_backoff: timedelta = LONG_BACKOFF,
    failure_share: float = FAILURE_SHARE,
) -> Operators:
    """Return the operators' side of a store; the last two are when to raise an alert."""
    seen, flags = SqlInsight(store.database), SqlFlags(store.database)
    insight = InsightParts(store, seen, flags, clock, policy, long_backoff, failure_share)
    bulk = BulkParts(store, seen, SqlJobs(store.database), clock, policy)
    return Operators(insight, bulk, SqlTokens(store.database), Watch(insight))


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

    def close(self) -> None:
        """Let running attempts end, then give back what is held."""
        self.runner.close()
        self.metrics.close()
        self.transport.close()
        self.parts.store.close()


def policy_of(settings: Settings) -> Policy:
    """Return the rules that the settings ask for."""
    return Policy(
        triggers=settings.triggers,
        waits=settings.backoff,
        max_attempts=settings.max_attempts,
        manual_rate=settings.manual_rate,
        catch_up=settings.catch_up,
        generation_timeout=settings.generation_timeout,
        lease=settings.lease,
    )


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
    patrol, holdings = LedgerPatrol(store), SqlHolding(store.database)
    metrics.watch(operators.watch, holdings, patrol, client.holds.points_left)
    alerts = _alerts(settings, operators, SqlAlerts(store.database), patrol, telemetry)
    runner = Runner(parts, ATTEMPT_SLOTS)
    return Service(
        settings, parts, vault, runner, transport, operators, metrics, Pulse(clock), alerts
    )


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


def build_web(service: Service, *, with_remote: bool) -> tuple[Starlette, Callable[[], None]]:
    """Return the ASGI application and what to call when it stops."""
    settings, parts = service.settings, service.parts
    if not with_remote:
        return _app(service, None), lambda: None
    assert settings.forge_app_id is not None, "serve has required its settings"
    verifier = ForgeVerifier(
        app_id=settings.forge_app_id,
        environments=settings.forge_environments,
        api_hosts=settings.forge_api_hosts,
        is_loopback=is_loopback,
        keys=KeySet(settings.forge_jwks_url, service.transport, parts.clock, parts.telemetry),
    )
    remote = Remote(
        parts, service.vault, verifier, service.runner, settings.answer_within.total_seconds()
    )
    publisher = ReportPublisher(parts.store.public_keys, parts.telemetry)
    # A client of its own: who is looking may be asked even while attempts have to wait.
    rng, calls = random.SystemRandom(), service.metrics.counters
    client = JiraClient(service.transport, parts.clock, time.sleep, rng, calls=calls)
    page = Page(parts, verifier, JiraPermission(client), service.runner, publisher)
    bulk = BulkRunner(service.operators.bulk, parts.telemetry, f"bulk-{secrets.token_hex(4)}")
    api = Api(_api_parts(service, publisher, bulk), __version__)
    bulk.start()

    def close() -> None:
        bulk.close()
        api.close()
        page.close()
        remote.close()

    return _app(service, remote, page, api), close


def _api_parts(service: Service, publisher: ReportPublisher, bulk: BulkRunner) -> ApiParts:
    seen = service.operators
    return ApiParts(
        seen.insight,
        seen.bulk,
        seen.tokens,
        publisher,
        seen.watch,
        service.parts.telemetry,
        bulk.wake,
    )


def _app(
    service: Service, remote: Remote | None, page: Page | None = None, api: Api | None = None
) -> Starlette:
    parts, store = service.parts, service.parts.store
    token = service.settings.metrics_token
    return build_app(
        store,
        parts.clock,
        parts.telemetry,
        remote,
        lambda: published(store.public_keys()),
        page,
        api,
        metrics_route(service.metrics.exposed, MEDIA_TYPE, token),
        service.pulse,
    )
