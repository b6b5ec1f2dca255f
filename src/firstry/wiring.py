"""The one place where concrete things meet: settings in, a working service out."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette

from firstry.config import Settings
from firstry.config_value import is_loopback
from firstry.domain.errors import SettingInvalid
from firstry.domain.policy import Policy
from firstry.domain.public_key import PublicKey
from firstry.exports.key import published
from firstry.exports.signature import Ed25519Signer
from firstry.forge.client import JiraClient
from firstry.forge.evidence import JiraEvidence
from firstry.forge.jwks import KeySet
from firstry.forge.transport import HttpTransport
from firstry.forge.vault import TokenVault
from firstry.forge.verifier import ForgeVerifier
from firstry.observe.log import telemetry_for
from firstry.ports.clock import Clock
from firstry.ports.keyring import Keyring
from firstry.ports.vault import Vault
from firstry.scheduler.attempt import Parts
from firstry.scheduler.runner import Runner
from firstry.stores.sql.migration import upgrade
from firstry.stores.sql.store import SqliteStore
from firstry.web.app import build_app
from firstry.web.remote.endpoint import Remote

ATTEMPT_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Service:
    """Everything of one process. Close it when the process ends."""

    settings: Settings
    parts: Parts
    vault: Vault
    runner: Runner
    transport: HttpTransport

    def close(self) -> None:
        """Let running attempts end, then give back what is held."""
        self.runner.close()
        self.transport.close()
        self.parts.store.close()


def database_path(settings: Settings) -> Path:
    """Return the SQLite file that DATABASE_URL names."""
    return Path(settings.database_url.removeprefix("sqlite:///"))


def open_store(settings: Settings) -> SqliteStore:
    """Create and migrate the SQLite file if needed, and open it."""
    path = database_path(settings)
    if not path.parent.is_dir():
        raise SettingInvalid(
            f"FIRSTRY_DATABASE_URL is {settings.database_url!r}: its folder does not exist",
            "make the folder, or name a file in one that exists: sqlite:///firstry.db",
        )
    upgrade(path)
    store = SqliteStore(path)
    store.check()
    return store


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


def build_service(settings: Settings, clock: Clock) -> Service:
    """Return the parts of one process, wired over the settings' store and `clock`."""
    store = open_store(settings)
    telemetry = telemetry_for(settings.log_format, clock)
    transport = HttpTransport()
    vault = TokenVault(store, tuple((key.key_id, key.secret) for key in settings.secret_keys))
    client = JiraClient(transport, clock, time.sleep, random.SystemRandom())
    evidence = JiraEvidence(client, vault, clock, settings.datasets)
    signer = remember_signing_key(settings, store, clock.now())
    parts = Parts(store, clock, evidence, telemetry, policy_of(settings), time.sleep, signer)
    return Service(settings, parts, vault, Runner(parts, ATTEMPT_SLOTS), transport)


def build_web(service: Service, *, with_remote: bool) -> tuple[Starlette, Callable[[], None]]:
    """Return the ASGI application and what to call when it stops."""
    settings, parts = service.settings, service.parts
    if not with_remote:
        return _app(parts, None), lambda: None
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
    return _app(parts, remote), remote.close


def _app(parts: Parts, remote: Remote | None) -> Starlette:
    store = parts.store
    return build_app(
        store, parts.clock, parts.telemetry, remote, lambda: published(store.public_keys())
    )
