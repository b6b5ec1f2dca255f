"""All settings: read once, validated loudly, frozen.

A setting comes from the environment (`FIRSTRY_<NAME>`) or from `firstry.toml`
in the working folder (`config_source`). A wrong value names the setting, the
value (never a secret) and an example. `SETTINGS` is the one list; the docs are
compared with it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from firstry.config_source import PREFIX, sourced
from firstry.config_value import (
    APP_ARI,
    URL_READERS,
    Key,
    duration_between,
    one_of,
    parse_api_hosts,
    parse_app_id,
    parse_backoff,
    parse_bearer,
    parse_database_url,
    parse_datasets,
    parse_environments,
    parse_issuer,
    parse_jwks_url,
    parse_key,
    parse_keys,
    parse_public_url,
    parse_rate,
    parse_retention,
    parse_roles,
    parse_scopes,
    parse_share,
    parse_triggers,
    parse_url,
    parse_word,
    whole_number,
    without_password,
    without_userinfo,
)
from firstry.domain.access import Role
from firstry.domain.errors import SettingInvalid
from firstry.domain.evidence import Dataset
from firstry.domain.policy import CatchUp, Trigger

MADE = "made by the command"
ATLASSIAN_JWKS_URL = "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json"
READ_JIRA_WORK = tuple(
    d
    for d in Dataset
    if d not in (Dataset.USERS, Dataset.GROUPS, Dataset.WORKFLOWS, Dataset.AUTOMATION_RULES)
)
"""The datasets that the scope read:jira-work opens: the default of DATASETS."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, parsed. Field names are the settings' names in lower case."""

    database_url: str
    migrate_database_url: str | None
    erase_database_url: str | None
    forge_app_id: str | None
    forge_jwks_url: str
    forge_environments: frozenset[str]
    forge_api_hosts: tuple[str, ...]
    secret_keys: tuple[Key, ...]
    signing_key: Key | None
    triggers: tuple[tuple[Trigger, timedelta], ...]
    backoff: tuple[timedelta, ...]
    max_attempts: int
    manual_rate: int
    catch_up: CatchUp
    datasets: frozenset[Dataset]
    answer_within: timedelta
    generation_timeout: timedelta
    lease: timedelta
    retention: timedelta | None
    alert_backoff: timedelta
    alert_failure_rate: float
    alert_webhook_url: str | None = field(repr=False)
    public_url: str | None
    host: str
    port: int
    log_format: str
    metrics_token: str | None = field(repr=False)
    traces_url: str | None
    oidc_issuer: str | None
    oidc_client_id: str | None
    oidc_client_secret: str | None = field(repr=False)
    oidc_scopes: str
    oidc_name_claim: str
    oidc_role_claim: str
    oidc_roles: Mapping[str, Role] | None
    explained: tuple["Explained", ...] = field(repr=False, default=())
    """Each one as people may see it, and where it comes from."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A setting as it is in force. A secret's value is never shown."""

    name: str
    value: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the list: how its text is read, and what a right one looks like."""

    name: str
    default: str | None
    parse: Callable[[str], Any]
    example: str
    is_secret: bool = False
    serve_needs_it: bool = False
    shown: Callable[[str], str] | None = None
    """How a value that holds a secret within it is shown; None: as it is, or not at all."""


SECOND = timedelta(seconds=1)
SETTINGS = (
    Setting(
        "DATABASE_URL",
        "sqlite:///firstry.db",
        parse_database_url,
        "sqlite:///firstry.db",
        shown=without_password,
    ),
    Setting(
        "MIGRATE_DATABASE_URL",
        None,
        parse_database_url,
        "postgresql://migrator@db.example.com/firstry",
        shown=without_password,
    ),
    Setting(
        "ERASE_DATABASE_URL",
        None,
        parse_database_url,
        "postgresql://eraser@db.example.com/firstry",
        shown=without_password,
    ),
    Setting(
        "FORGE_APP_ID",
        None,
        parse_app_id,
        f"{APP_ARI}11111111-2222-4333-8444-555555555555",
        serve_needs_it=True,
    ),
    Setting("FORGE_JWKS_URL", ATLASSIAN_JWKS_URL, parse_jwks_url, ATLASSIAN_JWKS_URL),
    Setting(
        "FORGE_ENVIRONMENTS", "PRODUCTION,STAGING,DEVELOPMENT", parse_environments, "PRODUCTION"
    ),
    Setting("FORGE_API_HOSTS", "api.atlassian.com", parse_api_hosts, "api.atlassian.com"),
    Setting(
        "SECRET_KEYS",
        None,
        parse_keys,
        "k1:<43 characters, from `firstry keys new`>",
        is_secret=True,
        serve_needs_it=True,
    ),
    Setting(
        "SIGNING_KEY",
        None,
        parse_key,
        "s1:<43 characters, from `firstry keys new`>",
        is_secret=True,
        serve_needs_it=True,
    ),
    Setting("TRIGGERS", "AUTO_12H=12h,AUTO_24H=24h", parse_triggers, "AUTO_12H=12h,AUTO_24H=24h"),
    Setting("BACKOFF", "30m,2h,24h", parse_backoff, "30m,2h,24h"),
    Setting("MAX_ATTEMPTS", "10", whole_number(1, 50), "10"),
    Setting("MANUAL_RATE", "6/h", parse_rate, "6/h"),
    Setting("CATCH_UP", "latest", CatchUp, "latest"),
    Setting("DATASETS", ",".join(READ_JIRA_WORK), parse_datasets, "Projects,Issues,Custom Fields"),
    Setting("ANSWER_WITHIN", "4s", duration_between(SECOND / 10, 5 * SECOND), "4s"),
    Setting("GENERATION_TIMEOUT", "120s", duration_between(SECOND, None), "120s"),
    Setting("LEASE", "300s", duration_between(SECOND, None), "300s"),
    Setting("RETENTION", "90d", parse_retention, "90d"),
    Setting("ALERT_BACKOFF", "2h", duration_between(60 * SECOND, None), "2h"),
    Setting("ALERT_FAILURE_RATE", "0.5", parse_share, "0.5"),
    Setting(
        "ALERT_WEBHOOK_URL",
        None,
        parse_url,
        "https://chat.example.com/hooks/firstry",
        is_secret=True,
    ),
    Setting("PUBLIC_URL", None, parse_public_url, "https://firstry.example.com"),
    Setting("HOST", "127.0.0.1", str, "127.0.0.1"),
    Setting("PORT", "8017", whole_number(0, 65535), "8017"),
    Setting("LOG_FORMAT", "auto", one_of("auto", "json", "text"), "json"),
    Setting("METRICS_TOKEN", None, parse_bearer, "<16 or more characters>", is_secret=True),
    Setting("TRACES_URL", None, parse_url, "http://127.0.0.1:4318/v1/traces"),
    Setting("OIDC_ISSUER", None, parse_issuer, "https://login.example.com"),
    Setting("OIDC_CLIENT_ID", None, parse_word, "firstry"),
    Setting("OIDC_CLIENT_SECRET", None, parse_word, "<from the provider>", is_secret=True),
    Setting("OIDC_SCOPES", "openid profile email", parse_scopes, "openid profile groups"),
    Setting("OIDC_NAME_CLAIM", "sub", parse_word, "email"),
    Setting("OIDC_ROLE_CLAIM", "groups", parse_word, "realm_access.roles"),
    Setting("OIDC_ROLES", None, parse_roles, "sre=operator,oncall=viewer"),
)
"""Every setting, in the order of the documentation."""


def load(made: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process, or raise SettingInvalid.

    `made` are settings that stand where neither the environment nor the file in
    the working folder sets them.
    """
    found = {name: (text, MADE) for name, text in (made or {}).items()}
    found |= sourced([s.name for s in SETTINGS], os.environ, Path())
    texts = {name: text for name, (text, _) in found.items()}
    settings = Settings(
        **{s.name.lower(): _value(s, texts.get(s.name)) for s in SETTINGS},
        explained=tuple(
            _explained(s, *found.get(s.name, (s.default, "default"))) for s in SETTINGS
        ),
    )
    if settings.generation_timeout >= settings.lease:
        raise SettingInvalid(
            f"{PREFIX}GENERATION_TIMEOUT ({texts.get('GENERATION_TIMEOUT', '120s')}) must be "
            f"shorter than {PREFIX}LEASE ({texts.get('LEASE', '300s')})",
            f"for example {PREFIX}GENERATION_TIMEOUT=120s {PREFIX}LEASE=300s",
        )
    needed = ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ROLES")
    missing = [PREFIX + name for name in needed if not getattr(settings, name.lower())]
    if settings.oidc_issuer is not None and missing:
        raise SettingInvalid(
            f"{PREFIX}OIDC_ISSUER needs {', '.join(missing)}",
            "for example "
            + " ".join(f"{PREFIX}{s.name}={s.example}" for s in SETTINGS if s.name in needed),
        )
    return settings


