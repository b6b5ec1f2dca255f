"""The HTTP side of a service: every route with what it needs."""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from starlette.applications import Starlette
from starlette.routing import Route

from firstry import __version__
from firstry.config_source import PREFIX
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
from firstry.web.console.endpoint import Console
from firstry.web.console.visit import ConsoleParts, SettingRow
from firstry.web.metrics import metrics_route
from firstry.web.page.endpoint import Page
from firstry.web.remote.endpoint import Remote
from firstry.wiring.eraser import eraser_of
from firstry.wiring.health import health_of
from firstry.wiring.oidc import oidc_of
from firstry.wiring.service import Service


def build_web(service: Service, *, with_remote: bool) -> tuple[Starlette, Callable[[], None]]:
    """Return the ASGI application and what to call when it stops."""
    settings, parts = service.settings, service.parts
    publisher = ReportPublisher(parts.store.public_keys, parts.telemetry)
    bulk = BulkRunner(service.operators.bulk, parts.telemetry, f"bulk-{secrets.token_hex(4)}")
    api = Api(_api_parts(service, publisher, bulk), __version__)
    if not with_remote:
        return _app(service, None, more=api.health_routes()), api.close
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
    # A client of its own: who is looking may be asked even while attempts have to wait.
    rng, calls = random.SystemRandom(), service.metrics.counters
    client = JiraClient(service.transport, parts.clock, time.sleep, rng, calls=calls)
    page = Page(parts, verifier, JiraPermission(client), service.runner, publisher)
    console_parts = _console_parts(service, publisher, bulk)
    oidc = oidc_of(service, console_parts)
    console = Console(replace(console_parts, ways=oidc.ways if oidc is not None else ()))
    bulk.start()

    def close() -> None:
        bulk.close()
        if oidc is not None:
            oidc.close()
        console.close()
        api.close()
        page.close()
        remote.close()

    more = oidc.routes() if oidc is not None else ()
    return _app(service, remote, page, api, console, more), close


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
        eraser_of(service.settings),
        health_of(service),
    )


def _console_parts(service: Service, publisher: ReportPublisher, bulk: BulkRunner) -> ConsoleParts:
    seen = service.operators
    return ConsoleParts(
        seen.insight,
        seen.bulk,
        seen.tokens,
        seen.sessions,
        publisher,
        seen.watch,
        service.parts.telemetry,
        bulk.wake,
        health_of(service),
        service.patrol,
        [
            SettingRow(PREFIX + row.name, row.value, row.source)
            for row in service.settings.explained
        ],
        service.settings.public_url,
    )


def _app(
    service: Service,
    remote: Remote | None,
    page: Page | None = None,
    api: Api | None = None,
    console: Console | None = None,
    more: Sequence[Route] = (),
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
        console,
        more,
    )
