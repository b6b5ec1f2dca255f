"""The HTTP side of a service: every route with what it needs."""

import random
import secrets
import time
from collections.abc import Callable

from starlette.applications import Starlette

from firstry import __version__
from firstry.config_value import is_loopback
from firstry.exports.key import published
from firstry.exports.publisher import ReportPublisher
from firstry.forge.client import JiraClient
from firstry.forge.jwks import KeySet
from firstry.forge.permission import JiraPermission
from firstry.forge.verifier import ForgeVerifier
from firstry.lifecycle.bulk_runner import BulkRunner
from firstry.observe.metrics import MEDIA_TYPE
from firstry.web.api.call import ApiParts
from firstry.web.api.endpoint import Api
from firstry.web.app import build_app
from firstry.web.metrics import metrics_route
from firstry.web.page.endpoint import Page
from firstry.web.remote.endpoint import Remote
from firstry.wiring.service import Service


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