def explain() -> Sequence[Explained]:
    """Return every setting in force, or raise SettingInvalid as `load` does."""
    return load().explained


def require_for_serve(settings: Settings) -> None:
    """Raise SettingInvalid, naming all that is missing, unless a server can start."""
    _require(settings, "`firstry serve`", [s for s in SETTINGS if s.serve_needs_it])


def require_keys(settings: Settings) -> None:
    """Raise SettingInvalid unless the process can open tokens and sign reports."""
    _require(settings, "an attempt", [s for s in SETTINGS if s.serve_needs_it and s.is_secret])


def _require(settings: Settings, who: str, needed: list[Setting]) -> None:
    missing = [s for s in needed if not getattr(settings, s.name.lower())]
    if missing:
        raise SettingInvalid(
            f"{who} needs " + ", ".join(PREFIX + s.name for s in missing),
            "for example "
            + ", ".join(f"{PREFIX}{s.name}={s.example}" for s in missing)
            + "; `firstry serve --dev` makes keys of its own",
        )


def _value(setting: Setting, text: str | None) -> Any:
    text = setting.default if text is None else text
    if text is None:
        return () if setting.parse is parse_keys else None
    try:
        if (setting.is_secret or setting.shown) and text.startswith("@"):
            text = Path(text[1:]).read_text("utf-8")
        return setting.parse(text.strip())
    except (ValueError, OSError) as error:
        shown = _shown(setting, text)
        if not setting.is_secret:
            shown = repr(shown[:200])
        why = f"the file cannot be read ({error.strerror})" if isinstance(error, OSError) else error
        raise SettingInvalid(
            f"{PREFIX}{setting.name} is {shown}: {why}",
            f"for example {PREFIX}{setting.name}={setting.example}",
        ) from None


def _shown(setting: Setting, text: str) -> str:
    """Return a value as people may see it."""
    if setting.is_secret:
        return "(hidden)"
    if setting.parse in URL_READERS:
        return without_userinfo(text)
    if setting.shown is None or text.startswith("@"):
        return text
    try:
        return setting.shown(text)
    except ValueError:  # no URL at all, so nobody knows where its secret begins
        return "(hidden)"


def _explained(setting: Setting, text: str | None, source: str) -> Explained:
    return Explained(setting.name, None if text is None else _shown(setting, text), source)
